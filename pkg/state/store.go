package state

import (
	"errors"
	"hash/maphash"
	"time"
)

// Store is the keyed state of one task. See the package documentation for what
// survives a crash and for who may call what.
type Store interface {
	// Get returns the value of key. The value is read only and valid until the
	// next Apply or Close. A key with an empty value is present: ok is true.
	//
	// A store that cannot read its disk answers "absent" and remembers the
	// fault: see Err.
	Get(key []byte) (value []byte, ok bool)

	// Apply makes all changes of b, in order, and sets the position, both or
	// neither with respect to a restart. It does not wait for the disk. b and
	// pos are not kept.
	//
	// An error that wraps ErrNotPersisted says that the batch is applied and
	// readable, but a restart will show an older state (and position); see
	// OpenMemory for how the store gets over it. After any other error the
	// batch is not applied.
	Apply(b *Batch, pos []byte) error

	// Position returns the position given to the last Apply, read only and
	// valid until the next one; nil if nothing has ever been applied.
	Position() []byte

	// Scan calls fn with every key that starts with prefix, until fn returns
	// false: in key order on disk, in no order (and reading every key) in
	// memory. fn must not change the store, and key and value are valid only
	// until it returns.
	Scan(prefix []byte, fn func(key, value []byte) bool) error

	// Ordered says whether Scan goes in key order.
	Ordered() bool

	// Len returns the number of keys; 0 while a Restorer is restoring.
	Len() int

	// Bytes returns the bytes of all keys and values: exact in memory, the size
	// of the files on disk.
	Bytes() int64

	// Err returns the fault that made an earlier Get or Scan untrustworthy, if
	// any. It stays until the store is closed. The engine asks before it
	// commits what it computed from reads.
	Err() error

	// Sync waits until everything applied so far would survive a loss of power.
	Sync() error

	// Stats returns measurements. Any goroutine may call it.
	Stats() Stats

	// Close releases the store. What has been applied survives a restart. The
	// slices the store returned must no longer be used.
	Close() error
}

// Hashed is a Store that finds keys by a hash which the caller may know: it is
// maphash.Bytes of the key with the store's seed, which never changes. With
// overlays of the same seed a key is hashed once for all of them.
type Hashed interface {
	Store
	Seed() maphash.Seed
	GetHashed(key []byte, hash uint64) (value []byte, ok bool)
}

// Stats are measurements of one store.
type Stats struct {
	Keys      int64 // number of keys
	LiveBytes int64 // bytes of keys and values (Memory), of files (Disk)

	ArenaBytes int64 // memory reserved for records (Memory), memtables (Disk)
	IndexBytes int64 // memory reserved for the index (Memory)

	LogBytes      int64         // bytes a restart has to replay after the snapshot
	SnapshotBytes int64         // size of the newest complete snapshot, or of the tables on disk
	Snapshots     int64         // snapshots completed since the store was opened
	SnapshotTime  time.Duration // how long the last one took, from begin to publication

	RecoveredBytes int64 // bytes read when the store was opened
	DroppedBytes   int64 // bytes of torn or damaged log ignored when the store was opened

	// Err is why batches or snapshots do not reach the disk at present; nil
	// when all is well.
	Err error
}

var (
	// ErrCorrupt says that files on disk are damaged beyond the end of the log.
	// The owner removes the directory and rebuilds from the changelog.
	ErrCorrupt = errors.New("state: corrupt files")

	// ErrLocked says that another process, or this one, has the directory open.
	ErrLocked = errors.New("state: directory is in use")

	// ErrNotPersisted says that a batch was applied but is not on disk.
	ErrNotPersisted = errors.New("state: applied but not persisted")

	// ErrTooLarge says that a batch, key or value exceeds MaxBatchBytes,
	// MaxKeyBytes or MaxValueBytes. Nothing was applied.
	ErrTooLarge = errors.New("state: too large")

	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("state: closed")
)

// Limits of one Apply. A Kafka record is far smaller by default; the limits
// keep every length within 32 bits.
const (
	MaxKeyBytes   = 64 << 10
	MaxValueBytes = 256 << 20
	MaxBatchBytes = 1 << 30
)
