package state

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// snapshotWriter writes all records of a memory store, a range of hashes at a
// time, while batches are applied in between. The file holds every key as it
// was at some moment since begin; replaying the log since begin over it, in
// which the changes are absolute, gives the exact state.
//
// The ranges follow the index and not the arena, because a record may move in
// the arena without being changed; its hash stays.
type snapshotWriter struct {
	file   vfs.File
	name   string // without tmpSuffix
	number uint64
	logSum uint32 // running checksum of the log at begin
	begun  time.Time

	from uint64 // hashes below are done
	done bool
	size int64
	sum  uint32

	block int64
	buf   []byte
	crash func(point string) error
}

// rangeCost is what looking through a range costs at least, in parts of a block.
const rangeCost = 32

func beginSnapshot(opts Options, dir string, store, number uint64, pos []byte) (*snapshotWriter, error) {
	fsys := opts.fs
	name := fsys.PathJoin(dir, fileName(snapshotPrefix, number))
	f, err := fsys.Create(name+tmpSuffix, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	w := &snapshotWriter{file: f, name: name, number: number, begun: opts.now(), block: opts.snapshotBlock, crash: opts.crash}
	w.buf = appendFileHeader(w.buf, snapshotMagic, fileHeader{store: store, number: number})
	at := len(w.buf)
	w.buf = beginFrame(w.buf)
	w.buf = appendPosition(w.buf, pos)
	w.sum = endFrame(w.buf, at, w.sum)
	if err := w.flush(); err != nil {
		w.abandon(fsys)
		return nil, err
	}
	return w, nil
}

// step writes about budget bytes more.
func (w *snapshotWriter) step(m *memory, budget int64) error {
	for budget > 0 && !w.done {
		w.buf = beginFrame(w.buf)
		// fn never stops the visit, so a range is always complete.
		w.from, _ = m.index.visit(w.from, w.width(m), func(r ref) bool {
			key, value := m.arena.record(r)
			w.buf = appendPut(w.buf, key, value)
			return true
		})
		w.done = w.from == 0
		budget -= max(int64(len(w.buf)), w.block/rangeCost)
		if len(w.buf) == frameHeaderBytes {
			w.buf = w.buf[:0]
			continue
		}
		w.sum = endFrame(w.buf, 0, w.sum)
		if err := w.flush(); err != nil {
			return err
		}
		if err := w.crash(CrashInSnapshot); err != nil {
			return err
		}
	}
	return nil
}

// width chooses a range of hashes that holds about a block: the segment at
// from, or a binary fraction of it if values are large.
func (w *snapshotWriter) width(m *memory) uint64 {
	if m.keys == 0 {
		return 0
	}
	seg := m.index.segments[m.index.segmentOf(w.from)]
	size := m.live / m.keys * int64(seg.live)
	cuts := bits.Len64(uint64(size / w.block))
	shift := 64 - int(seg.depth) - cuts
	if cuts == 0 {
		return 0
	}
	return 1 << shift
}

func (w *snapshotWriter) flush() error {
	n := int64(len(w.buf))
	_, err := w.file.Write(w.buf)
	if w.buf = w.buf[:0]; cap(w.buf) > maxIdleBuffer {
		w.buf = nil
	}
	if err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	w.size += n
	return nil
}

// abandon removes the unfinished file.
func (w *snapshotWriter) abandon(fsys vfs.FS) {
	// What cannot be removed now is removed when the store is next opened.
	_ = w.file.Close()
	_ = fsys.Remove(w.name + tmpSuffix)
}
