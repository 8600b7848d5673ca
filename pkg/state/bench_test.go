package state

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const benchValue = 100 // bytes

// countCPU adds processor time per operation to what a benchmark reports: the
// figure to compare on a machine that does other work.
func countCPU(b *testing.B) {
	b.Helper()
	start := cpuTime()
	b.Cleanup(func() { b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op") })
}

// BenchmarkOverlay is one transaction of 1000 reads and writes of 500 keys.
func BenchmarkOverlay(b *testing.B) {
	keys := make([][]byte, 500)
	for i := range keys {
		keys[i] = fixedKey(nil, i)
	}
	value := make([]byte, benchValue)
	b.Run("put", func(b *testing.B) {
		var o Overlay
		b.ReportAllocs()
		countCPU(b)
		for i := 0; b.Loop(); i++ {
			if i%1000 == 0 {
				o.Reset()
			}
			o.Put(keys[i%len(keys)], value)
		}
	})
	b.Run("get", func(b *testing.B) {
		var o Overlay
		for _, k := range keys {
			o.Put(k, value)
		}
		b.ReportAllocs()
		countCPU(b)
		for i := 0; b.Loop(); i++ {
			o.Get(keys[i%len(keys)])
		}
	})
	b.Run("miss", func(b *testing.B) {
		var o Overlay
		for _, k := range keys[1:] {
			o.Put(k, value)
		}
		b.ReportAllocs()
		countCPU(b)
		for b.Loop() {
			o.Get(keys[0])
		}
	})
	b.Run("map/put", func(b *testing.B) { // what one would write instead
		m := map[string][]byte{}
		b.ReportAllocs()
		countCPU(b)
		for i := 0; b.Loop(); i++ {
			if i%1000 == 0 {
				clear(m)
			}
			m[string(keys[i%len(keys)])] = append([]byte(nil), value...)
		}
	})
	b.Run("map/get", func(b *testing.B) {
		m := map[string][]byte{}
		for _, k := range keys {
			m[string(k)] = value
		}
		countCPU(b)
		for i := 0; b.Loop(); i++ {
			_ = m[string(keys[i%len(keys)])]
		}
	})
}

// mapStore is a plain Go map behind the interface's hot methods.
type mapStore map[string][]byte

func (m mapStore) Get(key []byte) ([]byte, bool) { v, ok := m[string(key)]; return v, ok }

func (m mapStore) Apply(b *Batch, _ []byte) error {
	b.Range(func(k, v []byte, deleted bool) bool {
		if deleted {
			delete(m, string(k))
		} else {
			m[string(k)] = append([]byte(nil), v...)
		}
		return true
	})
	return nil
}

type getApplier interface {
	Get(key []byte) ([]byte, bool)
	Apply(b *Batch, pos []byte) error
}

// BenchmarkStore measures one key of: a random read; a write in batches of
// 1000; a read and a write. STATE_KEYS sets the number of keys.
func BenchmarkStore(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) getApplier{
		"memory":          func(b *testing.B) getApplier { return benchStore(b, OpenMemory, b.TempDir()) },
		"memory-unlogged": func(b *testing.B) getApplier { return benchStore(b, OpenMemory, "") },
		"pebble":          func(b *testing.B) getApplier { return benchStore(b, OpenDisk, b.TempDir()) },
		"map":             func(*testing.B) getApplier { return mapStore{} },
	} {
		b.Run(name, func(b *testing.B) {
			s := open(b)
			n := memoryKeys(b)
			var batch Batch
			var key []byte
			value := make([]byte, benchValue)
			write := func(i int) {
				key = fixedKey(key, i)
				batch.Put(key, value)
				if batch.Len() == 1000 {
					require.NoError(b, s.Apply(&batch, nil))
					batch.Reset()
				}
			}
			for i := range n {
				write(i)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			b.Run("get", func(b *testing.B) {
				countCPU(b)
				for i := 0; b.Loop(); i++ {
					key = fixedKey(key, rng.IntN(n))
					if _, ok := s.Get(key); !ok {
						b.Fatal("missing")
					}
					if i%1000 == 999 { // a disk store holds what was read until then
						require.NoError(b, s.Apply(&Batch{}, nil))
					}
				}
			})
			b.Run("put", func(b *testing.B) {
				b.ReportAllocs()
				countCPU(b)
				for b.Loop() {
					write(rng.IntN(n))
				}
			})
			b.Run("update", func(b *testing.B) {
				b.ReportAllocs()
				countCPU(b)
				for b.Loop() {
					i := rng.IntN(n)
					key = fixedKey(key, i)
					s.Get(key)
					write(i)
				}
			})
		})
	}
}

func benchStore(b *testing.B, open opener, dir string) Store {
	b.Helper()
	cache := NewCache(256<<20, 1000)
	s, err := open(dir, Options{Cache: cache, MemTableBytes: 16 << 20})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, s.Close())
		cache.Close()
	})
	return s
}

// BenchmarkApply is the cost of a commit by the size of its batch.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 10, 100} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := benchStore(b, OpenMemory, b.TempDir())
			var batch Batch
			for i := range size {
				batch.Put(fixedKey(nil, i), make([]byte, benchValue))
			}
			b.ReportAllocs()
			countCPU(b)
			for b.Loop() {
				require.NoError(b, s.Apply(&batch, []byte("a position of some bytes")))
			}
		})
	}
}

// BenchmarkOpen is a restart from a snapshot and the log after it.
func BenchmarkOpen(b *testing.B) {
	for name, open := range map[string]opener{"memory": OpenMemory, "pebble": OpenDisk} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			n := memoryKeys(b)
			s, err := open(dir, Options{})
			require.NoError(b, err)
			var batch Batch
			for i := range n + n/2 {
				batch.Put(fixedKey(nil, i%n), make([]byte, benchValue))
				if batch.Len() == 1000 {
					require.NoError(b, s.Apply(&batch, nil))
					batch.Reset()
				}
			}
			require.NoError(b, s.Close())
			countCPU(b)
			for b.Loop() {
				s, err := open(dir, Options{})
				require.NoError(b, err)
				b.ReportMetric(float64(s.Len()), "keys")
				b.ReportMetric(float64(s.Stats().RecoveredBytes)/1e6, "MB-read")
				require.NoError(b, s.Close())
			}
		})
	}
}
