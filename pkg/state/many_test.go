package state

import (
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A process that runs all products holds a hundred stores: they must share what
// is dear.
func TestHundredStores(t *testing.T) {
	bothKinds(t, func(t *testing.T, open opener) {
		stores := int64(volume(100, 10))
		before, goroutines := residentBytes(t), runtime.NumGoroutine()
		cache := NewCache(64<<20, 500)
		dir := t.TempDir()
		var all []Store
		begin := time.Now()
		for i := range stores {
			s, err := open(filepath.Join(dir, strconv.Itoa(int(i))), Options{Cache: cache})
			require.NoError(t, err)
			all = append(all, s)
		}
		opened := time.Since(begin)
		var b Batch
		for i := range 1000 {
			b.Put(fixedKey(nil, i), make([]byte, 100))
		}
		for range 5 {
			for _, s := range all {
				require.NoError(t, s.Apply(&b, []byte("pos")))
			}
		}
		each := (residentBytes(t) - before) / stores
		t.Logf("%d stores of 1000 keys: opened in %v, %d KiB and %.1f goroutines each",
			stores, opened, each>>10, float64(runtime.NumGoroutine()-goroutines)/float64(stores))
		if judges(t) && stores == 100 { // what they share counts as theirs
			require.Less(t, each, int64(4<<20))
		}
		for _, s := range all {
			require.NoError(t, s.Close())
		}
		cache.Close()
	})
}
