package statetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/state"
)

// Features says what an implementation promises beyond the contract.
type Features struct {
	Ordered bool // Scan visits keys in order
	Exact   bool // killing the process loses no finished Apply
}

// Open opens the store kept in a directory.
type Open func(dir string) (state.Store, error)

// Exercise runs the suite against the stores that open returns.
func Exercise(t *testing.T, open Open, f Features) {
	for name, test := range map[string]func(*testing.T, Open, Features){
		"New":         testNew,
		"Values":      testValues,
		"LastWins":    testLastWins,
		"Position":    testPosition,
		"Scan":        testScan,
		"Many":        testMany,
		"Limits":      testLimits,
		"Locked":      testLocked,
		"Closed":      testClosed,
		"Stats":       testStats,
		"Restore":     testRestore,
		"Model":       testModel,
		"GetIsStable": testGetIsStable,
	} {
		t.Run(name, func(t *testing.T) { test(t, open, f) })
	}
}

// opened opens a store that is closed at the end of the test.
func opened(t *testing.T, open Open, dir string) state.Store {
	t.Helper()
	s, err := open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// reopened closes s and opens its directory again.
func reopened(t *testing.T, open Open, dir string, s state.Store) state.Store {
	t.Helper()
	require.NoError(t, s.Close())
	return opened(t, open, dir)
}

func testNew(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	for range 2 {
		s := opened(t, open, dir)
		require.Nil(t, s.Position())
		require.Zero(t, s.Len())
		_, ok := s.Get([]byte("a"))
		require.False(t, ok)
		require.NoError(t, s.Scan(nil, func(k, _ []byte) bool { t.Errorf("unexpected key %q", k); return true }))
		require.NoError(t, s.Sync())
		require.NoError(t, s.Err())
		require.NoError(t, s.Close())
	}
}

func testValues(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	want := map[string]string{"": "value of the empty key", "empty": ""}
	for shift := 0; shift <= 21; shift++ {
		for _, d := range []int{-1, 0, 1} {
			n := 1<<shift + d
			want[fmt.Sprintf("value of %d", n)] = string(pattern(n))
			if n <= state.MaxKeyBytes {
				want[string(pattern(n))] = fmt.Sprintf("key of %d", n)
			}
		}
	}
	var b state.Batch
	for k, v := range want {
		b.Put([]byte(k), []byte(v))
	}
	require.NoError(t, s.Apply(&b, []byte("p")))
	requireState(t, s, want)
	s = reopened(t, open, dir, s)
	requireState(t, s, want)

	// Every size turned into another one, then removed.
	b.Reset()
	for k := range want {
		want[k] = string(pattern((len(want[k])*7 + 3) % 300_000))
		b.Put([]byte(k), []byte(want[k]))
	}
	require.NoError(t, s.Apply(&b, []byte("q")))
	requireState(t, s, want)
	b.Reset()
	for k := range want {
		b.Delete([]byte(k))
	}
	require.NoError(t, s.Apply(&b, []byte("r")))
	requireState(t, s, nil)
	s = reopened(t, open, dir, s)
	requireState(t, s, nil)
	require.Equal(t, "r", string(s.Position()))
}

// pattern returns n bytes that differ from place to place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8 + n)
	}
	return b
}

func testLastWins(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	var b state.Batch
	b.Put([]byte("a"), []byte("1"))
	b.Put([]byte("a"), []byte("2"))
	b.Put([]byte("b"), []byte("1"))
	b.Delete([]byte("b"))
	b.Delete([]byte("c"))
	b.Put([]byte("c"), []byte("3"))
	b.Delete([]byte("never there"))
	b.Delete([]byte("never there"))
	require.NoError(t, s.Apply(&b, nil))
	want := map[string]string{"a": "2", "c": "3"}
	requireState(t, s, want)
	requireState(t, reopened(t, open, dir, s), want)
}

func testPosition(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	for _, pos := range [][]byte{[]byte("one"), {}, nil, pattern(100_000), []byte("last")} {
		given := slices.Clone(pos)
		require.NoError(t, s.Apply(&state.Batch{}, given))
		clear(given)
		require.Equal(t, pos, s.Position())
		s = reopened(t, open, dir, s)
		require.Equal(t, pos, s.Position())
	}
}

func testScan(t *testing.T, open Open, f Features) {
	s := opened(t, open, t.TempDir())
	require.Equal(t, f.Ordered, s.Ordered())
	keys := []string{"", "a", "a\x00", "a\x00b", "ab", "a\xff", "a\xff\xff", "b", "\x00", "\xff", "\xff\xff", "\xff\xff\x00"}
	var b state.Batch
	for _, k := range keys {
		b.Put([]byte(k), []byte("value of "+k))
	}
	require.NoError(t, s.Apply(&b, nil))
	for _, prefix := range append(keys, "c", "ba") {
		var want, got []string
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		require.NoError(t, s.Scan([]byte(prefix), func(k, v []byte) bool {
			require.Equal(t, "value of "+string(k), string(v))
			got = append(got, string(k))
			return true
		}))
		slices.Sort(want)
		if !f.Ordered {
			slices.Sort(got)
		}
		require.Equal(t, want, got, "prefix %q", prefix)
	}
	n := 0
	require.NoError(t, s.Scan(nil, func(_, _ []byte) bool { n++; return n < 3 }))
	require.Equal(t, 3, n)
}

func testMany(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	keys := 60_000
	if testing.Short() {
		keys = 5_000
	}
	want := map[string]string{}
	rng := rand.New(rand.NewPCG(1, 1))
	var b state.Batch
	for n := range 2 * keys {
		k, v := fmt.Sprintf("key-%d", rng.IntN(keys)), fmt.Sprintf("value-%d-%d", n, rng.Uint64())
		if n > keys && n%3 == 0 {
			b.Delete([]byte(k))
			delete(want, k)
		} else {
			b.Put([]byte(k), []byte(v))
			want[k] = v
		}
		if b.Len() == 500 {
			require.NoError(t, s.Apply(&b, fmt.Appendf(nil, "%d", n)))
			b.Reset()
		}
	}
	require.NoError(t, s.Apply(&b, []byte("end")))
	requireState(t, s, want)
	s = reopened(t, open, dir, s)
	requireState(t, s, want)
	require.Equal(t, "end", string(s.Position()))
}

func testLimits(t *testing.T, open Open, _ Features) {
	s := opened(t, open, t.TempDir())
	var b state.Batch
	b.Put([]byte("good"), nil)
	b.Put(pattern(state.MaxKeyBytes+1), nil)
	require.ErrorIs(t, s.Apply(&b, []byte("no")), state.ErrTooLarge)
	requireState(t, s, nil)
	require.Nil(t, s.Position())
	b.Reset()
	b.Put(pattern(state.MaxKeyBytes), nil)
	require.NoError(t, s.Apply(&b, nil))
	require.Equal(t, 1, s.Len())
}

func testLocked(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	for range 2 {
		_, err := open(dir)
		require.ErrorIs(t, err, state.ErrLocked)
	}
	require.NoError(t, s.Apply(&state.Batch{}, []byte("still works")))
	s = reopened(t, open, dir, s)
	require.Equal(t, "still works", string(s.Position()))
}

func testClosed(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	var b state.Batch
	b.Put([]byte("a"), []byte("1"))
	require.NoError(t, s.Apply(&b, nil))
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, ok := s.Get([]byte("a"))
	require.False(t, ok)
	require.ErrorIs(t, s.Apply(&b, nil), state.ErrClosed)
	require.ErrorIs(t, s.Sync(), state.ErrClosed)
	require.ErrorIs(t, s.Scan(nil, func(_, _ []byte) bool { return true }), state.ErrClosed)
	s.Stats()
}

func testStats(t *testing.T, open Open, _ Features) {
	s := opened(t, open, t.TempDir())
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // any goroutine may ask, at any time
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				s.Stats()
			}
		}
	}()
	var b state.Batch
	for i := range 200 {
		b.Put(fmt.Appendf(nil, "%d", i), pattern(100))
		require.NoError(t, s.Apply(&b, nil))
	}
	require.NoError(t, s.Sync())
	close(stop)
	<-done
	require.EqualValues(t, 200, s.Stats().Keys)
	require.NoError(t, s.Stats().Err)
	require.NoError(t, s.Close())
}

func testRestore(t *testing.T, open Open, _ Features) {
	dir := t.TempDir()
	s := opened(t, open, dir)
	restore := func(on bool) {
		if r, ok := s.(state.Restorer); ok {
			require.NoError(t, r.Restoring(on))
			require.NoError(t, r.Restoring(on))
		}
	}
	want := map[string]string{"before": "it"}
	var b state.Batch
	b.Put([]byte("before"), []byte("it"))
	require.NoError(t, s.Apply(&b, []byte("0")))
	restore(true)
	rng := rand.New(rand.NewPCG(2, 2))
	for n := range 100 {
		b.Reset()
		for range 100 {
			k := strconv.Itoa(rng.IntN(5000))
			if rng.IntN(4) == 0 {
				b.Delete([]byte(k))
				delete(want, k)
				continue
			}
			want[k] = fmt.Sprintf("%s at %d", k, n)
			b.Put([]byte(k), []byte(want[k]))
		}
		require.NoError(t, s.Apply(&b, fmt.Appendf(nil, "%d", n)))
		if n == 50 {
			s = reopened(t, open, dir, s) // stopped in the middle
			requireState(t, s, want)
			restore(true)
		}
	}
	restore(false)
	require.Equal(t, "99", string(s.Position()))
	requireState(t, s, want)
	s = reopened(t, open, dir, s)
	requireState(t, s, want)
}

func testGetIsStable(t *testing.T, open Open, _ Features) {
	s := opened(t, open, t.TempDir())
	var b state.Batch
	for i := range 1000 {
		b.Put(fmt.Appendf(nil, "%d", i), fmt.Appendf(nil, "value %d", i))
	}
	require.NoError(t, s.Apply(&b, nil))
	var values [][]byte
	for i := range 1000 {
		v, ok := s.Get(fmt.Appendf(nil, "%d", i))
		require.True(t, ok)
		values = append(values, v)
	}
	for i, v := range values {
		require.Equal(t, fmt.Sprintf("value %d", i), string(v))
	}
}

// requireState compares everything in s with want.
func requireState(t require.TestingT, s state.Store, want map[string]string) {
	require.Equal(t, len(want), s.Len())
	n := 0
	err := s.Scan(nil, func(k, v []byte) bool {
		n++
		w, ok := want[string(k)]
		if !ok || w != string(v) {
			require.Failf(t, "wrong value", "key %.40q: got %.40q, want %.40q (present %v)", k, v, w, ok)
		}
		return true
	})
	require.NoError(t, err)
	require.Equal(t, len(want), n)
	for k, w := range want {
		v, ok := s.Get([]byte(k))
		if !ok || w != string(v) {
			require.Failf(t, "wrong value", "key %.40q: got %.40q (present %v), want %.40q", k, v, ok, w)
		}
	}
	require.NoError(t, s.Err())
}
