package state

import (
	"runtime"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Cache is memory for rows, table blocks and write buffers and a budget of open
// files, shared by the disk stores of a process. It is safe for concurrent use.
type Cache struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
	rows   int64        // bytes for rows, of all stores together
	stores atomic.Int64 // that use the cache
}

// A third of the cache is for rows. No store is given less than leastRows: a few
// rows do no harm, and many small stores may be idle.
const leastRows = 64 << 10

// NewCache returns a cache of the given size in bytes that keeps at most files
// table files open.
func NewCache(bytes int64, files int) *Cache {
	blocks := pebble.NewCache(bytes - bytes/3)
	return &Cache{blocks: blocks, files: pebble.NewFileCache(runtime.GOMAXPROCS(0), files), rows: bytes / 3}
}

// share is how many bytes of rows one store may hold.
func (c *Cache) share() int { return int(max(c.rows/max(c.stores.Load(), 1), leastRows)) }

// Close gives the memory back once the stores that use the cache are closed,
// which must be so before Close returns.
func (c *Cache) Close() {
	c.files.Unref()
	c.blocks.Unref()
}
