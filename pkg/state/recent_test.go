package state

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiskReadsWhatWasWrittenLast writes and deletes rows many times over, more of them than are held beside Pebble, and
// compares every answer with a map.
func TestDiskReadsWhatWasWrittenLast(t *testing.T) {
	cache := NewCache(1<<20, 100)
	t.Cleanup(cache.Close)
	s, err := OpenDisk("", Options{Cache: cache})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	d, ok := s.(*disk)
	require.True(t, ok)
	room := cache.share()
	want := map[string]string{}
	rnd := rand.New(rand.NewPCG(1, 2))
	aged, largest := 0, 0
	for round := range 400 {
		var b Batch
		change := map[string]string{}
		for range 1 + rnd.IntN(40) {
			key := fmt.Sprintf("row-%03d", int(rnd.ExpFloat64()*120)%1000)
			got, ok := s.Get([]byte(key))
			value, there := want[key]
			require.Equal(t, there, ok, "round %d, %s", round, key)
			require.Equal(t, value, string(got), "round %d, %s", round, key)
			if rnd.IntN(5) == 0 {
				b.Delete([]byte(key))
				change[key] = ""
			} else {
				v := strings.Repeat(string(rune('a'+round%26)), 1+rnd.IntN(4000))
				b.Put([]byte(key), []byte(v))
				change[key] = v
			}
		}
		before := d.recent.young
		require.NoError(t, s.Apply(&b, []byte{byte(round)}))
		if d.recent.young != before {
			aged++
		}
		largest = max(largest, d.recent.young.size(), d.recent.old.size())
		for k, v := range change {
			if v == "" {
				delete(want, k)
			} else {
				want[k] = v
			}
		}
		require.Equal(t, len(want), s.Len(), "round %d", round)
	}
	require.Greater(t, aged, 5, "nothing was forgotten: the test needs more rows")
	require.LessOrEqual(t, largest, room, "a generation is at most the store's share")
	n := 0
	require.NoError(t, s.Scan(nil, func(key, value []byte) bool {
		n++
		return want[string(key)] == string(value)
	}))
	require.Equal(t, len(want), n)
}

// TestDiskHoldsRecentRows shows that a row that was written is not read from Pebble again.
func TestDiskHoldsRecentRows(t *testing.T) {
	s, err := OpenDisk("", Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	d, ok := s.(*disk)
	require.True(t, ok)
	var b Batch
	b.Put([]byte("k"), []byte("v"))
	require.NoError(t, s.Apply(&b, nil))
	b.Reset()
	require.NoError(t, s.Apply(&b, nil))
	_, _, ok = d.recent.get([]byte("k"), d.recent.hash([]byte("k")))
	require.True(t, ok)
	b.Delete([]byte("k"))
	require.NoError(t, s.Apply(&b, nil))
	_, deleted, ok := d.recent.get([]byte("k"), d.recent.hash([]byte("k")))
	require.True(t, ok && deleted)
	require.NoError(t, d.Restoring(true))
	b.Reset()
	b.Put([]byte("k"), []byte("again"))
	_, ok = s.Get([]byte("k"))
	require.False(t, ok)
	require.NoError(t, s.Apply(&b, nil))
	got, ok := s.Get([]byte("k"))
	require.True(t, ok)
	require.Equal(t, "again", string(got), "what is restored is read, not what was known before")
}
