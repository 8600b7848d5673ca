package state

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// journal keeps a memory store on disk: a manifest, a snapshot, and a log of
// the batches since.
//
//	in order ──write fails──> broken ──RetryInterval──> rebasing ──published──> in order
//	                             ^────────write fails──────┘
//
// While it is broken nothing is written, and what is on disk stays a usable
// older state. Rebasing is a new snapshot with a new log that does not follow
// the old one; it counts from the moment the manifest names it.
type journal struct {
	fs     vfs.FS
	dir    string
	opts   Options
	unlock io.Closer

	manifest manifest // as on disk
	log      logWriter
	numbered uint64 // highest number given to a log or snapshot

	broken   error // why the log does not continue; nil when in order
	killed   error // set by a test: the files are as they are
	rebasing bool  // the log is written again but a snapshot must complete first

	snapshot    *snapshotWriter // being written; nil otherwise
	publication chan published  // the goroutine that completes it; nil otherwise
	snapshotErr error           // why the last snapshot failed
	retryAt     time.Time       // when to try again after a failure

	logBytes      int64 // log since the snapshot on disk
	sinceSnapshot int64 // log since the snapshot being written was begun
	logFiles      int   // log files since the snapshot on disk

	snapshots      int64
	snapshotTime   time.Duration
	recoveredBytes int64
	droppedBytes   int64
}

// published is the outcome of a publication.
type published struct {
	manifest manifest
	took     time.Duration
	err      error
}

const (
	// A snapshot in progress advances by this many bytes for each byte of a
	// batch, and by at least Options.snapshotStep for each Apply.
	snapshotPace = 4

	// Each restart begins a log file; so many are tolerated.
	maxLogFiles = 32
)

// append logs a batch that is about to be applied.
func (j *journal) append(b *Batch, pos []byte) {
	if j.killed != nil || j.broken != nil && !j.rebasing {
		return
	}
	if j.log.file == nil {
		j.logFiles++
	}
	n, err := j.log.append(pos, b.buf)
	if err != nil {
		j.fail(err)
		return
	}
	j.logBytes += n
	j.sinceSnapshot += n
}

// fail records that a batch is missing in the log.
func (j *journal) fail(cause error) {
	j.broken, j.rebasing = cause, false
	j.retryAt = j.opts.now().Add(j.opts.RetryInterval)
	j.abandon()
	_ = j.log.cut(j.number()) // nothing more goes into that file
}

func (j *journal) abandon() {
	if j.snapshot != nil {
		j.snapshot.abandon(j.fs)
		j.snapshot = nil
	}
}

// verdict is what Apply tells its caller about the disk.
func (j *journal) verdict() error {
	if j.killed != nil {
		return j.killed
	}
	if j.broken == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNotPersisted, j.broken)
}

// maintain does a bounded piece of snapshot work after a batch has been logged
// and applied.
func (j *journal) maintain(m *memory, written int64) {
	switch {
	case j.killed != nil:
	case j.publication != nil:
		select {
		case p := <-j.publication:
			j.settle(p)
		default:
		}
	case j.snapshot != nil:
		j.advance(m, written)
	case j.due(m.live):
		j.begin(m)
		if j.snapshot != nil {
			j.advance(m, written)
		}
	}
}

// due reports whether a snapshot is to be begun.
func (j *journal) due(live int64) bool {
	if j.broken != nil || j.snapshotErr != nil {
		if j.opts.now().Before(j.retryAt) {
			return false
		}
		if j.broken != nil {
			return true
		}
	}
	bound := max(j.opts.SnapshotLogBytes, int64(j.opts.SnapshotRatio*float64(live)))
	return j.logBytes >= bound || j.logFiles > maxLogFiles
}

func (j *journal) begin(m *memory) {
	n := j.number()
	if err := j.log.cut(n); err != nil {
		j.fail(fmt.Errorf("closing log: %w", err))
		return
	}
	if j.broken != nil {
		j.log.sum = rand.Uint32() // does not follow the old log, which misses a batch
		j.rebasing = true
	}
	j.sinceSnapshot = 0
	w, err := beginSnapshot(j.opts, j.dir, j.manifest.Store, n, m.Position())
	if err != nil {
		j.snapshotFailed(fmt.Errorf("beginning snapshot: %w", err))
		return
	}
	w.logSum = j.log.sum
	j.snapshot = w
}

func (j *journal) advance(m *memory, written int64) {
	w := j.snapshot
	if err := w.step(m, max(snapshotPace*written, j.opts.snapshotStep)); err != nil {
		j.snapshotFailed(err)
		return
	}
	if !w.done {
		return
	}
	next := j.manifest
	next.Snapshot, next.SnapshotBytes, next.SnapshotSum = w.number, w.size, w.sum
	next.LogFirst, next.LogSum = w.number, w.logSum
	next.EndLog, next.EndOffset, next.EndSum = j.log.number, j.log.off, j.log.sum
	j.snapshot = nil
	j.publication = make(chan published, 1)
	go func(done chan<- published) {
		err := j.publish(w, next)
		done <- published{manifest: next, took: j.opts.now().Sub(w.begun), err: err}
	}(j.publication)
}

func (j *journal) snapshotFailed(err error) {
	if k, ok := errors.AsType[*killed](err); ok {
		j.killed = k
		return
	}
	j.abandon()
	j.snapshotErr = err
	j.retryAt = j.opts.now().Add(j.opts.RetryInterval)
	if j.broken != nil {
		j.fail(err)
	}
}

// publish makes a complete snapshot the one that counts. It runs beside the
// owner, because it waits for the disk, and touches only what does not change.
func (j *journal) publish(w *snapshotWriter, next manifest) error {
	err := w.file.Sync()
	if err = errors.Join(err, w.file.Close()); err != nil {
		_ = j.fs.Remove(w.name + tmpSuffix)
		return fmt.Errorf("syncing snapshot: %w", err)
	}
	if next.EndOffset > 0 {
		// Through a handle of its own: the owner may close the other one.
		if err := syncFile(j.fs, j.fs.PathJoin(j.dir, fileName(logPrefix, next.EndLog))); err != nil {
			return fmt.Errorf("syncing log: %w", err)
		}
	}
	if err := j.opts.crash(CrashBeforeNamed); err != nil {
		return err
	}
	if err := j.fs.Rename(w.name+tmpSuffix, w.name); err != nil {
		return err
	}
	if err := syncDir(j.fs, j.dir); err != nil {
		return err
	}
	if err := j.opts.crash(CrashBeforeCurrent); err != nil {
		return err
	}
	if err := writeManifest(j.fs, j.dir, next); err != nil {
		return err
	}
	if err := j.opts.crash(CrashBeforeTidied); err != nil {
		return err
	}
	removeStale(j.fs, j.dir, next)
	return nil
}

// settle takes in the outcome of a publication.
func (j *journal) settle(p published) {
	j.publication = nil
	if p.err != nil {
		j.snapshotFailed(p.err)
		return
	}
	j.manifest = p.manifest
	j.log.forget(p.manifest.LogFirst)
	j.logBytes, j.logFiles = j.sinceSnapshot, 1
	j.snapshots++
	j.snapshotTime = p.took
	j.snapshotErr = nil
	if j.rebasing {
		j.broken, j.rebasing = nil, false
	}
}

func (j *journal) number() uint64 {
	j.numbered++
	return j.numbered
}

func (j *journal) sync() error {
	if j.publication != nil { // it removes log files that still count as unsynced
		j.settle(<-j.publication)
	}
	if j.killed != nil || j.broken != nil {
		return j.verdict()
	}
	if err := j.log.sync(); err != nil {
		// The kernel may have dropped what it could not write, so the log can
		// no longer be trusted to be whole.
		j.fail(err)
		return j.verdict()
	}
	return nil
}

func (j *journal) close() error {
	err := j.sync() // waits for a publication
	if j.killed != nil {
		return j.drop()
	}
	j.abandon()
	if j.log.file != nil {
		err = errors.Join(err, j.log.file.Close())
	}
	return errors.Join(err, j.unlock.Close())
}

// drop lets go of the files of a killed store as they are.
func (j *journal) drop() error {
	err := j.unlock.Close()
	if j.snapshot != nil {
		err = errors.Join(err, j.snapshot.file.Close())
	}
	if j.log.file != nil {
		err = errors.Join(err, j.log.file.Close())
	}
	return err
}

func (j *journal) addStats(s *Stats) {
	s.LogBytes = j.logBytes
	s.SnapshotBytes = j.manifest.SnapshotBytes
	s.Snapshots = j.snapshots
	s.SnapshotTime = j.snapshotTime
	s.RecoveredBytes = j.recoveredBytes
	s.DroppedBytes = j.droppedBytes
	if s.Err == nil {
		s.Err = j.broken
	}
	if s.Err == nil {
		s.Err = j.snapshotErr
	}
}
