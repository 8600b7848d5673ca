package state

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// files is the content of a store's directory.
type files map[string][]byte

func readFiles(t *testing.T, fsys vfs.FS, dir string) files {
	t.Helper()
	all := files{}
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fsys.List(dir)
		require.NoError(t, err)
		for _, name := range names {
			name = fsys.PathJoin(dir, name)
			info, err := fsys.Stat(name)
			require.NoError(t, err)
			if info.IsDir() {
				walk(name)
				continue
			}
			f, err := fsys.Open(name)
			require.NoError(t, err)
			all[name], err = io.ReadAll(f)
			require.NoError(t, errors.Join(err, f.Close()))
		}
	}
	walk(dir)
	return all
}

// fs returns a file system with the files, of which one has other content, or
// is missing if content is nil.
func (all files) fs(t *testing.T, name string, content []byte) vfs.FS {
	t.Helper()
	fsys := vfs.NewMem()
	for n, data := range all {
		if n == name {
			if content == nil {
				continue
			}
			data = content
		}
		require.NoError(t, fsys.MkdirAll(fsys.PathDir(n), 0o755))
		f, err := fsys.Create(n, vfs.WriteCategoryUnspecified)
		require.NoError(t, err)
		_, err = f.Write(slices.Clone(data))
		require.NoError(t, errors.Join(err, f.Sync(), f.Close()))
	}
	return fsys
}

const damageStep = 4 << 10

// damages calls fn with every damaged version of data: a bit flipped in every 4
// KiB, at its start, middle and end; the file cut, or zero, or repeated from
// there on; 4 KiB lost in the middle; and the file missing.
func damages(data []byte, fn func(what string, damaged []byte)) {
	fn("missing", nil)
	offsets := []int{1, 7, 8, 9, 27, 28, 31, 32, 33, 36, 40, 41, len(data) - 1, len(data) - 2, len(data) - 9}
	for at := 0; at < len(data); at += damageStep {
		offsets = append(offsets, at, at+1, at+damageStep/2, at+damageStep-1)
	}
	slices.Sort(offsets)
	for _, at := range slices.Compact(offsets) {
		if at < 0 || at >= len(data) {
			continue
		}
		flipped := slices.Clone(data)
		flipped[at] ^= 1 << (at % 8)
		fn("bit flipped", flipped)
		fn("cut", data[:at:at])
		zeroed := slices.Clone(data)
		clear(zeroed[at:min(len(data), at+damageStep)])
		if !slices.Equal(zeroed, data) {
			fn("zeroed", zeroed)
		}
		fn("page lost", slices.Concat(data[:at], data[min(len(data), at+damageStep):]))
		fn("page twice", slices.Concat(data[:min(len(data), at+damageStep)], data[at:]))
	}
}

// Damage anywhere is reported as ErrCorrupt, or costs no more than the end of
// the log: the state is then an older one, at its own position.
func TestDamagedFiles(t *testing.T) {
	bothKinds(t, func(t *testing.T, open opener) {
		mem := vfs.NewMem()
		r := newRecord(17)
		apply := func(s Store, n int) {
			for range n {
				require.NoError(t, s.Apply(r.next()))
			}
		}
		// Three runs leave a snapshot and several log files, or tables and a log.
		opts := smallOptions(mem)
		for range 3 {
			s, err := open("state", opts)
			require.NoError(t, err)
			apply(s, 40)
			require.NoError(t, s.Close())
			opts.SnapshotLogBytes *= 100
		}
		all := readFiles(t, mem, "state")
		outcomes := map[string]int{}
		turn := 0
		for name, data := range all {
			damages(data, func(what string, damaged []byte) {
				if turn++; turn%volume(1, 4) != 0 {
					return
				}
				s, err := open("state", smallOptions(all.fs(t, name, damaged)))
				if err != nil {
					require.ErrorIs(t, err, ErrCorrupt, "%s: %s", name, what)
					outcomes["refused"]++
					return
				}
				n, err := r.verify(s)
				switch {
				case err != nil:
					require.ErrorIs(t, err, ErrCorrupt, "%s: %s", name, what)
					require.ErrorIs(t, s.Err(), ErrCorrupt)
					outcomes["found when read"]++
				case n == r.last():
					outcomes["unharmed"]++
				default:
					outcomes["older"]++
					// It goes on from there.
					later := &record{history: slices.Clone(r.history[:n+1]), rng: r.rng}
					require.NoError(t, s.Apply(later.next()))
					n, err := later.verify(s)
					require.NoError(t, err)
					require.Equal(t, later.last(), n)
				}
				_ = s.Close() // a damaged disk store may complain again
			})
		}
		t.Logf("%d files (%s): %v", len(all), strings.Join(kinds(all), " "), outcomes)
		require.NotZero(t, outcomes["refused"])
		require.NotZero(t, outcomes["older"])
	})
}

func kinds(all files) []string {
	var names []string
	for n := range all {
		names = append(names, filepath.Base(n))
	}
	slices.Sort(names)
	return names
}

// Logs that wait to be flushed follow one another; losing one of them must not
// bring the next ones to a state they do not belong to.
func TestDiskLosesWaitingLog(t *testing.T) {
	mem := vfs.NewMem()
	r := newRecord(5)
	stuck := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	})
	s, err := OpenDisk("state", smallOptions(errorfs.Wrap(mem, stuck)))
	require.NoError(t, err)
	for range 1000 {
		require.NoError(t, s.Apply(r.next()))
	}
	require.NoError(t, s.Sync())
	require.ErrorIs(t, s.Stats().Err, syscall.ENOSPC, "flushing is stuck")
	all := readFiles(t, mem, "state")
	lost := 0
	for name, data := range all {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		lost++
		for _, damaged := range [][]byte{nil, {}, data[:len(data)/2]} {
			s, err := OpenDisk("state", smallOptions(all.fs(t, name, damaged)))
			if err != nil {
				require.ErrorIs(t, err, ErrCorrupt, name)
				continue
			}
			_, err = r.verify(s)
			require.NoError(t, err, name)
			require.NoError(t, s.Close())
		}
	}
	require.Greater(t, lost, 1, "several logs wait")
	_ = s.Close()
}
