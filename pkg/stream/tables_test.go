package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/internal/sample"
)

// TestRunnersShareTables has two runners look into one copy of a topic, one of
// which stops before the other.
func TestRunnersShareTables(t *testing.T) {
	w := newWorld(t)
	send(w, w.s.Names, past, sample.Name{Key: "k", Text: "one"})
	names := Lookup(w.s.Names)
	look := func(c *Ctx[string, sample.Count], h sample.Hit) error {
		row, _ := names.Get(c, "k")
		c.State.Note = row.Text
		return addTo(c, h)
	}
	tables := &Tables{}
	c := w.client()
	start := func(def Definition) *node {
		return w.start(t.TempDir(), []Definition{def}, func(cfg *Config) { cfg.Tables, cfg.Kafka = tables, c })
	}
	spec := Spec{Uses: []Dep{names}}
	a, b := start(Define(w.s.Counts, spec, On(w.s.Hits, look))), start(Define(w.s.Totals, spec, On(w.s.Hits, look)))
	send(w, w.s.Hits, past, hit("a", 1))
	a.caughtUp(t)
	b.caughtUp(t)
	tables.mu.Lock()
	require.Len(t, tables.m, 1)
	shared := tables.m[tableKey{c, w.s.Names.Info.Name}]
	require.Equal(t, 2, shared.users)
	tables.mu.Unlock()
	a.stopAlone(t)

	send(w, w.s.Names, past.Add(time.Second), sample.Name{Key: "k", Text: "two"})
	require.Eventually(t, func() bool {
		v, _ := shared.Get(nil, []byte("k"))
		var n sample.Name
		return w.s.Names.Values.Decode(&n, v[5:]) == nil && n.Text == "two"
	}, 20*time.Second, 10*time.Millisecond)
	send(w, w.s.Hits, past.Add(time.Second), hit("a", 1))
	b.caughtUp(t)
	b.stopAlone(t)
	require.Empty(t, tables.m)
	select {
	case <-shared.done:
	default:
		t.Error("the last one who leaves ends the reading")
	}
	var last sample.Count
	rows := w.read(w.s.Totals.Info.Name)
	require.NoError(t, w.s.Totals.Values.Decode(&last, rows[len(rows)-1].Value[5:]))
	require.Equal(t, "two", last.Note)
}

// stopAlone stops a node whose client is shared.
func (n *node) stopAlone(t *testing.T) {
	t.Helper()
	n.cancel()
	select {
	case err := <-n.done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the runner does not stop")
	}
}
