package stream

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

// rangeWorld is a task over one of the stores, and what the last look at its
// rows has shown.
type rangeWorld struct {
	process
	offset int64
	seen   []string
}

func newRangeWorld(t *testing.T, s *sample.Topics, kind StoreKind, def Definition) *rangeWorld {
	w := &rangeWorld{process: process{t: t, def: def, s: s, now: time.UnixMilli(1e12)}}
	var err error
	if kind == Disk {
		w.store, err = state.OpenDisk(t.TempDir(), state.Options{})
	} else {
		w.store, err = state.OpenMemory("", state.Options{})
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.store.Close()) })
	w.open()
	return w
}

func (w *rangeWorld) send(key string, n int64, at int64) *logs {
	h := sample.Hit{Key: key, ID: "id", N: n}
	l := &logs{}
	w.process.process(&kafka.Record{Offset: w.offset, Timestamp: at, Key: []byte(key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}, l)
	w.offset++
	return l
}

// look is a reaction that sets the row to N, deletes it at 0, and above 100
// looks around.
func (w *rangeWorld) look(c *Ctx[string, sample.Count], h sample.Hit) error {
	switch {
	case h.N == 0:
		c.Delete()
	case h.N < 100:
		c.State.Key, c.State.Sum = c.Key, h.N
	}
	switch h.N {
	case 101:
		c.State.Key, c.State.Sum = c.Key, h.N
	case 102:
		c.Delete()
	case 103:
		c.Timer("quiet", c.Time().Add(time.Hour))
	}
	if h.N > 100 || h.N == 0 {
		w.seen = nil
		return c.Range(w.note)
	}
	return nil
}

func (w *rangeWorld) note(k string, row *sample.Count) bool {
	w.seen = append(w.seen, fmt.Sprint(k, row.Sum))
	return true
}

func eachStore(t *testing.T, test func(t *testing.T, kind StoreKind)) {
	for _, kind := range []StoreKind{Memory, Disk} {
		t.Run(kind.String(), func(t *testing.T) { test(t, kind) })
	}
}

// TestRangeShowsWhatReactionsWouldSee has rows in the store, in the transaction
// being committed, in the open one, and at hand.
func TestRangeShowsWhatReactionsWouldSee(t *testing.T) {
	eachStore(t, func(t *testing.T, kind StoreKind) {
		s := sample.New(1, 1)
		var w *rangeWorld
		def := Define(s.Counts, Spec{Uses: []Dep{Join(s.Names)}},
			On(Distinct(s.Hits, func(h sample.Hit) string { return fmt.Sprint(h.Key, h.N) }, time.Hour),
				func(c *Ctx[string, sample.Count], h sample.Hit) error { return w.look(c, h) }),
			OnTimer("quiet", func(c *Ctx[string, sample.Count], _ time.Time) error {
				w.seen = nil
				return c.Range(w.note)
			}))
		w = newRangeWorld(t, s, kind, def)
		for i, k := range []string{"d", "b", "a", "c", "f"} {
			w.send(k, int64(i+1), 1000)
		}
		require.NoError(t, w.task.Seal(&logs{}))
		_, err := w.task.Committed([]byte{1})
		require.NoError(t, err)
		w.send("x", 101, 1000)
		require.Equal(t, []string{"a3", "b2", "c4", "d1", "f5", "x101"}, w.seen, "the new row at hand is among them, in order")

		w.send("a", 7, 1000) // changed, deleted and new ones in a transaction that is being committed
		w.send("b", 0, 1000)
		require.Equal(t, []string{"a7", "c4", "d1", "f5", "x101"}, w.seen, "the row at hand is deleted")
		w.send("e", 8, 1000)
		require.NoError(t, w.task.Seal(&logs{}))
		w.send("c", 0, 1000)
		w.send("b", 9, 1000)
		w.send("zero", 104, 1000)
		require.Equal(t, []string{"a7", "b9", "d1", "e8", "f5", "x101"}, w.seen, "an untouched new row is none")
		w.send("d", 102, 1000)
		require.Equal(t, []string{"a7", "b9", "e8", "f5", "x101"}, w.seen)
		w.send("e", 103, 1000)
		before := slices.Clone(w.seen)
		_, err = w.task.Committed([]byte{2})
		require.NoError(t, err)
		w.send("late", 105, 2000)
		require.Equal(t, before, w.seen, "a commit changes nothing of what is seen")
		require.NoError(t, w.task.Seal(&logs{}))
		_, err = w.task.Committed([]byte{3})
		require.NoError(t, err)
		w.seen = nil
		w.advance(time.UnixMilli(1000).Add(time.Hour), &logs{})
		require.Equal(t, before, w.seen, "timers see the same")
	})
}

// TestRangeOfWindows sees the open windows of all keys, with their spans.
func TestRangeOfWindows(t *testing.T) {
	eachStore(t, func(t *testing.T, kind StoreKind) {
		s := sample.New(1, 1)
		for name, spec := range map[string]Windows{"tumbling": Tumbling(time.Second), "session": Session(time.Second)} {
			t.Run(name, func(t *testing.T) {
				var seen []string
				var merging []string
				note := func(to *[]string) func(string, Window, *sample.Count) bool {
					*to = nil
					return func(k string, win Window, row *sample.Count) bool {
						*to = append(*to, fmt.Sprintf("%s%d-%d:%d", k, win.Start.UnixMilli(), win.End.UnixMilli(), row.Hits))
						return true
					}
				}
				def := Define(s.Counts, Spec{Window: spec.Grace(time.Second)},
					On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
						c.State.Hits++
						return c.RangeWindows(note(&seen))
					}), OnMerge(func(c *Ctx[string, sample.Count], later sample.Count) error {
						c.State.Hits += later.Hits
						return c.RangeWindows(note(&merging))
					}))
				w := newRangeWorld(t, s, kind, def)
				w.send("a", 1, 100)
				w.send("b", 1, 1200)
				require.NoError(t, w.task.Seal(&logs{}))
				w.send("a", 1, 1500)
				w.send("a", 1, 900)
				if name == "tumbling" {
					require.Equal(t, []string{"a0-1000:2", "a1000-2000:1", "b1000-2000:1"}, seen)
				} else {
					require.Equal(t, []string{"b1200-2200:1"}, merging, "what is being merged is in no window")
					require.Equal(t, []string{"a100-2500:3", "b1200-2200:1"}, seen)
				}
			})
		}
	})
}

// TestRangeFailsTheReaction where a row cannot be read, even if the reaction
// does not care.
func TestRangeFailsTheReaction(t *testing.T) {
	eachStore(t, func(t *testing.T, kind StoreKind) {
		s := sample.New(1, 1)
		w := newRangeWorld(t, s, kind, Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
			c.State.Hits++
			_ = c.Range(func(string, *sample.Count) bool { return true })
			return nil
		})))
		var b state.Batch
		b.Put([]byte("sbad"), []byte("no row"))
		require.NoError(t, w.store.Apply(&b, nil))
		_, err := w.task.Process(0, &kafka.Record{Key: []byte("a"), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &sample.Hit{Key: "a"})}, &logs{})
		require.ErrorContains(t, err, `row of key "bad"`)
	})
}

// TestRangeMayBeLeftAndItsRowsKept stops after two and changes what it got.
func TestRangeMayBeLeftAndItsRowsKept(t *testing.T) {
	eachStore(t, func(t *testing.T, kind StoreKind) {
		s := sample.New(1, 1)
		var kept []*sample.Count
		w := newRangeWorld(t, s, kind, Define(s.Counts, Spec{Emits: []TopicRef{s.Alerts}}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
			c.State.Key, c.State.Sum = c.Key, h.N
			kept = nil
			return c.Range(func(k string, row *sample.Count) bool {
				Emit(c, s.Alerts, k, sample.Hit{Key: k, N: row.Sum})
				kept = append(kept, row)
				row.Sum++
				return len(kept) < 2
			})
		})))
		w.send("c", 3, 0)
		w.send("b", 2, 0)
		require.NoError(t, w.task.Seal(&logs{}))
		_, err := w.task.Committed(nil)
		require.NoError(t, err)
		out := w.send("a", 1, 0)
		require.Len(t, out.recs, 3)
		require.Equal(t, sample.Count{Key: "a", Sum: 2}, *kept[0])
		require.Equal(t, sample.Count{Key: "b", Sum: 3}, *kept[1])
		w.send("a", 1, 0)
		require.Equal(t, sample.Count{Key: "a", Sum: 2}, *kept[0], "the row itself is as it was")
	})
}

// TestOnePartitionForAll brings a topic with several partitions together in one,
// ranks all keys by a timer that belongs to none of them, and spreads the result
// over several partitions again.
func TestOnePartitionForAll(t *testing.T) {
	beside(t)
	w := newWorld(t)
	one := sample.NewIn(fmt.Sprint("one", time.Now().UnixNano()), 1, 1)
	ranked := w.s.Alerts // six partitions
	const sweep = "~all"
	def := Define(one.Counts, Spec{Emits: []TopicRef{ranked}},
		On(KeyBy(one.Via, From(w.s.Hits, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			emit(h.Key, h)
			return nil
		})), func(c *Ctx[string, sample.Count], h sample.Hit) error {
			c.State.Key = c.Key
			c.State.Sum += h.N
			c.TimerFor(sweep, "rank", c.Time().Truncate(24*time.Hour).Add(24*time.Hour))
			return nil
		}),
		OnTimer("rank", func(c *Ctx[string, sample.Count], _ time.Time) error {
			if c.Key != sweep {
				return errors.New("the timer is of another key")
			}
			rank := int64(0)
			return c.Range(func(k string, _ *sample.Count) bool {
				rank++
				Emit(c, ranked, k, sample.Hit{Key: k, ID: c.ID(), N: rank})
				return true
			})
		}))
	p, err := w.client().NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "feed-all"})
	require.NoError(t, err)
	defer p.Close()
	_, err = w.reg.RegisterSchema(t.Context(), "", w.s.Hits.Info.Schema)
	require.NoError(t, err)
	txn := p.NewTxn()
	const keys = 50
	yesterday := time.Now().Add(-48 * time.Hour).UnixMilli()
	for i := range keys {
		h := sample.Hit{Key: fmt.Sprintf("k%02d", i), N: int64(i)}
		txn.Append(kafka.TopicPartition{Topic: w.s.Hits.Info.Name, Partition: kafka.Partition([]byte(h.Key), 6)}, yesterday, []byte(h.Key), sample.AppendHit(avro.AppendHeader(nil, 1), &h))
	}
	require.NoError(t, p.Commit(t.Context(), txn))
	n := w.start(t.TempDir(), []Definition{def})
	require.Eventually(t, func() bool { return len(w.read(ranked.Info.Name)) == keys }, 20*time.Second, 20*time.Millisecond)
	n.caughtUp(t)
	n.stop(t)
	parts := map[int32]bool{}
	for _, r := range w.read(ranked.Info.Name) {
		var h sample.Hit
		require.NoError(t, ranked.Values.Decode(&h, r.Value[avro.HeaderLen:]))
		require.Equal(t, fmt.Sprintf("k%02d", h.N-1), h.Key)
		parts[r.Partition] = true
	}
	require.Len(t, parts, 6)
	rows := w.read(one.Counts.Info.Name)
	require.Len(t, rows, keys, "the key of the timer has no row")
	for _, r := range rows {
		require.Zero(t, r.Partition)
	}
}

// TestTimerForAnotherPartition is refused, because its row would be published
// where nobody looks for it.
func TestTimerForAnotherPartition(t *testing.T) {
	s := sample.New(3, 1)
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.TimerFor(h.ID, "t", c.Time())
		return nil
	}), OnTimer("t", func(*Ctx[string, sample.Count], time.Time) error { return nil }))
	store, err := state.OpenMemory("", state.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	task, err := NewTask(def, TaskConfig{
		Store: store, Schemas: &registryFake{text: []string{s.Hits.Info.Schema}}, SchemaID: func(string) int32 { return 2 },
		Partitions: func(string) int { return 3 }, View: func(string, Dep) View { return nil }, Now: time.Now,
	})
	require.NoError(t, err)
	refused := 0
	for i := range 20 {
		id := fmt.Sprint("id", i)
		_, err = task.Process(0, &kafka.Record{Offset: int64(i), Key: []byte("a"), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &sample.Hit{Key: "a", ID: id})}, &logs{})
		if kafka.Partition([]byte(id), 3) == 0 {
			require.NoError(t, err)
			continue
		}
		refused++
		require.ErrorContains(t, err, "belongs to partition")
	}
	require.Positive(t, refused)
}
