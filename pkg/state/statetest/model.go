package statetest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/state"
)

// testModel drives a store and a Go map with the same random steps. Batch n has
// position n, so whatever a crash leaves can be compared with the map as it was.
func testModel(t *testing.T, open Open, f Features) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &model{
			open: open, f: f, root: filepath.Join(root, strconv.Itoa(runs)),
			history: []map[string]string{{}},
		}
		m.reopen(rt)
		defer func() {
			_ = m.store.Close() // a failed run may leave it open
			_ = os.RemoveAll(m.root)
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"":       m.check,
			"apply":  m.apply,
			"get":    m.get,
			"scan":   m.scan,
			"sync":   m.sync,
			"reopen": m.closeAndReopen,
			"crash":  m.crash,
		})
		require.NoError(rt, m.store.Close())
	})
}

type model struct {
	open  Open
	f     Features
	root  string
	image int // directories used

	store   state.Store
	history []map[string]string // state after each batch
	durable int                 // batches that a crash must not lose
}

func (m *model) now() map[string]string { return m.history[len(m.history)-1] }

func (m *model) dir() string { return filepath.Join(m.root, strconv.Itoa(m.image)) }

func (m *model) reopen(t *rapid.T) {
	var err error
	m.store, err = m.open(m.dir())
	require.NoError(t, err)
}

var modelKeys = rapid.Map(rapid.IntRange(0, 300), func(n int) string { return fmt.Sprintf("%c/%d", 'a'+n%3, n) })

func (m *model) apply(t *rapid.T) {
	next := maps.Clone(m.now())
	var b state.Batch
	for _, k := range rapid.SliceOfN(modelKeys, 0, 60).Draw(t, "keys") {
		if rapid.IntRange(0, 3).Draw(t, "op") == 0 {
			b.Delete([]byte(k))
			delete(next, k)
			continue
		}
		n := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, 20_000)).Draw(t, "size")
		v := fmt.Sprintf("%d:%s", len(m.history), pattern(n))
		b.Put([]byte(k), []byte(v))
		next[k] = v
	}
	require.NoError(t, m.store.Apply(&b, []byte(strconv.Itoa(len(m.history)))))
	m.history = append(m.history, next)
}

func (m *model) get(t *rapid.T) {
	k := modelKeys.Draw(t, "key")
	v, ok := m.store.Get([]byte(k))
	want, present := m.now()[k]
	require.Equal(t, present, ok)
	require.Equal(t, want, string(v))
}

func (m *model) scan(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"a", "b/1", "c/29", "none"}).Draw(t, "prefix")
	got := map[string]string{}
	var order []string
	require.NoError(t, m.store.Scan([]byte(prefix), func(k, v []byte) bool {
		got[string(k)] = string(v)
		order = append(order, string(k))
		return true
	}))
	want := maps.Clone(m.now())
	maps.DeleteFunc(want, func(k, _ string) bool { return len(k) < len(prefix) || k[:len(prefix)] != prefix })
	require.True(t, maps.Equal(want, got))
	require.Len(t, order, len(want))
	require.True(t, !m.f.Ordered || slices.IsSorted(order))
}

func (m *model) sync(t *rapid.T) {
	rarely(t)
	require.NoError(t, m.store.Sync())
	m.durable = len(m.history) - 1
}

func (m *model) closeAndReopen(t *rapid.T) {
	rarely(t)
	require.NoError(t, m.store.Close())
	m.durable = len(m.history) - 1
	m.reopen(t)
	requireState(t, m.store, m.now())
}

// crash goes on with a copy of the files as a kill would leave them.
func (m *model) crash(t *rapid.T) {
	rarely(t)
	from := m.dir()
	m.image++
	require.NoError(t, copyImage(from, m.dir()))
	require.NoError(t, m.store.Close())
	m.reopen(t)
	n := 0
	if pos := m.store.Position(); pos != nil {
		var err error
		n, err = strconv.Atoi(string(pos))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, n, m.durable, "lost what was synced")
	if m.f.Exact {
		require.Equal(t, len(m.history)-1, n, "lost a finished Apply")
	}
	m.history = m.history[:n+1]
	m.durable = n
	requireState(t, m.store, m.now())
	require.NoError(t, os.RemoveAll(from))
}

// rarely skips most of the steps that wait for the disk.
func rarely(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "rarely") != 0 {
		t.Skip("not this time")
	}
}

func (m *model) check(t *rapid.T) {
	require.Equal(t, len(m.now()), m.store.Len())
	require.NoError(t, m.store.Err())
	if n := len(m.history) - 1; n > 0 {
		require.Equal(t, strconv.Itoa(n), string(m.store.Position()))
	}
}

// copyImage copies the files of an open store. A crash leaves the files of one
// moment, so the copy is made again if files came or went meanwhile.
func copyImage(from, to string) error {
	for {
		before, err := listing(from)
		if err != nil {
			return err
		}
		copyErr := os.CopyFS(to, os.DirFS(from))
		after, err := listing(from)
		if err != nil {
			return err
		}
		if slices.Equal(before, after) {
			return copyErr
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

// listing returns the names below dir with what identifies each file.
func listing(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := path
		if filepath.Base(path) == "MANIFEST" { // replaced under the same name
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name += string(data)
		}
		names = append(names, name)
		return nil
	})
	if os.IsNotExist(err) { // a file went while it was looked at
		return listing(dir)
	}
	return names, err
}
