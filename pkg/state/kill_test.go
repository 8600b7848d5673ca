package state_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"meshwork.dev/pkg/state"
)

// killedDir, set in a child process, is the directory it writes to until it is
// killed; killedKind is the kind of store.
const (
	killedDir  = "STATE_TEST_KILLED_DIR"
	killedKind = "STATE_TEST_KILLED_KIND"
	killedKeys = 2000
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		if err := writeUntilKilled(dir, os.Getenv(killedKind)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func openKind(kind, dir string) (state.Store, error) {
	opts := state.Options{SnapshotLogBytes: 64 << 10, SnapshotRatio: 0.1, MemTableBytes: 256 << 10}
	if kind == "disk" {
		return state.OpenDisk(dir, opts)
	}
	return state.OpenMemory(dir, opts)
}

// batchAt makes batch n, which follows from n alone.
func batchAt(n int, b *state.Batch) {
	b.Reset()
	rng := rand.New(rand.NewPCG(uint64(n), 7))
	for range 1 + rng.IntN(40) {
		k := strconv.Itoa(rng.IntN(killedKeys))
		if rng.IntN(5) == 0 {
			b.Delete([]byte(k))
		} else {
			b.Put([]byte(k), fmt.Appendf(nil, "%d:%s", n, strings.Repeat("v", rng.IntN(400))))
		}
	}
}

// writeUntilKilled prints the number of each batch once it is applied.
func writeUntilKilled(dir, kind string) error {
	s, err := openKind(kind, dir)
	if err != nil {
		return err
	}
	n := applied(s)
	var b state.Batch
	for {
		n++
		batchAt(n, &b)
		if err := s.Apply(&b, binary.BigEndian.AppendUint64(nil, uint64(n))); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func applied(s state.Store) int {
	if pos := s.Position(); pos != nil {
		return int(binary.BigEndian.Uint64(pos))
	}
	return 0
}

// A killed process loses nothing it has applied (memory) or its last batches
// (disk), and never leaves anything but the state at the position.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, kind := range []string{"memory", "disk"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			want := map[string]string{}
			done := 0
			rng := rand.New(rand.NewPCG(1, 1))
			for range 12 {
				printed := killAfter(t, dir, kind, 1+rng.IntN(800))
				s, err := openKind(kind, dir)
				require.NoError(t, err)
				n := applied(s)
				require.GreaterOrEqual(t, n, done)
				if kind == "memory" {
					require.GreaterOrEqual(t, n, printed, "lost a finished Apply")
				}
				var b state.Batch
				for done < n {
					done++
					batchAt(done, &b)
					b.Range(func(k, v []byte, deleted bool) bool {
						if deleted {
							delete(want, string(k))
						} else {
							want[string(k)] = string(v)
						}
						return true
					})
				}
				got := map[string]string{}
				require.NoError(t, s.Scan(nil, func(k, v []byte) bool { got[string(k)] = string(v); return true }))
				require.Equal(t, len(want), s.Len())
				require.True(t, equalStates(want, got), "state at %d differs", n)
				t.Logf("killed at %d, opened at %d: %+v", printed, n, s.Stats())
				require.NoError(t, s.Close())
			}
		})
	}
}

func equalStates(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// killAfter runs a child until it has printed so many lines, kills it, and
// returns the last number that it printed.
func killAfter(t *testing.T, dir, kind string, lines int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedDir+"="+dir, killedKind+"="+kind)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	for scan := bufio.NewScanner(out); scan.Scan(); {
		if n, err := strconv.Atoi(scan.Text()); err == nil { // the last line may be cut
			last = n
		}
		if lines--; lines == 0 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait(), "the child must have been killed")
	require.LessOrEqual(t, lines, 0)
	return last
}
