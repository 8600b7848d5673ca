package service

import (
	"fmt"
	"math"
	"runtime/debug"

	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream"
)

// leastMemory is what a process needs for its code, its connections and one
// product, in MiB.
const leastMemory = 128

// memory is how Config.Memory is shared out between what takes memory: two fifths
// for the Go heap, in which records are on their way in and out, a third for
// state, and the rest for what nobody counts: pages of files, write buffers,
// allocators. Without a limit each takes what it needs. The heap of many products
// may have what the others leave (heapRoom).
type memory struct {
	bytes int64 // 0: no limit
	pages *state.Pages
	cache *state.Cache
	heap  int64 // the soft limit that was there before; 0: it is not ours
	room  *heapRoom
}

// newMemory sets the limits of the process. A GOMEMLIMIT of the environment stays
// the limit of the heap.
func newMemory(stateDir string, mib int) *memory {
	m := &memory{bytes: int64(mib) << 20}
	if m.bytes == 0 {
		m.cache = state.NewCache(64<<20, 1000)
		return m
	}
	m.pages = state.NewPages(stateDir, m.bytes/4)
	m.cache = state.NewCache(m.bytes/10, 1000)
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		m.heap = debug.SetMemoryLimit(m.bytes * 2 / 5)
	}
	return m
}

// options are those of the stores of all products.
func (m *memory) options() state.Options {
	o := state.Options{Pages: m.pages, Cache: m.cache}
	if m.bytes > 0 {
		o.MemTableBytes = 512 << 10
	}
	return o
}

// transactions is what those of so many products may take together, two of each and what they change; nil: each as much
// as the engine lets it.
func (m *memory) transactions(products int) *stream.TxnMemory {
	if m.bytes == 0 || products == 0 {
		return nil
	}
	return stream.NewTxnMemory(m.bytes/16, min(max(m.bytes/48/int64(products), 512<<10), 8<<20))
}

// fetchBytes is what one of so many products may fetch ahead. 0 is the engine's
// default.
func (m *memory) fetchBytes(products int) int {
	if m.bytes == 0 || products == 0 {
		return 0
	}
	return int(min(max(m.bytes/16/int64(products), 1<<20), 64<<20))
}

// share begins to give the heap of so many products what the others leave; close ends it.
func (m *memory) share(products int) {
	if m.heap > 0 && m.room == nil && products > fewProducts {
		m.room = openHeapRoom(m.bytes)
	}
}

// close gives the memory back once all stores are closed.
func (m *memory) close() error {
	if m.room != nil {
		m.room.close()
	}
	if m.heap > 0 {
		debug.SetMemoryLimit(m.heap)
	}
	var err error
	if m.pages != nil {
		err = m.pages.Close()
	}
	m.cache.Close()
	return err
}

// checkMemory says what is wrong with a Config.Memory.
func checkMemory(mib int) error {
	if mib < 0 || mib > 0 && mib < leastMemory {
		return fmt.Errorf("memory: %d MiB: want at least %d, or 0 for no limit", mib, leastMemory)
	}
	return nil
}
