package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// What a product that publishes on commit emits to a topic of states is told
// once per key and transaction, the last of it, with the time of the record that
// led to it; events are all told; an abort leaves nothing behind.
func TestEmittedStatesAreToldOncePerCommit(t *testing.T) {
	s := sample.New(1, 1)
	spec := Spec{Emit: OnCommit, Emits: []TopicRef{s.Names, s.Alerts}}
	react := On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		Emit(c, s.Alerts, c.Key, h)
		if h.N == 0 {
			EmitTombstone(c, s.Names, h.ID)
		} else {
			Emit(c, s.Names, h.ID, sample.Name{Key: h.ID, Text: c.Time().Format(time.TimeOnly)})
		}
		return addTo(c, h)
	})
	def := Define(s.Counts, spec, react)
	require.NoError(t, def.Err())
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	offset := int64(0)
	take := func(into *logs, id string, n int64) {
		h := sample.Hit{Key: "k", ID: id, N: n}
		at := past.Add(time.Duration(offset) * time.Minute)
		p.process(&kafka.Record{Offset: offset, Timestamp: at.UnixMilli(), Key: []byte(h.Key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}, into)
		offset++
	}
	names := func(l *logs) (got []string) {
		for _, r := range l.recs {
			if def.def.outputs[r.out].info.Name != s.Names.Info.Name {
				continue
			}
			text := "gone"
			if r.value != nil {
				var v sample.Name
				require.NoError(t, s.Names.Values.Decode(&v, r.value[avro.HeaderLen:]))
				text = v.Text
			}
			got = append(got, r.key+" "+text+" "+time.UnixMilli(r.ts).UTC().Format(time.TimeOnly))
		}
		return got
	}

	first := &logs{}
	take(first, "a", 1)
	take(first, "b", 1)
	take(first, "a", 2)
	take(first, "b", 0)
	require.Empty(t, names(first), "before the commit")
	require.Positive(t, p.task.latestBytes())
	require.NoError(t, p.task.Seal(first))
	require.Equal(t, []string{"a 12:52:00 12:52:00", "b gone 12:53:00"}, names(first))
	require.Len(t, first.recs, 4+2+1, "four events, two states, one row")

	dropped := &logs{}
	take(dropped, "c", 1)
	p.task.Rollback()
	again := &logs{}
	take(again, "d", 1)
	require.NoError(t, p.task.Seal(again))
	require.Equal(t, []string{"d 12:55:00 12:55:00"}, names(again))

	// Identities are those of the records that are told, so a repeated transaction tells the same.
	heads := map[string]bool{}
	for _, r := range first.recs {
		require.False(t, heads[r.head], "an identity is given twice")
		heads[r.head] = true
	}

	every := Define(s.Counts, Spec{Emits: spec.Emits}, react)
	p = &process{t: t, def: every, s: s, now: past}
	p.fresh()
	offset = 0
	all := &logs{}
	take(all, "a", 1)
	take(all, "a", 2)
	require.NoError(t, p.task.Seal(all))
	require.Len(t, names(all), 2, "every update")
}

// A record that changes nothing moves the clock as well, and a restart must not
// set it back: what was late would be in time again.
func TestTheClockSurvivesWithoutChanges(t *testing.T) {
	s := sample.New(1, 1)
	def := Define(s.Counts, Spec{}, On(s.Hits, func(*Ctx[string, sample.Count], sample.Hit) error {
		return nil
	}), OnTimer("never", func(*Ctx[string, sample.Count], time.Time) error { return nil }))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	h := sample.Hit{Key: "k", ID: "a", N: 1}
	out := &logs{}
	p.process(&kafka.Record{Timestamp: past.UnixMilli(), Key: []byte(h.Key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}, out)
	require.NoError(t, p.task.Seal(out))
	p.fresh()
	p.restore(out)
	at, ok := p.task.Clock()
	require.True(t, ok)
	require.True(t, at.Equal(past), at)
}

// A product that is behind gathers longer transactions, one that keeps up does
// not wait.
func TestCatchingUp(t *testing.T) {
	r := &Runner{cfg: Config{CommitInterval: 100 * time.Millisecond, CatchUpInterval: time.Second}}
	q := &queue{end: -1}
	w := &worker{r: r, cur: &batch{records: 10}, tasks: map[int32]*running{0: {inputs: []*queue{q}}}}
	require.Equal(t, r.cfg.CommitInterval, w.interval(), "the end is not known")
	q.next, q.end = 100, 110
	require.Equal(t, r.cfg.CommitInterval, w.interval(), "as many wait as were taken")
	q.end = 111
	require.Equal(t, r.cfg.CatchUpInterval, w.interval())
	r.cfg.CommitInterval = 2 * time.Second
	require.Equal(t, r.cfg.CommitInterval, w.interval(), "never sooner than asked for")
}
