//go:build linux

package state

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Three stores outgrow their limit several times: every key is there and right, what is resident stays near the limit,
// and nothing is left when they are closed.
func TestPagesBoundMemory(t *testing.T) {
	const limit, keys, size = 24 << 20, 100_000, 400
	dir := t.TempDir()
	p := NewPages(dir, limit)
	before, files := residentBytes(t), filePages()
	var stores []Store
	for range 3 {
		s, err := OpenMemory("", Options{Pages: p})
		require.NoError(t, err)
		stores = append(stores, s)
	}
	value := make([]byte, size)
	var b Batch
	check := func(s Store, i int) {
		v, ok := s.Get(fmt.Appendf(nil, "key-%d", i))
		require.True(t, ok, i)
		require.Len(t, v, size)
		text := strconv.Itoa(i)
		require.Equal(t, text, string(v[:len(text)]))
	}
	for i := range keys {
		copy(value, strconv.Itoa(i))
		b.Put(fmt.Appendf(nil, "key-%d", i), value)
		if b.Len() < 500 {
			continue
		}
		for _, s := range stores {
			require.NoError(t, s.Apply(&b, nil))
			check(s, i/2)
		}
		b.Reset()
	}
	st := p.Stats()
	require.LessOrEqual(t, st.Plain, int64(limit*2/3))
	require.Greater(t, st.Scratch, int64(4*limit))
	for i := 0; i < keys; i += 7 {
		check(stores[i%3], i)
	}
	if judges(t) {
		require.Eventually(t, func() bool { return filePages()-files <= limit/3 }, 30*time.Second, dropInterval)
		require.Less(t, residentBytes(t)-before, int64(limit+8<<20), "of %d bytes of state", st.Plain+st.Scratch)
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "the file has no name")
	require.ErrorContains(t, p.Close(), "still in use")
	for _, s := range stores {
		require.NoError(t, s.Close())
	}
	require.NoError(t, p.Close())
	require.Zero(t, p.Stats())
}

// A place of the file that is used again is empty, as index and arena expect.
func TestPagesAreEmpty(t *testing.T) {
	p := NewPages(t.TempDir(), 0)
	for range 3 {
		b, err := p.mapIndex(leastBytes, false)
		require.NoError(t, err)
		for i := range b {
			require.Zero(t, b[i])
			b[i] = 1
		}
		p.unmap(b)
	}
	require.Equal(t, int64(leastBytes), p.end, "the place is used again")
	require.NoError(t, p.Close())
}

// Where there is no room for the file, memory is taken.
func TestPagesWithoutDisk(t *testing.T) {
	p := NewPages(t.TempDir()+"/nowhere", 1<<20)
	s, err := OpenMemory("", Options{Pages: p})
	require.NoError(t, err)
	var b Batch
	for i := range 10_000 {
		b.Put(fmt.Appendf(nil, "key-%d", i), make([]byte, 400))
	}
	require.NoError(t, s.Apply(&b, nil))
	require.Equal(t, 10_000, s.Len())
	require.Greater(t, p.Stats().Plain, int64(4<<20))
	require.NoError(t, s.Close())
	require.NoError(t, p.Close())
}
