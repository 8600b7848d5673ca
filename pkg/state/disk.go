package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Restorer is implemented by stores that take in a changelog faster when told.
type Restorer interface {
	// Restoring switches the mode in which much is written and little read.
	// A crash in it shows an older state than otherwise, at its own position.
	// Switching off takes the time to put the keys in order.
	Restoring(on bool) error
}

// Keys of the store's own in Pebble. Data keys carry a prefix, so that none can
// be taken for the other.
const (
	metaKey    = "\x00meta"
	dataPrefix = 0x01

	unknownCount = -1

	restoreMemTable = 16 << 20
	indexBlock      = 256 << 10
)

// disk is the store on Pebble.
type disk struct {
	dir    string
	opts   Options
	unlock io.Closer
	cache  *Cache
	own    bool // the cache is this store's

	mu sync.RWMutex // guards db against Stats while it is opened and closed
	db *pebble.DB

	restoring bool
	pos       []byte
	hasPos    bool
	count     atomic.Int64
	chain     chain
	recent    recent // what was read or written of late
	key, meta []byte
	fault     *faults
	closed    bool
}

// OpenDisk opens the Pebble store kept in dir, which is created if missing and
// must not be shared with anything else. With dir "" it is kept in memory and
// lost when it is closed.
//
// Memory is bounded by the cache; give many stores one Options.Cache. Rows that
// were read or written of late are held beside Pebble, in a share of it, and all
// that was read since the last Apply. Apply reads each key it has not read
// before, to keep Len exact; keys that were read or are in the cache cost
// little.
//
// Killing the process loses the last batches, at most some 32 KiB of them; a
// loss of power, those since the last Sync or flush of a memtable. Open returns
// the state before them with its position.
//
// When a write fails (a full disk, an I/O error) Apply returns the error and
// does not apply; the store then refuses every further Apply and is to be
// closed and opened again. Damaged tables are found when they are read: see
// Store.Err.
//
// Errors: ErrLocked if the directory is open elsewhere, ErrCorrupt if its files
// are damaged.
func OpenDisk(dir string, opts Options) (Store, error) {
	opts = opts.withDefaults()
	if dir == "" {
		dir, opts.fs = "state", vfs.NewMem()
	}
	if err := makeDir(opts.fs, dir); err != nil {
		return nil, fmt.Errorf("opening state in %s: %w", dir, err)
	}
	unlock, err := lockDir(opts.fs, dir)
	if err != nil {
		return nil, fmt.Errorf("opening state in %s: %w", dir, err)
	}
	d := &disk{dir: dir, opts: opts, unlock: unlock, cache: opts.Cache, fault: &faults{}}
	if d.cache == nil {
		d.cache, d.own = NewCache(8<<20, 100), true
	}
	d.cache.stores.Add(1)
	if err := d.open(); err != nil {
		err = fmt.Errorf("opening state in %s: %w", dir, err)
		return nil, errors.Join(err, d.release())
	}
	return d, nil
}

func (d *disk) open() error {
	o := &pebble.Options{
		FS:                          d.opts.fs,
		Cache:                       d.cache.blocks,
		FileCache:                   d.cache.files,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                uint64(d.opts.MemTableBytes),
		MemTableStopWritesThreshold: 4,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
		Logger:                      d.fault,
		EventListener: &pebble.EventListener{
			BackgroundError: d.fault.background,
			FlushEnd:        d.fault.flushed,
			DataCorruption:  d.fault.damaged,
			WALCreated:      d.chain.logCreated,
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].IndexBlockSize = indexBlock // one level of index: one block less to look at for each row
	}
	if d.restoring {
		o.DisableWAL = true // flushed memtables alone make a prefix of the batches
		o.MemTableSize = uint64(min(restoreMemTable, 8*d.opts.MemTableBytes))
		o.MemTableStopWritesThreshold = 2 // several stores restore at a time
		o.L0CompactionThreshold = 8
		o.L0StopWritesThreshold = 64
	}
	// Pebble's files have a directory of their own beside our lock.
	db, err := pebble.Open(d.opts.fs.PathJoin(d.dir, "pebble"), o)
	if err != nil {
		return openError(err)
	}
	d.mu.Lock()
	d.db = db
	d.mu.Unlock()
	if err := d.readMeta(); err != nil {
		return errors.Join(err, d.closeDB())
	}
	return nil
}

// openError tells damage from a system that refuses.
func openError(err error) error {
	var refused *fs.PathError
	if errors.As(err, &refused) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

func readError(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// readMeta reads what the last Apply said about the whole, and checks that no
// earlier Apply is missing.
func (d *disk) readMeta() error {
	value, closer, err := d.db.Get([]byte(metaKey))
	if errors.Is(err, pebble.ErrNotFound) {
		d.count.Store(0)
		d.hasPos = false
		return d.chain.verify(d.db)
	}
	if err != nil {
		return readError(err)
	}
	if err := errors.Join(d.parseMeta(value), closer.Close()); err != nil {
		return err
	}
	if err := d.chain.verify(d.db); err != nil {
		return err
	}
	if d.count.Load() == unknownCount && !d.restoring { // stopped while restoring
		return d.recount()
	}
	return nil
}

func (d *disk) appendMeta(dst []byte, count int64, pos []byte) []byte {
	dst = binary.AppendVarint(dst, count)
	dst = d.chain.append(dst)
	return appendPosition(dst, pos)
}

func (d *disk) parseMeta(b []byte) error {
	count, n := binary.Varint(b)
	if n <= 0 {
		return fmt.Errorf("%w: no count", ErrCorrupt)
	}
	m := d.chain.parse(b[n:])
	if m == 0 {
		return fmt.Errorf("%w: no chain", ErrCorrupt)
	}
	pos, k := parsePosition(b[n+m:])
	if k == 0 {
		return fmt.Errorf("%w: no position", ErrCorrupt)
	}
	d.setPosition(pos)
	d.count.Store(count)
	return nil
}

func (d *disk) recount() error {
	n := int64(0)
	err := d.Scan(nil, func(_, _ []byte) bool { n++; return true })
	d.count.Store(n)
	return err
}

func (d *disk) Get(key []byte) ([]byte, bool) {
	if d.closed {
		return nil, false
	}
	hash := d.recent.hash(key)
	if value, deleted, ok := d.recent.get(key, hash); ok {
		return value, !deleted
	}
	value, closer, err := d.db.Get(d.dataKey(key))
	if err != nil {
		if !errors.Is(err, pebble.ErrNotFound) {
			d.fault.record(fmt.Errorf("reading state: %w", readError(err)))
			return nil, false
		}
		d.recent.young.DeleteHashed(key, hash)
		return nil, false
	}
	d.recent.young.PutHashed(key, value, hash)
	if err := closer.Close(); err != nil {
		d.fault.record(err)
	}
	value, deleted, _ := d.recent.young.GetHashed(key, hash)
	return value, !deleted
}

// has reports whether key is present, at the present place in a batch.
func (d *disk) has(key []byte, hash uint64) (bool, error) {
	if _, deleted, ok := d.recent.get(key, hash); ok {
		return !deleted, nil
	}
	_, closer, err := d.db.Get(d.dataKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, readError(err)
	}
	return true, closer.Close()
}

func (d *disk) dataKey(key []byte) []byte {
	d.key = append(append(d.key[:0], dataPrefix), key...)
	return d.key
}

func (d *disk) Apply(b *Batch, pos []byte) error {
	if d.closed {
		return ErrClosed
	}
	if err := d.fault.get(); err != nil {
		return err
	}
	if err := b.check(); err != nil {
		return err
	}
	count, err := d.stage(b, pos)
	if err != nil {
		return err
	}
	d.count.Store(count)
	d.setPosition(pos)
	return nil
}

// stage writes b and pos and returns the new number of keys.
func (d *disk) stage(b *Batch, pos []byte) (count int64, err error) {
	defer func() {
		if err != nil || d.restoring {
			d.recent.forget()
			return
		}
		d.recent.age(d.cache.share())
	}()
	batch := d.db.NewBatchWithSize(len(b.buf) + 8*b.n + 256)
	defer func() { err = errors.Join(err, batch.Close()) }()
	count = d.count.Load()
	for rest := b.buf; len(rest) > 0; {
		c, n := parseChange(rest)
		if n == 0 {
			return 0, ErrCorrupt
		}
		rest = rest[n:]
		if !d.restoring {
			hash := d.recent.hash(c.key)
			had, err := d.has(c.key, hash)
			if err != nil {
				return 0, err
			}
			switch {
			case c.deleted && had:
				count--
				d.recent.young.DeleteHashed(c.key, hash)
			case c.deleted:
				continue // no tombstone for what is not there
			default:
				if !had {
					count++
				}
				d.recent.young.PutHashed(c.key, c.value, hash)
			}
		}
		if c.deleted {
			err = batch.Delete(d.dataKey(c.key), nil)
		} else {
			err = batch.Set(d.dataKey(c.key), c.value, nil)
		}
		if err != nil {
			return 0, fmt.Errorf("writing state: %w", err)
		}
	}
	if d.restoring {
		count = unknownCount
	}
	if err := d.chain.extend(batch); err != nil {
		return 0, fmt.Errorf("writing state: %w", err)
	}
	d.meta = d.appendMeta(d.meta[:0], count, pos)
	if err := batch.Set([]byte(metaKey), d.meta, nil); err != nil {
		return 0, fmt.Errorf("writing state: %w", err)
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return 0, fmt.Errorf("writing state: %w", err)
	}
	return count, d.fault.get()
}

func (d *disk) setPosition(pos []byte) {
	d.hasPos = pos != nil
	d.pos = append(d.pos[:0], pos...)
}

func (d *disk) Position() []byte {
	switch {
	case !d.hasPos:
		return nil
	case d.pos == nil:
		return []byte{}
	}
	return slices.Clip(d.pos)
}

func (d *disk) Scan(prefix []byte, fn func(key, value []byte) bool) (err error) {
	if d.closed {
		return ErrClosed
	}
	lower := append([]byte{dataPrefix}, prefix...)
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
	if err != nil {
		return readError(err)
	}
	defer func() {
		if err = errors.Join(err, it.Close()); err != nil {
			err = readError(err)
			d.fault.record(err)
		}
	}()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if !fn(it.Key()[1:], value) {
			return nil
		}
	}
	return it.Error()
}

// successor returns the least key above all that start with prefix, whose first
// byte is dataPrefix.
func successor(prefix []byte) []byte {
	up := slices.Clone(prefix)
	for up[len(up)-1] == 0xff {
		up = up[:len(up)-1]
	}
	up[len(up)-1]++
	return up
}

func (d *disk) Ordered() bool { return true }

func (d *disk) Len() int { return int(max(d.count.Load(), 0)) }

func (d *disk) Bytes() int64 { return d.Stats().LiveBytes }

func (d *disk) Err() error { return d.fault.get() }

func (d *disk) Sync() error {
	if d.closed {
		return ErrClosed
	}
	if err := d.fault.get(); err != nil {
		return err
	}
	if d.db == nil {
		return nil // opening it again failed, and told so
	}
	if d.restoring {
		return errors.Join(d.db.Flush(), d.fault.get())
	}
	return errors.Join(d.db.LogData(nil, pebble.Sync), d.fault.get())
}

// Restoring implements Restorer.
func (d *disk) Restoring(on bool) error {
	if d.closed {
		return ErrClosed
	}
	if on == d.restoring {
		return nil
	}
	if err := errors.Join(d.Sync(), d.closeDB()); err != nil {
		return err
	}
	d.restoring = on
	d.recent.forget()
	return d.open()
}

func (d *disk) closeDB() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.db == nil {
		return nil
	}
	err := d.db.Close()
	d.db = nil
	return err
}

func (d *disk) Stats() Stats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s := Stats{Keys: max(d.count.Load(), 0), Err: d.fault.any()}
	if d.db == nil {
		return s
	}
	m := d.db.Metrics()
	s.LiveBytes = int64(m.DiskSpaceUsage())
	s.ArenaBytes = int64(m.MemTable.Size)
	s.LogBytes = int64(m.WAL.Size)
	s.SnapshotBytes = s.LiveBytes - int64(m.WAL.Size)
	return s
}

func (d *disk) Close() error {
	if d.closed {
		return nil
	}
	var err error
	if d.fault.get() == nil {
		err = d.Sync()
	}
	d.closed = true
	return errors.Join(err, d.closeDB(), d.release())
}

func (d *disk) release() error {
	d.cache.stores.Add(-1)
	d.recent.forget()
	if d.own {
		d.cache.Close()
	}
	return d.unlock.Close()
}
