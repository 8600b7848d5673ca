package state

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// memory is the in-memory store: records in an arena, found through an index,
// and, with a directory, a journal that brings them back after a restart.
type memory struct {
	arena *arena
	index *index
	keys  int64
	live  int64 // bytes of keys and values

	pos     []byte
	hasPos  bool
	journal *journal // nil without a directory
	fault   error    // set when memory ran out in the middle of a batch
	closed  bool

	stats atomic.Pointer[Stats] // published by the owner for other goroutines
}

// OpenMemory opens the in-memory store kept in dir, which is created if
// missing; with dir "" nothing is kept. The directory must not be shared with
// anything else.
//
// A key costs its bytes, those of its value and some 4 to 8 more, in memory
// mapped outside the Go heap, plus 10 to 20 for the index. Up to an eighth of
// the memory may lie idle after updates; beyond that it is compacted in small
// steps. Nothing ever pauses for all keys: the index grows piecewise, and so are
// snapshots written, both within Apply and in proportion to the size of its
// batch.
//
// Each Apply appends the batch and its position to a log, without waiting for
// the disk. When the log has outgrown Options.SnapshotLogBytes and
// SnapshotRatio, a snapshot is written, after which the older log is removed.
// Killing the process loses at most the Apply it was in; a loss of power loses
// what was applied since the last Sync or snapshot.
//
// When the directory cannot be written (a full disk, an I/O error), Apply goes
// on in memory and returns ErrNotPersisted, with the cause, until the state is
// on disk again. What was on disk before stays usable. Every
// Options.RetryInterval a new snapshot is tried; once it is complete, nothing
// has been lost. A failed snapshot while the log is in order does not fail
// Apply: it shows in Stats.Err and is tried again.
//
// Errors: ErrLocked if the directory is open elsewhere, ErrCorrupt if its files
// are damaged.
func OpenMemory(dir string, opts Options) (Store, error) {
	m, err := newMemory(opts.Pages)
	if err != nil {
		return nil, err
	}
	if dir != "" {
		if m.journal, err = openJournal(dir, opts.withDefaults(), m); err != nil {
			m.unmap()
			return nil, fmt.Errorf("opening state in %s: %w", dir, err)
		}
	}
	m.publish()
	return m, nil
}

func newMemory(pages *Pages) (*memory, error) {
	a, err := newArena(pages)
	if err != nil {
		return nil, err
	}
	x, err := newIndex(a)
	if err != nil {
		a.close()
		return nil, err
	}
	return &memory{arena: a, index: x}, nil
}

func (m *memory) unmap() {
	m.index.close()
	m.arena.close()
}

func (m *memory) Get(key []byte) ([]byte, bool) {
	if m.closed {
		return nil, false
	}
	return m.GetHashed(key, m.index.hash(key))
}

// Seed is that of GetHashed.
func (m *memory) Seed() maphash.Seed { return m.index.seed }

// GetHashed is Get for a key whose maphash.Bytes with Seed is known.
func (m *memory) GetHashed(key []byte, hash uint64) ([]byte, bool) {
	if m.closed {
		return nil, false
	}
	slot := m.index.find(key, hash)
	if slot == nil {
		return nil, false
	}
	_, value := m.arena.record(ref(*slot & refMask))
	return value, true
}

func (m *memory) Apply(b *Batch, pos []byte) error {
	if m.closed {
		return ErrClosed
	}
	if m.fault != nil {
		return m.fault
	}
	if err := b.check(); err != nil {
		return err
	}
	if m.journal != nil {
		m.journal.append(b, pos)
	}
	if err := m.apply(b.buf); err != nil {
		m.fault = fmt.Errorf("state: batch applied in part: %w", err)
		return m.fault
	}
	m.setPosition(pos)
	if err := m.maintain(int64(len(b.buf))); err != nil {
		m.fault = err
		return err
	}
	if m.journal != nil {
		m.journal.maintain(m, int64(len(b.buf)))
	}
	m.publish()
	if m.journal != nil {
		return m.journal.verdict()
	}
	return nil
}

// apply makes the changes encoded in buf.
func (m *memory) apply(buf []byte) error {
	for len(buf) > 0 {
		c, n := parseChange(buf)
		if n == 0 {
			return ErrCorrupt
		}
		if c.deleted {
			m.delete(c.key)
		} else if err := m.put(c.key, c.value); err != nil {
			return err
		}
		buf = buf[n:]
	}
	return nil
}

func (m *memory) put(key, value []byte) error {
	hash := m.index.hash(key)
	slot := m.index.find(key, hash)
	if slot == nil {
		r, err := m.arena.put(key, value)
		if err != nil {
			return err
		}
		m.keys++
		m.live += int64(len(key) + len(value))
		return m.index.insert(hash, r)
	}
	old := ref(*slot & refMask)
	_, was := m.arena.record(old)
	m.live += int64(len(value) - len(was))
	if m.arena.replace(old, key, value) {
		return nil
	}
	r, err := m.arena.put(key, value)
	if err != nil {
		return err
	}
	m.arena.release(old)
	*slot = tagOf(hash) | uint64(r)
	return nil
}

func (m *memory) delete(key []byte) {
	hash := m.index.hash(key)
	slot := m.index.find(key, hash)
	if slot == nil {
		return
	}
	r := ref(*slot & refMask)
	_, value := m.arena.record(r)
	m.keys--
	m.live -= int64(len(key) + len(value))
	m.index.remove(hash, slot)
	m.arena.release(r)
}

// maintain compacts the arena, if there is need, in proportion to what was
// written.
func (m *memory) maintain(written int64) error {
	budget := (written + 16<<10) * m.arena.compactionFactor()
	return m.arena.compact(budget, m.index.moved)
}

func (m *memory) setPosition(pos []byte) {
	m.hasPos = pos != nil
	m.pos = append(m.pos[:0], pos...)
}

func (m *memory) Position() []byte {
	if !m.hasPos {
		return nil
	}
	if m.pos == nil {
		return []byte{}
	}
	return slices.Clip(m.pos)
}

func (m *memory) Scan(prefix []byte, fn func(key, value []byte) bool) error {
	if m.closed {
		return ErrClosed
	}
	for at, more := uint64(0), true; more; more = more && at != 0 {
		at, more = m.index.visit(at, 0, func(r ref) bool {
			key, value := m.arena.record(r)
			return !bytes.HasPrefix(key, prefix) || fn(key, value)
		})
	}
	return nil
}

func (m *memory) Ordered() bool { return false }

func (m *memory) Len() int { return int(m.keys) }

func (m *memory) Bytes() int64 { return m.live }

func (m *memory) Err() error { return m.fault }

func (m *memory) Sync() error {
	switch {
	case m.closed:
		return ErrClosed
	case m.journal == nil:
		return nil
	}
	return m.journal.sync()
}

func (m *memory) publish() {
	s := &Stats{
		Keys: m.keys, LiveBytes: m.live,
		ArenaBytes: m.arena.mapped, IndexBytes: m.index.bytes(),
		Err: m.fault,
	}
	if m.journal != nil {
		m.journal.addStats(s)
	}
	m.stats.Store(s)
}

func (m *memory) Stats() Stats { return *m.stats.Load() }

func (m *memory) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	var err error
	if m.journal != nil {
		err = m.journal.close()
	}
	m.unmap()
	return err
}
