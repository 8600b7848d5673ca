package state

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configure a store. The zero value is ready for production use.
type Options struct {
	// SnapshotLogBytes is how far the log of a memory store grows, at least,
	// before a new snapshot is begun. Default 16 MiB.
	SnapshotLogBytes int64

	// SnapshotRatio is how far the log of a memory store grows, relative to
	// the live bytes, before a new snapshot is begun; the larger of both bounds
	// counts. Default 1: a restart reads about twice the state at worst.
	SnapshotRatio float64

	// RetryInterval is how long a memory store waits after a failed write to
	// its directory before it tries again. Default 5 s.
	RetryInterval time.Duration

	// Pages is where memory stores have their memory from, shared by all stores
	// that are given the same one. By default they take what they need.
	Pages *Pages

	// Cache is the block cache of a disk store, shared by all stores that are
	// given the same one. By default a store has a small one of its own.
	Cache *Cache

	// MemTableBytes is the size of a disk store's write buffer; up to four of
	// them exist under load, and they count against the cache. Default 2 MiB.
	MemTableBytes int

	// Crash is for tests of what a kill leaves behind: a memory store calls it
	// at the crash points below, partly beside its owner. After an error it does
	// nothing more to its files, Close included, and Apply returns the error.
	Crash func(point string) error

	fs            vfs.FS           // tests inject faults and crashes
	now           func() time.Time // tests run the clock
	snapshotStep  int64            // least bytes of snapshot per Apply; tests take many steps
	snapshotBlock int64            // about how much is encoded in one go
}

// The crash points of a memory store's snapshot.
const (
	CrashInSnapshot    = "within a snapshot"                            // records are in an unfinished file
	CrashBeforeNamed   = "after a snapshot, before it has its name"     // the file is whole and on disk
	CrashBeforeCurrent = "after a snapshot was named, before it counts" // the manifest names the older one
	CrashBeforeTidied  = "after a snapshot counts, before the old one is removed"
)

// crash visits a crash point.
func (o *Options) crash(point string) error {
	if o.Crash == nil {
		return nil
	}
	if err := o.Crash(point); err != nil {
		return &killed{err}
	}
	return nil
}

// killed is the error of a store that a test has killed.
type killed struct{ error }

func (k *killed) Unwrap() error { return k.error }

func (o Options) withDefaults() Options {
	if o.SnapshotLogBytes <= 0 {
		o.SnapshotLogBytes = 16 << 20
	}
	if o.SnapshotRatio <= 0 {
		o.SnapshotRatio = 1
	}
	if o.RetryInterval <= 0 {
		o.RetryInterval = 5 * time.Second
	}
	if o.MemTableBytes <= 0 {
		o.MemTableBytes = 2 << 20
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.snapshotStep <= 0 {
		o.snapshotStep = 256 << 10
	}
	if o.snapshotBlock <= 0 {
		o.snapshotBlock = 128 << 10
	}
	if o.now == nil {
		o.now = time.Now
	}
	return o
}
