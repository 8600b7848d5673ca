package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// record is what was applied to a store: the state after each batch. Batch n
// has position n.
type record struct {
	history []map[string]string
	rng     *rand.Rand
	batch   Batch
}

func newRecord(seed uint64) *record {
	return &record{history: []map[string]string{{}}, rng: rand.New(rand.NewPCG(seed, seed))}
}

// next makes a batch and notes the state after it.
func (r *record) next() (b *Batch, pos []byte) {
	r.batch.Reset()
	now := maps.Clone(r.history[len(r.history)-1])
	for range 1 + r.rng.IntN(8) {
		k := strconv.Itoa(r.rng.IntN(200))
		if r.rng.IntN(4) == 0 {
			r.batch.Delete([]byte(k))
			delete(now, k)
			continue
		}
		v := fmt.Sprintf("%d:%s", len(r.history), bytes.Repeat([]byte("x"), r.rng.IntN(300)))
		r.batch.Put([]byte(k), []byte(v))
		now[k] = v
	}
	pos = strconv.AppendInt(nil, int64(len(r.history)), 10)
	r.history = append(r.history, now)
	return &r.batch, pos
}

// last is the number of the last batch.
func (r *record) last() int { return len(r.history) - 1 }

// verify returns the number of the batch that s shows, or an error if s is not
// as it was after the batch its position names.
func (r *record) verify(s Store) (int, error) {
	n := 0
	if pos := s.Position(); pos != nil {
		var err error
		if n, err = strconv.Atoi(string(pos)); err != nil || n > r.last() {
			return 0, fmt.Errorf("position %q", pos)
		}
	}
	got := map[string]string{}
	err := s.Scan(nil, func(k, v []byte) bool {
		got[string(k)] = string(v)
		return true
	})
	if err != nil {
		return n, err
	}
	if !maps.Equal(r.history[n], got) {
		return n, fmt.Errorf("wrong state at position %d: %d keys instead of %d", n, len(got), len(r.history[n]))
	}
	if s.Len() != len(got) {
		return n, fmt.Errorf("Len %d with %d keys", s.Len(), len(got))
	}
	return n, nil
}

// opener opens one kind of store on a file system.
type opener func(dir string, opts Options) (Store, error)

func bothKinds(t *testing.T, test func(t *testing.T, open opener)) {
	t.Run("memory", func(t *testing.T) { test(t, OpenMemory) })
	t.Run("disk", func(t *testing.T) { test(t, OpenDisk) })
}

func smallOptions(fsys vfs.FS) Options {
	return Options{fs: fsys, SnapshotLogBytes: 4 << 10, SnapshotRatio: 0.01, MemTableBytes: 256 << 10, snapshotStep: 2 << 10, snapshotBlock: 512}
}

// Whatever part of the unsynced data a loss of power takes, the store opens at a
// state it had, not before the last Sync.
func TestLossOfPower(t *testing.T) {
	bothKinds(t, func(t *testing.T, open opener) {
		for seed := range uint64(volume(40, 5)) {
			r := newRecord(seed)
			fsys := vfs.NewCrashableMem()
			for range 6 { // crashes
				s, err := open("state/task", smallOptions(fsys))
				require.NoError(t, err, "seed %d", seed)
				n, err := r.verify(s)
				require.NoError(t, err, "seed %d", seed)
				r.history = r.history[:n+1]
				synced := n
				for range 1 + r.rng.IntN(60) {
					require.NoError(t, s.Apply(r.next()))
					if r.rng.IntN(20) == 0 {
						require.NoError(t, s.Sync())
						synced = r.last()
					}
				}
				kept := []int{0, 50, 90, 100}[r.rng.IntN(4)]
				crashed := fsys.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(seed, 1))})
				require.NoError(t, s.Close())
				fsys = crashed

				s, err = open("state/task", smallOptions(fsys))
				require.NoError(t, err, "seed %d", seed)
				n, err = r.verify(s)
				require.NoError(t, err, "seed %d", seed)
				require.GreaterOrEqual(t, n, synced, "seed %d", seed)
				require.NoError(t, s.Close())
			}
		}
	})
}

// fullDisk is an injector that, while on, refuses what needs space.
type fullDisk struct {
	on    bool
	after int // operations that still succeed once on
}

func (d *fullDisk) String() string { return "full disk" }

func (d *fullDisk) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpRename, errorfs.OpFileSyncData:
	default:
		return nil
	}
	if !d.on {
		return nil
	}
	if d.after > 0 {
		d.after--
		return nil
	}
	return fmt.Errorf("%s: %w", op.Path, syscall.ENOSPC)
}

// A full disk, met at every possible operation, never costs the memory store
// its state in memory nor what is on disk, and is forgotten once there is space.
func TestMemoryOnFullDisk(t *testing.T) {
	for after := 0; after < 60; after += volume(1, 7) {
		r := newRecord(uint64(after))
		mem := vfs.NewCrashableMem()
		full := &fullDisk{after: after}
		now := time.Unix(0, 0)
		opts := smallOptions(errorfs.Wrap(mem, full))
		opts.now = func() time.Time { return now }
		opened, err := OpenMemory("state", opts)
		require.NoError(t, err)
		s, ok := opened.(*memory)
		require.True(t, ok)
		settle := func() { // a publication runs beside us: wait, so that every run is the same
			if s.journal.publication != nil {
				s.journal.settle(<-s.journal.publication)
			}
		}
		for range 20 {
			require.NoError(t, s.Apply(r.next()))
			settle()
		}
		onDisk := r.last()
		full.on = true
		failed := false
		restart := func() { // finds, at any moment, a state at its position
			image, err := OpenMemory("state", smallOptions(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})))
			require.NoError(t, err, "after %d", after)
			n, wrong := r.verify(image)
			require.NoError(t, wrong, "after %d", after)
			require.GreaterOrEqual(t, n, onDisk, "after %d", after)
			require.NoError(t, image.Close())
		}
		for range 30 {
			b, pos := r.next()
			err := s.Apply(b, pos)
			settle()
			n, wrong := r.verify(s)
			require.NoError(t, wrong)
			require.Equal(t, r.last(), n, "goes on in memory")
			switch {
			case err == nil && !failed:
				onDisk = r.last()
			case err == nil: // may be on disk already or not
			default:
				require.ErrorIs(t, err, ErrNotPersisted)
				require.ErrorIs(t, err, syscall.ENOSPC)
				require.ErrorIs(t, s.Stats().Err, syscall.ENOSPC)
				failed = true
			}
			now = now.Add(time.Second)

			restart()
		}
		full.on = false
		now = now.Add(opts.withDefaults().RetryInterval)
		err = ErrNotPersisted
		for range 60 { // begins, continues, completes and takes in a snapshot
			if err = s.Apply(r.next()); err == nil {
				break
			}
			restart()
			settle()
		}
		require.NoError(t, err, "after %d", after)
		require.NoError(t, s.Stats().Err)
		require.NoError(t, s.Close())

		again, err := OpenMemory("state", smallOptions(mem))
		require.NoError(t, err)
		n, err := r.verify(again)
		require.NoError(t, err)
		require.Equal(t, r.last(), n)
		require.NoError(t, again.Close())
	}
}

// A disk store stops at the first failed write and opens again as it was.
func TestDiskOnFullDisk(t *testing.T) {
	for after := range 20 {
		r := newRecord(uint64(after))
		mem := vfs.NewMem()
		var full errorfs.Toggle
		full.Injector = &fullDisk{on: true, after: after}
		s, err := OpenDisk("state", smallOptions(errorfs.Wrap(mem, &full)))
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, s.Apply(r.next()))
		}
		full.On()
		for range 2000 {
			if err = errors.Join(s.Apply(r.next()), s.Sync()); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.Error(t, s.Apply(r.next()), "stays refused")
		require.Error(t, s.Err())
		full.Off()
		_ = s.Close()

		s, err = OpenDisk("state", smallOptions(mem))
		require.NoError(t, err)
		_, err = r.verify(s)
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}
