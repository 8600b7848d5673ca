package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const readBuffer = 1 << 20

// openJournal locks dir, creating it if missing, and brings m to the newest
// state found there.
func openJournal(dir string, opts Options, m *memory) (*journal, error) {
	fsys := opts.fs
	if err := makeDir(fsys, dir); err != nil {
		return nil, err
	}
	unlock, err := lockDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	j := &journal{fs: fsys, dir: dir, opts: opts, unlock: unlock}
	if err := j.recover(m); err != nil {
		return nil, errors.Join(err, unlock.Close())
	}
	return j, nil
}

// makeDir makes dir and what is missing above it, so that a loss of power does
// not take it away again.
func makeDir(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := fsys.PathDir(dir)
	if parent != dir && parent != "." {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fsys, parent)
}

// lockDir takes the lock of a directory under its one true name, by which a
// second opener in the same process is recognised.
func lockDir(fsys vfs.FS, dir string) (io.Closer, error) {
	name := dir
	if fsys == vfs.Default {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if name, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
	}
	unlock, err := fsys.Lock(fsys.PathJoin(name, lockName))
	if err == nil {
		return unlock, nil
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok { // the file could not be made
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", ErrLocked, err)
}

func (j *journal) recover(m *memory) error {
	names, err := j.fs.List(j.dir)
	if err != nil {
		return err
	}
	logs, snapshots := numberedFiles(names)
	for _, n := range slices.Concat(logs, snapshots) {
		j.numbered = max(j.numbered, n)
	}
	man, ok, err := readManifest(j.fs, j.dir)
	if err != nil {
		return err
	}
	if !ok {
		if len(logs)+len(snapshots) > 0 {
			return fmt.Errorf("%w: %s is missing", ErrCorrupt, manifestName)
		}
		man = newManifest()
		if err := writeManifest(j.fs, j.dir, man); err != nil {
			return err
		}
	}
	j.manifest = man
	if man.Snapshot != 0 {
		if err := j.loadSnapshot(m); err != nil {
			return err
		}
	}
	used, err := j.replay(m, logs)
	if err != nil {
		return err
	}
	j.numbered = max(j.numbered, man.LogFirst)
	j.log.fs, j.log.dir, j.log.store = j.fs, j.dir, man.Store
	j.log.number = j.number()
	j.log.unsynced = used
	j.logFiles = len(used)
	j.logBytes = j.recoveredBytes - man.SnapshotBytes
	removeStale(j.fs, j.dir, man)
	for _, n := range logs {
		if n >= man.LogFirst && !slices.Contains(used, n) {
			_ = j.fs.Remove(j.fs.PathJoin(j.dir, fileName(logPrefix, n))) // it would be passed over again
		}
	}
	return nil
}

func (j *journal) loadSnapshot(m *memory) error {
	man := j.manifest
	name := fileName(snapshotPrefix, man.Snapshot)
	f, size, err := openSized(j.fs, j.fs.PathJoin(j.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrCorrupt, name)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if size != man.SnapshotBytes {
		return fmt.Errorf("%w: %s has %d bytes instead of %d", ErrCorrupt, name, size, man.SnapshotBytes)
	}
	r := bufio.NewReaderSize(f, readBuffer)
	h, ok, err := readFileHeader(r, size, snapshotMagic)
	if err != nil {
		return err
	}
	if !ok || h.store != man.Store || h.number != man.Snapshot {
		return fmt.Errorf("%w: %s has a wrong header", ErrCorrupt, name)
	}
	frames := frameReader{r: r, left: size - fileHeaderBytes, off: fileHeaderBytes}
	for first := true; ; first = false {
		payload, ok, err := frames.next()
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if !ok {
			break
		}
		if first {
			pos, n := parsePosition(payload)
			if n == 0 {
				return fmt.Errorf("%w: %s has no position", ErrCorrupt, name)
			}
			m.setPosition(pos)
			continue
		}
		if err := m.apply(payload); err != nil {
			return fmt.Errorf("loading %s: %w", name, err)
		}
	}
	if frames.off != size || frames.sum != man.SnapshotSum {
		return fmt.Errorf("%w: %s is damaged at offset %d", ErrCorrupt, name, frames.off)
	}
	j.recoveredBytes += size
	return nil
}

// replay applies the log files that follow one another from where the manifest
// says, and returns their numbers.
func (j *journal) replay(m *memory, logs []uint64) (used []uint64, err error) {
	man := j.manifest
	j.log.sum = man.LogSum
	whole := man.EndOffset <= fileHeaderBytes
	for _, n := range logs {
		if n < man.LogFirst {
			continue
		}
		name := fileName(logPrefix, n)
		follows, err := j.replayFile(m, n, &whole)
		if err != nil {
			return nil, fmt.Errorf("replaying %s: %w", name, err)
		}
		if follows {
			used = append(used, n)
		}
	}
	if !whole {
		return nil, fmt.Errorf("%w: the log ends before the snapshot was complete", ErrCorrupt)
	}
	return used, nil
}

// replayFile reports whether the file continues the log. One that does not is
// left over from before a restart or a failed write, or follows a damaged one.
func (j *journal) replayFile(m *memory, n uint64, whole *bool) (follows bool, err error) {
	man := j.manifest
	f, size, err := openSized(j.fs, j.fs.PathJoin(j.dir, fileName(logPrefix, n)))
	if err != nil {
		return false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, readBuffer)
	h, ok, err := readFileHeader(r, size, logMagic)
	if err != nil {
		return false, err
	}
	if !ok || h.store != man.Store || h.number != n || h.sum != j.log.sum {
		j.droppedBytes += size
		return false, nil
	}
	frames := frameReader{r: r, left: size - fileHeaderBytes, off: fileHeaderBytes, sum: h.sum}
	for {
		payload, ok, err := frames.next()
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
		pos, at := parsePosition(payload)
		if at == 0 {
			return false, fmt.Errorf("%w: no position at offset %d", ErrCorrupt, frames.off)
		}
		if err := m.apply(payload[at:]); err != nil {
			return false, err
		}
		m.setPosition(pos)
		if err := m.maintain(int64(len(payload))); err != nil {
			return false, err
		}
		if n == man.EndLog && frames.off == man.EndOffset && frames.sum == man.EndSum {
			*whole = true
		}
	}
	j.log.sum = frames.sum
	j.recoveredBytes += frames.off
	j.droppedBytes += size - frames.off
	return true, nil
}

func openSized(fsys vfs.FS, name string) (vfs.File, int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

func readFileHeader(r io.Reader, size int64, magic string) (h fileHeader, ok bool, err error) {
	var b [fileHeaderBytes]byte
	if size < fileHeaderBytes {
		return h, false, nil
	}
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return h, false, fmt.Errorf("reading header: %w", err)
	}
	h, ok = parseFileHeader(b[:], magic)
	return h, ok, nil
}

// numberedFiles returns the numbers of logs and snapshots in rising order.
func numberedFiles(names []string) (logs, snapshots []uint64) {
	for _, name := range names {
		if n, ok := fileNumber(logPrefix, name); ok {
			logs = append(logs, n)
		} else if n, ok := fileNumber(snapshotPrefix, name); ok {
			snapshots = append(snapshots, n)
		}
	}
	slices.Sort(logs)
	slices.Sort(snapshots)
	return logs, snapshots
}

// removeStale removes what a manifest has made useless. What cannot be removed
// does no harm and is tried again at the next occasion.
func removeStale(fsys vfs.FS, dir string, man manifest) {
	names, err := fsys.List(dir)
	if err != nil {
		return
	}
	for _, name := range names {
		logNumber, isLog := fileNumber(logPrefix, name)
		snapshot, isSnapshot := fileNumber(snapshotPrefix, name)
		switch {
		case isLog && logNumber < man.LogFirst,
			isSnapshot && snapshot != man.Snapshot,
			strings.HasSuffix(name, tmpSuffix):
			_ = fsys.Remove(fsys.PathJoin(dir, name))
		}
	}
}
