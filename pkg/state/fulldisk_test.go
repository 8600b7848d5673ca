package state

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStoresWithoutDirectory(t *testing.T) {
	bothKinds(t, func(t *testing.T, open opener) {
		r := newRecord(1)
		for range 2 { // they do not meet
			s, err := open("", Options{})
			require.NoError(t, err)
			require.Nil(t, s.Position())
			r.history = r.history[:1]
			for range 50 {
				require.NoError(t, s.Apply(r.next()))
			}
			n, err := r.verify(s)
			require.NoError(t, err)
			require.Equal(t, r.last(), n)
			require.NoError(t, s.Sync())
			t.Cleanup(func() { require.NoError(t, s.Close()) })
		}
	})
}

// A real file system that is really full. STATE_SMALL_FS names a folder on one
// of some 16 MiB, for instance a tmpfs.
func TestRealFullDisk(t *testing.T) {
	small := os.Getenv("STATE_SMALL_FS")
	if small == "" {
		t.Skip("STATE_SMALL_FS is not set")
	}
	ballast := filepath.Join(small, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 10<<20), 0o600))
	dir := filepath.Join(small, "state")
	defer os.RemoveAll(dir)
	opts := Options{RetryInterval: 100 * time.Millisecond}
	s, err := OpenMemory(dir, opts)
	require.NoError(t, err)
	r := newRecord(1)
	for err == nil {
		err = s.Apply(r.next())
	}
	require.ErrorIs(t, err, ErrNotPersisted)
	require.ErrorIs(t, err, syscall.ENOSPC)
	t.Logf("full at batch %d: %v", r.last(), err)
	full := r.last()
	for range 500 {
		_ = s.Apply(r.next())
	}
	n, err := r.verify(s)
	require.NoError(t, err)
	require.Equal(t, r.last(), n)

	require.NoError(t, os.CopyFS(filepath.Join(t.TempDir(), "image"), os.DirFS(dir)), "what is on disk is readable")
	require.NoError(t, os.Remove(ballast))
	begin := time.Now()
	err = errors.New("not tried")
	for err != nil {
		require.Less(t, time.Since(begin), 10*time.Second)
		err = s.Apply(r.next())
	}
	t.Logf("in order again %v after there was space, at batch %d (%d were not on disk)", time.Since(begin), r.last(), r.last()-full)
	require.NoError(t, s.Close())
	s, err = OpenMemory(dir, opts)
	require.NoError(t, err)
	n, err = r.verify(s)
	require.NoError(t, err)
	require.Equal(t, r.last(), n, "%+v", s.Stats())
	require.NoError(t, s.Close())
}
