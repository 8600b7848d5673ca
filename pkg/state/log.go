package state

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logWriter appends frames to numbered log files. A file is created by the first
// frame that goes into it. A file is never changed again after a failed write or
// a restart: the log then goes on in a new one, which says by its sum after
// which frame.
type logWriter struct {
	fs    vfs.FS
	dir   string
	store uint64

	file     vfs.File // nil until the first frame of the file
	number   uint64   // of the current file
	off      int64    // its size; 0 while there is no file
	sum      uint32   // running checksum after the last frame
	unsynced []uint64 // files that may not have reached the disk, besides the current one
	dirDirty bool     // a file was created since the directory was synced
}

// maxIdleBuffer is how much memory is kept for the next frame or block.
const maxIdleBuffer = 1 << 20

// frames are buffers in which frames are put together. There are many stores, and
// few of them write at a time.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// append writes one frame. After an error the file must be left with cut.
func (l *logWriter) append(pos []byte, changes []byte) (int64, error) {
	scratch, _ := frames.Get().(*[]byte)
	defer frames.Put(scratch)
	buf := (*scratch)[:0]
	if l.file == nil {
		name := l.fs.PathJoin(l.dir, fileName(logPrefix, l.number))
		f, err := l.fs.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return 0, err
		}
		l.file, l.dirDirty = f, true
		buf = appendFileHeader(buf, logMagic, fileHeader{store: l.store, number: l.number, sum: l.sum})
	}
	at := len(buf)
	buf = beginFrame(buf)
	buf = appendPosition(buf, pos)
	buf = append(buf, changes...)
	sum := endFrame(buf, at, l.sum)
	n := int64(len(buf)) // Write may change the contents
	if cap(buf) <= maxIdleBuffer {
		*scratch = buf
	}
	if _, err := l.file.Write(buf); err != nil {
		return 0, fmt.Errorf("writing log: %w", err)
	}
	l.off += n
	l.sum = sum
	return n, nil
}

// cut ends the current file; the log goes on in the given one.
func (l *logWriter) cut(next uint64) error {
	var err error
	if l.file != nil {
		l.unsynced = append(l.unsynced, l.number)
		err = l.file.Close()
		l.file = nil
	}
	l.number, l.off = next, 0
	return err
}

// sync waits until all frames are on disk.
func (l *logWriter) sync() error {
	for len(l.unsynced) > 0 {
		if err := syncFile(l.fs, l.fs.PathJoin(l.dir, fileName(logPrefix, l.unsynced[0]))); err != nil {
			return fmt.Errorf("syncing log: %w", err)
		}
		l.unsynced = l.unsynced[1:]
	}
	if l.file != nil {
		if err := l.file.Sync(); err != nil {
			return fmt.Errorf("syncing log: %w", err)
		}
	}
	if l.dirDirty {
		if err := syncDir(l.fs, l.dir); err != nil {
			return fmt.Errorf("syncing log: %w", err)
		}
		l.dirDirty = false
	}
	return nil
}

func syncFile(fsys vfs.FS, name string) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// forget drops files before first, which a snapshot has replaced.
func (l *logWriter) forget(first uint64) {
	keep := l.unsynced[:0]
	for _, n := range l.unsynced {
		if n >= first {
			keep = append(keep, n)
		}
	}
	l.unsynced = keep
}
