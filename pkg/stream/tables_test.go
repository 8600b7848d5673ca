package stream

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/schemas"
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
	shared := tables.m[tableKey{c, viewKey{topic: w.s.Names.Info.Name}}]
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

// TestKeepHoldsPartOfEveryRow has two products share a copy of a part, beside one of everything.
func TestKeepHoldsPartOfEveryRow(t *testing.T) {
	w := newWorld(t)
	send(w, w.s.Names, past, sample.Name{Key: "k", Text: "one and a long story about it"}, sample.Name{Key: "gone", Text: "x"})
	whole := Lookup(w.s.Names)
	first := whole.Keep(func(n sample.Name) sample.Name { return sample.Name{Text: strings.Fields(n.Text)[0]} })
	look := func(tables ...*LookupTable[string, sample.Name]) func(c *Ctx[string, sample.Count], h sample.Hit) error {
		return func(c *Ctx[string, sample.Count], h sample.Hit) error {
			c.State.Note = ""
			for _, table := range tables {
				row, _ := table.Get(c, "k")
				_, gone := table.Get(c, "gone")
				c.State.Note += fmt.Sprintf("%s/%s/%v;", row.Key, row.Text, gone)
			}
			return addTo(c, h)
		}
	}
	counts := Define(w.s.Counts, Spec{Uses: []Dep{first}}, On(w.s.Hits, look(first)))
	totals := Define(w.s.Totals, Spec{Uses: []Dep{first, whole}}, On(w.s.Hits, look(first, whole)))
	require.True(t, Describe(counts).Inputs[1].Part)
	require.NotContains(t, fmt.Sprint(Describe(totals).Inputs), "{part}")
	tables := &Tables{}
	n := w.start(t.TempDir(), []Definition{counts, totals}, func(cfg *Config) { cfg.Tables = tables })
	send(w, w.s.Hits, past, hit("a", 1))
	n.caughtUp(t)
	note := func(topic *schemas.Topic[string, sample.Count]) string {
		var last sample.Count
		rows := w.read(topic.Info.Name)
		require.NoError(t, topic.Values.Decode(&last, rows[len(rows)-1].Value[5:]))
		return last.Note
	}
	require.Equal(t, "/one/true;", note(w.s.Counts))
	require.Equal(t, "/one/true;k/one and a long story about it/true;", note(w.s.Totals))
	tables.mu.Lock()
	require.Len(t, tables.m, 2)
	sizes := map[bool]int64{}
	for key, f := range tables.m {
		sizes[key.kept != nil] = f.store.Bytes()
	}
	tables.mu.Unlock()
	require.Less(t, 2*sizes[true], sizes[false])

	// A deletion goes through, and what cannot be decoded fails who asks for it.
	sendRaw(w, w.s.Names, past, "gone", nil)
	sendRaw(w, w.s.Names, past, "k", []byte{9, 9})
	require.Eventually(t, func() bool {
		tables.mu.Lock()
		defer tables.mu.Unlock()
		for _, f := range tables.m {
			v, ok := f.Get(nil, []byte("k"))
			if _, gone := f.Get(nil, []byte("gone")); gone || !ok || !bytes.Equal(v, []byte{9, 9}) {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
	n.stopAlone(t)
}

func TestLongReadsTakeTurns(t *testing.T) {
	var s Tables
	var leave []func()
	for range turns {
		f, err := s.turn(t.Context(), longRead)
		require.NoError(t, err)
		leave = append(leave, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.turn(ctx, longRead)
	require.ErrorIs(t, err, context.Canceled)
	short, err := s.turn(ctx, longRead-1)
	require.NoError(t, err, "a tail waits for nobody")
	short()
	leave[0]()
	f, err := s.turn(t.Context(), longRead)
	require.NoError(t, err)
	f()
	for _, f := range leave[1:] {
		f()
	}
	require.Empty(t, s.turns)
}
