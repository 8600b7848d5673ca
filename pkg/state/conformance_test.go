package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/state/statetest"
)

func TestMemoryStore(t *testing.T) {
	statetest.Exercise(t, func(dir string) (state.Store, error) {
		return state.OpenMemory(dir, state.Options{})
	}, statetest.Features{Exact: true})
}

// With tiny bounds nearly every Apply begins, continues or publishes a snapshot.
func TestMemoryStoreSnapshotting(t *testing.T) {
	statetest.Exercise(t, func(dir string) (state.Store, error) {
		return state.OpenMemory(dir, state.Options{SnapshotLogBytes: 1 << 10, SnapshotRatio: 0.01})
	}, statetest.Features{Exact: true})
}

func TestDiskStore(t *testing.T) {
	cache := state.NewCache(8<<20, 100)
	t.Cleanup(cache.Close)
	statetest.Exercise(t, func(dir string) (state.Store, error) {
		return state.OpenDisk(dir, state.Options{Cache: cache, MemTableBytes: 1 << 20})
	}, statetest.Features{Ordered: true})
}

// With a limit of a page everything lies in the scratch file, and is unmapped all the time.
func TestMemoryStoreInScratchFile(t *testing.T) {
	pages := state.NewPages(t.TempDir(), 4096)
	statetest.Exercise(t, func(dir string) (state.Store, error) {
		return state.OpenMemory(dir, state.Options{SnapshotLogBytes: 1 << 10, SnapshotRatio: 0.01, Pages: pages})
	}, statetest.Features{Exact: true})
	t.Cleanup(func() { require.NoError(t, pages.Close()) })
}
