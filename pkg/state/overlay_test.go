package state

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type written struct {
	value   string
	deleted bool
}

func TestOverlayAgainstMap(t *testing.T) {
	var o Overlay // one for all runs: it must be as new after each Reset
	rapid.Check(t, func(rt *rapid.T) {
		o.Reset()
		model := map[string]written{}
		var order []string
		write := func(k string, w written) {
			if _, ok := model[k]; !ok {
				order = append(order, k)
			}
			model[k] = w
		}
		keys := rapid.Map(rapid.IntRange(0, rapid.SampledFrom([]int{3, 100, 5000}).Draw(rt, "keys")), func(n int) string {
			return strconv.Itoa(n * n)
		})
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				k, v := keys.Draw(rt, "key"), string(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(rt, "value"))
				o.Put([]byte(k), []byte(v))
				write(k, written{value: v})
			},
			"delete": func(rt *rapid.T) {
				k := keys.Draw(rt, "key")
				o.Delete([]byte(k))
				write(k, written{deleted: true})
			},
			"many": func(rt *rapid.T) {
				for i := range rapid.IntRange(0, 500).Draw(rt, "n") {
					k := fmt.Sprintf("many %d", i)
					o.Put([]byte(k), []byte(k))
					write(k, written{value: k})
				}
			},
			"own value": func(rt *rapid.T) { // a value of the overlay may be put again
				k, to := keys.Draw(rt, "key"), keys.Draw(rt, "to")
				if v, deleted, ok := o.Get([]byte(k)); ok && !deleted {
					o.Put([]byte(to), v)
					write(to, written{value: model[k].value})
				}
			},
			"reset": func(*rapid.T) {
				o.Reset()
				clear(model)
				order = nil
			},
			"": func(rt *rapid.T) {
				require.Equal(rt, len(model), o.Len())
				k := keys.Draw(rt, "key")
				v, deleted, ok := o.Get([]byte(k))
				w, present := model[k]
				require.Equal(rt, present, ok)
				require.Equal(rt, written{string(v), deleted}, w)
			},
		})
		bytes := 0
		var got []string
		o.Range(func(k, v []byte, deleted bool) bool {
			got = append(got, string(k))
			require.Equal(rt, written{string(v), deleted}, model[string(k)])
			bytes += len(k) + len(v)
			return true
		})
		require.Equal(rt, order, got)
		require.Equal(rt, bytes, o.Bytes())

		var b Batch
		o.AppendTo(&b)
		require.Equal(rt, len(model), b.Len())
		fromBatch := map[string]written{}
		b.Range(func(k, v []byte, deleted bool) bool {
			fromBatch[string(k)] = written{string(v), deleted}
			return true
		})
		require.True(rt, maps.Equal(model, fromBatch))
	})
}

func TestOverlaySteadyLoadAllocatesNothing(t *testing.T) {
	var o Overlay
	var b Batch
	keys := make([][]byte, 2000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key %d", i)
	}
	value := slices.Repeat([]byte("v"), 100)
	transaction := func() {
		o.Reset()
		b.Reset()
		for i := range 10_000 {
			k := keys[i*7%len(keys)]
			if v, _, ok := o.Get(k); ok {
				o.Put(k, v[:len(v)-1])
			} else {
				o.Put(k, value)
			}
		}
		o.AppendTo(&b)
	}
	transaction()
	require.Zero(t, testing.AllocsPerRun(20, transaction))
}

func TestOverlayRangeStops(t *testing.T) {
	var o Overlay
	for i := range 10 {
		o.Put([]byte{byte(i)}, nil)
	}
	n := 0
	o.Range(func(_, _ []byte, _ bool) bool { n++; return n < 4 })
	require.Equal(t, 4, n)
}

// What one large transaction needed is given back after a small one.
func TestOverlayGivesMemoryBack(t *testing.T) {
	o := NewOverlay(maphash.MakeSeed())
	value := make([]byte, 1000)
	for i := range 10_000 {
		o.Put([]byte(strconv.Itoa(i)), value)
	}
	o.Reset()
	require.Greater(t, cap(o.data), 1<<20, "another one like it allocates nothing")
	o.Put([]byte("one"), value)
	o.Reset()
	require.Zero(t, cap(o.data))
	o.Put([]byte("two"), value)
	got, _, ok := o.Get([]byte("two"))
	require.True(t, ok)
	require.Equal(t, value, got)
	_, _, ok = o.Get([]byte("one"))
	require.False(t, ok)
}
