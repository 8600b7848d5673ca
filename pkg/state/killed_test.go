package state

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKilledDuringSnapshot kills a store at each crash point of its snapshots,
// at the first and at later ones, and opens what is left: nothing applied is
// missing, and it goes on.
func TestKilledDuringSnapshot(t *testing.T) {
	for _, point := range []string{CrashInSnapshot, CrashBeforeNamed, CrashBeforeCurrent, CrashBeforeTidied} {
		t.Run(point, func(t *testing.T) {
			dir, kill := t.TempDir(), errors.New("killed")
			rec := newRecord(1)
			for visit := range 4 {
				opts := Options{SnapshotLogBytes: 2 << 10, SnapshotRatio: 0.01, snapshotStep: 512, snapshotBlock: 512}
				hits := make(chan struct{}, 1000)
				opts.Crash = func(at string) error {
					if at != point {
						return nil
					}
					hits <- struct{}{}
					if len(hits) > visit {
						return kill
					}
					return nil
				}
				s, err := OpenMemory(dir, opts)
				require.NoError(t, err)
				n, err := rec.verify(s)
				require.NoError(t, err)
				require.Equal(t, rec.last(), n, "a kill loses nothing that was applied")
				for i := 1; i < 2000 && err == nil; i++ {
					if err = s.Apply(rec.next()); err == nil && i%20 == 0 {
						err = s.Sync() // waits for a snapshot that is being completed
					}
				}
				require.ErrorIs(t, err, kill)
				require.NoError(t, s.Close())
			}
			s, err := OpenMemory(dir, Options{})
			require.NoError(t, err)
			n, err := rec.verify(s)
			require.NoError(t, err)
			require.GreaterOrEqual(t, n, rec.last()-1)
			require.NoError(t, s.Close())
		})
	}
}
