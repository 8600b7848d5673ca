package state

import (
	"runtime"

	"github.com/cockroachdb/pebble/v2"
)

// Cache is memory for table blocks and write buffers and a budget of open
// files, shared by the disk stores of a process. It is safe for concurrent use.
type Cache struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
}

// NewCache returns a cache of the given size in bytes that keeps at most files
// table files open.
func NewCache(bytes int64, files int) *Cache {
	blocks := pebble.NewCache(bytes)
	return &Cache{blocks: blocks, files: pebble.NewFileCache(runtime.GOMAXPROCS(0), files)}
}

// Close gives the memory back once the stores that use the cache are closed,
// which must be so before Close returns.
func (c *Cache) Close() {
	c.files.Unref()
	c.blocks.Unref()
}
