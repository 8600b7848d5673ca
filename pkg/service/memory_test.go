package service

import (
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
)

func TestMemoryIsSharedOut(t *testing.T) {
	require.NoError(t, checkMemory(0))
	require.NoError(t, checkMemory(960))
	require.Error(t, checkMemory(-1))
	require.Error(t, checkMemory(100))

	before := debug.SetMemoryLimit(-1)
	m := newMemory(t.TempDir(), 960)
	if before == math.MaxInt64 {
		require.Equal(t, int64(384<<20), debug.SetMemoryLimit(-1))
	}
	require.NotNil(t, m.options().Pages)
	require.Equal(t, stream.NewTxnMemory(60<<20, 20<<20/23), m.transactions(23))
	require.Equal(t, stream.NewTxnMemory(60<<20, 8<<20), m.transactions(1), "no more than the engine's default")
	require.Equal(t, stream.NewTxnMemory(60<<20, 512<<10), m.transactions(1000))
	require.Equal(t, 60<<20/24, m.fetchBytes(24))
	require.Equal(t, 60<<20, m.fetchBytes(1))
	require.Equal(t, 1<<20, m.fetchBytes(1000))
	require.NoError(t, m.close())
	require.Equal(t, before, debug.SetMemoryLimit(-1))

	free := newMemory(t.TempDir(), 0)
	require.Nil(t, free.options().Pages)
	require.Nil(t, free.transactions(23), "the engine's default")
	require.Zero(t, free.fetchBytes(23), "the engine's default")
	require.Equal(t, before, debug.SetMemoryLimit(-1))
	require.NoError(t, free.close())
}

// The heap of a mesh has what its stores leave, gives way when they grow, and the limit
// is what it was once the platform is closed.
func TestTheHeapHasWhatOthersLeave(t *testing.T) {
	const budget = 1000 << 20
	require.EqualValues(t, 700<<20, heapLimit(budget, 0))
	require.EqualValues(t, 700<<20, heapLimit(budget, 150<<20))
	require.EqualValues(t, 600<<20, heapLimit(budget, 250<<20))
	require.EqualValues(t, 400<<20, heapLimit(budget, 500<<20))
	require.EqualValues(t, 400<<20, heapLimit(budget, 2000<<20), "never less than its part")

	before := debug.SetMemoryLimit(-1)
	if before != math.MaxInt64 {
		t.Skip("GOMEMLIMIT is set: the limit is not ours to move")
	}
	m := newMemory(t.TempDir(), 1000)
	m.share(fewProducts)
	require.Nil(t, m.room, "few products stay small")
	m.share(25)
	if _, ok := besideHeap(); ok {
		require.Eventually(t, func() bool { return debug.SetMemoryLimit(-1) > 400<<20 }, 30*time.Second, time.Millisecond)
	}
	require.NoError(t, m.close())
	require.Equal(t, before, debug.SetMemoryLimit(-1))
}
