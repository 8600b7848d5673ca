package stream

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

// published is one record as a task gave it to its sink.
type published struct {
	out   int
	part  int32
	ts    int64
	key   string
	value []byte
	head  string
}

// logs is a sink that keeps everything.
type logs struct{ recs []published }

func (l *logs) Append(out int, partition int32, ts int64, key, value, headers []byte, _ int) {
	l.recs = append(l.recs, published{out, partition, ts, string(key), slices.Clone(value), string(headers)})
}

// of leaves out what may differ between schedules: the changelog, which has one
// record per key and transaction, and when a dead letter was written.
func (l *logs) of(def *definition) (all []published) {
	for _, r := range l.recs {
		if def.outputs[r.out].kind == outDead {
			r.ts = 0
		}
		if r.out != def.side {
			all = append(all, r)
		}
	}
	return all
}

// last is what there is in the end when states are published once per
// transaction: the newest value of every key, and all else in order.
func (l *logs) last(def *definition) any {
	type place struct{ topic, key string }
	states, events := map[place]string{}, map[string][]published{}
	for _, r := range l.of(def) {
		o := def.outputs[r.out]
		if o.kind == outTable || def.isLatest(o) {
			if states[place{o.info.Name, r.key}] = string(r.value); r.value == nil {
				delete(states, place{o.info.Name, r.key})
			}
			continue
		}
		events[o.info.Name] = append(events[o.info.Name], r)
	}
	return []any{states, events}
}

// process is a task with its store, as a process would have them.
type process struct {
	t     require.TestingT
	def   Definition
	s     *sample.Topics
	store state.Store
	task  *Task
	now   time.Time
}

func (p *process) open() {
	var err error
	p.task, err = NewTask(p.def, TaskConfig{
		Store: p.store, Schemas: &registryFake{text: []string{p.s.Hits.Info.Schema}}, SchemaID: func(string) int32 { return 2 },
		Partitions: func(string) int { return 1 }, View: func(string, Dep) View { return nil }, Now: func() time.Time { return p.now },
	})
	require.NoError(p.t, err)
}

func (p *process) fresh() {
	var err error
	p.store, err = state.OpenMemory("", state.Options{})
	require.NoError(p.t, err)
	p.open()
}

func (p *process) process(r *kafka.Record, sink Sink) {
	for {
		out, err := p.task.Process(0, r, sink)
		require.NoError(p.t, err)
		if out == Done {
			return
		}
		p.now = p.now.Add(time.Hour)
	}
}

func (p *process) advance(to time.Time, sink Sink) {
	p.now = to
	for {
		out, err := p.task.Advance(to, to, sink)
		require.NoError(p.t, err)
		if out == Done {
			return
		}
		p.now = p.now.Add(time.Hour)
	}
}

// restore takes the whole changelog over, as from an old position.
func (p *process) restore(from *logs) {
	for _, r := range from.recs {
		require.NoError(p.t, p.task.Restore(r.out, []byte(r.key), r.value))
	}
	require.NoError(p.t, p.task.Restored())
}

// A timer that a timer's reaction sets fires in its turn, also when it is due at once or was due before.
func TestTimersOfTimers(t *testing.T) {
	s := sample.New(1, 1)
	var fired []string
	note := func(_ *Ctx[string, sample.Count], at time.Time) error {
		fired = append(fired, at.Format("15:04"))
		return nil
	}
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		c.Timer("m", c.Time().Add(3*time.Hour))
		return nil
	}), OnTimer("m", func(c *Ctx[string, sample.Count], at time.Time) error {
		c.Timer("a", at)                     // sorted before the one at hand
		c.Timer("b", at.Add(-2*time.Hour))   // was due before
		c.Timer("z", at)                     // sorted after it
		c.Timer("y", at.Add(30*time.Minute)) // and one for later
		return note(c, at)
	}), OnTimer("a", note), OnTimer("b", note), OnTimer("y", note), OnTimer("z", note))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	h := sample.Hit{Key: "k", N: 1}
	start := past.Truncate(24 * time.Hour)
	p.process(&kafka.Record{Timestamp: start.UnixMilli(), Key: []byte("k"), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}, &logs{})
	p.advance(start.Add(10*time.Hour), &logs{})
	require.Equal(t, []string{"03:00", "01:00", "03:00", "03:00", "03:30"}, fired)
}

// Between the portions of a timer's work, each of which sets the timer of the next, the runner may commit.
func TestPortionsOfWork(t *testing.T) {
	s := sample.New(1, 1)
	left := 3
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		c.Timer("work", c.Time().Add(time.Hour))
		return nil
	}), OnTimer("work", func(c *Ctx[string, sample.Count], at time.Time) error {
		if left--; left > 0 {
			c.Timer("work", at)
		}
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	h := sample.Hit{Key: "k", N: 1}
	p.process(&kafka.Record{Timestamp: past.UnixMilli(), Key: []byte("k"), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}, &logs{})
	for _, want := range []struct {
		out  Outcome
		left int
	}{{Again, 2}, {Again, 1}, {Done, 0}} {
		out, err := p.task.Advance(past.Add(2*time.Hour), past, &logs{})
		require.NoError(t, err)
		require.Equal(t, want.out, out)
		require.Equal(t, want.left, left)
	}
}

// TestAnyScheduleGivesTheSameRecords processes records in transactions of any
// size, pipelined, with commits, aborts, crashes before and after the state was
// applied, and lost stores; what is committed must be, byte for byte and with
// the same identities, what a run without trouble publishes.
func TestAnyScheduleGivesTheSameRecords(t *testing.T) {
	s := sample.New(1, 1)
	plain := Define(s.Counts, Spec{OnError: Retry(1, time.Millisecond).ThenDeadLetter(), Emits: []TopicRef{s.Alerts}},
		On(Distinct(s.Hits, func(h sample.Hit) string { return h.ID }, 3*time.Hour), func(c *Ctx[string, sample.Count], h sample.Hit) error {
			switch {
			case h.N == 0:
				c.Delete()
				c.CancelTimer("quiet")
				return nil
			case h.N == 1:
				Emit(c, s.Alerts, c.Key, h)
				return errors.New("one")
			case h.N > 5:
				Emit(c, s.Alerts, c.Key, sample.Hit{Key: c.Key, ID: c.ID(), N: h.N})
			}
			c.Timer("quiet", c.Time().Add(time.Duration(h.N)*time.Hour))
			return addTo(c, h)
		}), OnTimer("again", func(c *Ctx[string, sample.Count], at time.Time) error {
			c.State.Note += at.Format("again 2T15 ")
			return nil
		}), OnTimer("quiet", func(c *Ctx[string, sample.Count], at time.Time) error {
			c.State.Note += at.Format("2T15 ")
			if c.State.Hits%3 == 0 {
				c.Timer("again", at) // due at once, and sorted before the timer at hand
			}
			if c.State.Hits%2 == 0 {
				c.Timer("quiet", at.Add(5*time.Hour))
				c.State.Hits++
			}
			return nil
		}))
	windows := Define(s.Counts, Spec{Window: Session(2 * time.Hour).Grace(time.Hour)}, On(s.Hits, addTo),
		OnMerge(func(c *Ctx[string, sample.Count], later sample.Count) error {
			c.State.Hits += later.Hits
			c.State.Sum += later.Sum
			return nil
		}))
	closing := Define(s.Counts, Spec{Window: Tumbling(4 * time.Hour), Emit: OnClose}, On(s.Hits, addTo))
	latest := Define(s.Counts, Spec{Emit: OnCommit, Emits: []TopicRef{s.Alerts, s.Names}}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		Emit(c, s.Alerts, c.Key, sample.Hit{Key: c.Key, ID: c.ID(), N: h.N})
		switch h.N {
		case 0:
			EmitTombstone(c, s.Names, h.ID)
			c.Delete()
			return nil
		case 1:
			Emit(c, s.Names, h.ID, sample.Name{Key: h.ID, Text: "never"})
			return Reject(errors.New("one"))
		}
		Emit(c, s.Names, h.ID, sample.Name{Key: h.ID, Text: c.Time().Format(time.RFC3339)})
		return addTo(c, h)
	}))
	for name, def := range map[string]Definition{"timers": plain, "sessions": windows, "closing": closing, "on commit": latest} {
		t.Run(name, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { anySchedule(t, s, def) }) })
	}
}

func anySchedule(t *rapid.T, s *sample.Topics, def Definition) {
	n := rapid.IntRange(1, 40).Draw(t, "records")
	recs := make([]kafka.Record, n)
	at := past
	for i := range recs {
		at = at.Add(time.Duration(rapid.IntRange(-60, 120).Draw(t, "minutes")) * time.Minute)
		h := sample.Hit{Key: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), ID: strconv.Itoa(rapid.IntRange(0, 30).Draw(t, "id")), N: rapid.Int64Range(0, 8).Draw(t, "n")}
		recs[i] = kafka.Record{Offset: int64(i), Timestamp: at.UnixMilli(), Key: []byte(h.Key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}
	}
	end := at.Add(1000 * time.Hour)

	want := &logs{}
	calm := &process{t: t, def: def, s: s, now: past}
	calm.fresh()
	for i := range recs {
		calm.process(&recs[i], want)
	}
	calm.advance(end, want)
	require.NoError(t, calm.task.Seal(want))

	got := &logs{}
	rough := &process{t: t, def: def, s: s, now: past}
	rough.fresh()
	committed := 0
	for committed < n {
		first, second := &logs{}, &logs{}
		next := committed
		take := func(into *logs) {
			for range rapid.IntRange(1, 10).Draw(t, "size") {
				if next < n {
					rough.process(&recs[next], into)
					next++
				}
			}
		}
		take(first)
		require.NoError(t, rough.task.Seal(first))
		after := next
		if rapid.Bool().Draw(t, "pipelined") {
			take(second)
		}
		switch rapid.SampledFrom([]string{"commit", "commit", "abort", "crash before", "crash after", "lost store"}).Draw(t, "outcome") {
		case "commit":
			got.recs, committed = append(got.recs, first.recs...), after
			_, err := rough.task.Committed([]byte{1})
			require.NoError(t, err)
			if next > after { // the second one goes through too
				require.NoError(t, rough.task.Seal(second))
				got.recs, committed = append(got.recs, second.recs...), next
				_, err := rough.task.Committed([]byte{1})
				require.NoError(t, err)
			}
		case "abort":
			rough.task.Rollback()
		case "crash before": // nothing committed, the store is as it was
			rough.open()
			rough.restore(got)
		case "crash after": // committed, and the store does not know
			got.recs, committed = append(got.recs, first.recs...), after
			rough.open()
			rough.restore(got)
		case "lost store":
			got.recs, committed = append(got.recs, first.recs...), after
			rough.fresh()
			rough.restore(got)
		}
	}
	rough.advance(end, got)
	require.NoError(t, rough.task.Seal(got))
	if def.definition().spec.Emit == OnCommit {
		require.Equal(t, want.last(def.definition()), got.last(def.definition()))
		return
	}
	require.Equal(t, want.of(def.definition()), got.of(def.definition()))
}
