package stream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

func hitRecord(key string, at time.Time, n int64) *kafka.Record {
	h := sample.Hit{Key: key, N: n}
	return &kafka.Record{Timestamp: at.UnixMilli(), Key: []byte(key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}
}

// A timer that cannot be carried out goes to the dead letters alone, whoever else is due at the same time.
func TestATimerThatFailsTakesNoOtherAlong(t *testing.T) {
	s := sample.New(1, 1)
	var fired []string
	def := Define(s.Counts, Spec{OnError: Retry(0, time.Millisecond).ThenDeadLetter()}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		c.Timer("t", past.Add(24*time.Hour))
		return nil
	}), OnTimer("t", func(c *Ctx[string, sample.Count], _ time.Time) error {
		fired = append(fired, c.Key)
		if c.Key == "b" {
			return errors.New("never")
		}
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	out := &logs{}
	for _, key := range []string{"c", "b", "a"} {
		p.process(hitRecord(key, past, 1), out)
	}
	p.advance(past.Add(48*time.Hour), out)
	require.Equal(t, []string{"a", "b", "c"}, fired)
	var dead []published
	for _, r := range out.of(def.definition()) {
		if def.definition().outputs[r.out].kind == outDead {
			dead = append(dead, r)
		}
	}
	require.Len(t, dead, 1)
	require.True(t, strings.HasSuffix(dead[0].key, "b"), "%q", dead[0].key)
	require.Contains(t, dead[0].head, DLQTimer)

	require.NoError(t, p.task.Seal(out))
	again := &process{t: t, def: def, s: s, now: p.now}
	again.fresh()
	again.restore(out)
	again.advance(past.Add(72*time.Hour), &logs{})
	require.Len(t, fired, 3, "after a restart there is nothing to do")
}

// Each portion of a timer's work has the same time and the same key, and what it makes identities of its own, which a
// repetition gives again.
func TestIdentitiesOfPortions(t *testing.T) {
	s := sample.New(1, 1)
	var ids []string
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		c.Timer("work", c.Time().Add(time.Hour))
		return nil
	}), OnTimer("work", func(c *Ctx[string, sample.Count], at time.Time) error {
		ids = append(ids, c.ID())
		if c.State.Hits++; c.State.Hits < 4 {
			c.Timer("work", at)
		}
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	log := &logs{}
	p.process(hitRecord("k", past, 1), log)
	for portion := range 4 {
		out, err := p.task.Advance(past.Add(2*time.Hour), past, log)
		require.NoError(t, err)
		require.NoError(t, p.task.Seal(log))
		if out == Done {
			break
		}
		if portion == 1 { // this one is lost, and done again after a restart
			p.fresh()
			p.restore(log)
			continue
		}
		_, err = p.task.Committed([]byte{1})
		require.NoError(t, err)
	}
	require.Len(t, ids, 4)
	seen := map[string]bool{}
	for _, id := range ids {
		require.False(t, seen[id], ids)
		seen[id] = true
	}
	first := ids[0]
	ids = nil
	p.fresh()
	p.process(hitRecord("k", past, 1), &logs{})
	p.advance(past.Add(2*time.Hour), &logs{})
	require.Equal(t, first, ids[0])
}

// A reaction may publish more than the identities of one record count to.
func TestIdentitiesOfManyRecords(t *testing.T) {
	task := &Task{}
	task.org.source = 7
	seen := map[event.ID]bool{}
	for range 200_000 {
		id := task.nextID()
		require.False(t, seen[id])
		seen[id] = true
	}
}

// A record does not overtake the timers that are due at its time, however many portions they need and however often they
// are put off.
func TestARecordWaitsForWhatIsDue(t *testing.T) {
	s := sample.New(1, 1)
	var done []string
	left := 3
	fails := 2
	def := Define(s.Counts, Spec{OnError: Retry(5, time.Millisecond).ThenDeadLetter()}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		if h.N == 0 {
			c.Timer("fails", past.Add(time.Hour))
			c.Timer("work", past.Add(time.Hour))
			return nil
		}
		done = append(done, "record")
		return nil
	}), OnTimer("work", func(c *Ctx[string, sample.Count], at time.Time) error {
		done = append(done, "portion")
		if left--; left > 0 {
			c.Timer("work", at)
		}
		return nil
	}), OnTimer("fails", func(*Ctx[string, sample.Count], time.Time) error {
		if fails--; fails >= 0 {
			return errors.New("not yet")
		}
		done = append(done, "tried again")
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	p.process(hitRecord("k", past, 0), &logs{})
	p.process(hitRecord("k", past.Add(time.Hour), 1), &logs{})
	require.Equal(t, []string{"portion", "portion", "portion", "tried again", "record"}, done)
}

// What a timer by the time of day fails at counts, whatever succeeds between two tries.
func TestTriesOfATimerCount(t *testing.T) {
	s := sample.New(1, 1)
	tries := 0
	def := Define(s.Counts, Spec{OnError: Retry(2, time.Millisecond).ThenDeadLetter()}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		if !c.Exists() {
			c.State.Key = c.Key
			c.WallTimer("w", past.Add(time.Minute))
		}
		return nil
	}), OnTimer("w", func(*Ctx[string, sample.Count], time.Time) error {
		tries++
		return errors.New("never")
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	log := &logs{}
	p.process(hitRecord("k", past, 1), log)
	for i := range 10 {
		p.now = past.Add(time.Duration(i+2) * time.Minute)
		_, err := p.task.FireDue(past, p.now, log)
		require.NoError(t, err)
		p.process(hitRecord("k", past.Add(time.Duration(i)*time.Second), 1), log)
	}
	require.Equal(t, 3, tries)
	require.Zero(t, p.task.Timers())
}

// A timer by the time of day that many records set for the same moment is one entry.
func TestAWallTimerSetAgainIsNotQueuedAgain(t *testing.T) {
	s := sample.New(1, 1)
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		c.WallTimer("w", past.Add(time.Minute))
		return nil
	}), OnTimer("w", func(*Ctx[string, sample.Count], time.Time) error { return nil }))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	for range 100 {
		p.process(hitRecord("k", past, 1), &logs{})
	}
	require.Equal(t, 1, p.task.Timers())
}

// Stream time is what timers have been fired up to: neither a record from the future nor the time of day moves it.
func TestStreamTime(t *testing.T) {
	s := sample.New(1, 1)
	var got []time.Time
	def := Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
		got = append(got, c.StreamTime())
		c.WallTimer("w", past)
		return nil
	}), OnTimer("w", func(c *Ctx[string, sample.Count], _ time.Time) error {
		got = append(got, c.StreamTime())
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	p.task.horizon.ahead = time.Hour
	history := past.Add(-1000 * time.Hour)
	for _, at := range []time.Time{history, farFuture, history.Add(-time.Minute), history.Add(time.Minute)} {
		p.process(hitRecord("k", at, 1), &logs{})
	}
	p.advance(past, &logs{})
	require.Equal(t, []time.Time{history, history, history, history.Add(time.Minute), history.Add(time.Minute)}, got)
}

// Two reactions that each are to see the first of repeated records would hide them from one another.
func TestDistinctTwice(t *testing.T) {
	s := sample.New(1, 1)
	id := func(h sample.Hit) string { return h.ID }
	fn := func(*Ctx[string, sample.Count], sample.Hit) error { return nil }
	def := Define(s.Counts, Spec{}, On(Distinct(s.Hits, id, time.Hour), fn), On(Distinct(s.Hits, id, time.Hour), fn))
	require.ErrorContains(t, def.definition().err, "is Distinct twice")
}

// A window that cannot be closed is a dead letter, also in products without timers of their own.
func TestAWindowThatCannotBeClosed(t *testing.T) {
	s := sample.New(1, 1)
	closing := false
	def := Define(s.Counts, Spec{Window: Tumbling(time.Hour), Emit: OnClose}, On(s.Hits, addTo),
		WindowKey(func(k string, _ *sample.Count, _ Window) string {
			if closing {
				panic("no key for it")
			}
			return k
		}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	log := &logs{}
	p.process(hitRecord("k", past, 1), log)
	closing = true
	p.advance(past.Add(10*time.Hour), log)
	var dead int
	for _, r := range log.of(def.definition()) {
		if def.definition().outputs[r.out].kind == outDead {
			dead++
		}
	}
	require.Equal(t, 1, dead)
	require.Zero(t, p.task.Timers())
}

// A timer that fires when its window has been closed does not make the window anew.
func TestATimerAfterItsWindow(t *testing.T) {
	s := sample.New(1, 1)
	def := Define(s.Counts, Spec{Window: Tumbling(time.Hour)}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.Timer("after", c.Window().End.Add(time.Hour))
		return addTo(c, h)
	}), OnTimer("after", func(c *Ctx[string, sample.Count], _ time.Time) error {
		c.State.Note = "made anew"
		return nil
	}))
	p := &process{t: t, def: def, s: s, now: past}
	p.fresh()
	log := &logs{}
	p.process(hitRecord("k", past, 1), log)
	p.advance(past.Add(10*time.Hour), log)
	require.Len(t, log.of(def.definition()), 1)
	require.Zero(t, p.task.Timers())
}

// fullDisk is a store that goes on in memory.
type fullDisk struct{ state.Store }

func (f fullDisk) Apply(b *state.Batch, position []byte) error {
	return errors.Join(f.Store.Apply(b, position), state.ErrNotPersisted)
}

// A full disk stops neither a commit nor what follows an aborted one.
func TestRestoringOnAFullDisk(t *testing.T) {
	s := sample.New(1, 1)
	p := &process{t: t, def: Define(s.Counts, Spec{}, On(s.Hits, addTo)), s: s, now: past}
	p.fresh()
	log := &logs{}
	p.process(hitRecord("k", past, 1), log)
	require.NoError(t, p.task.Seal(log))
	p.store = fullDisk{p.store}
	p.open()
	p.restore(log)
	require.Equal(t, 1, p.store.Len())
}

// The patience with an input that does not answer is used up once for each time that it does not, and nothing is waited
// for while there is nothing to process.
func TestTheMergeWaitsAnew(t *testing.T) {
	now := past
	clock := func() time.Time { return now }
	a, b := &queue{end: -1}, &queue{end: -1}
	r := &running{inputs: []*queue{a, b}}
	pick := func() bool { _, ok := r.pick(clock, time.Minute); return ok }

	a.has = true
	require.False(t, pick())
	require.True(t, r.waits())
	now = now.Add(time.Minute)
	require.True(t, pick(), "it has not answered for too long")
	a.has = false
	require.False(t, pick())
	require.False(t, r.waits(), "nobody is held up")
	a.has = true
	require.True(t, pick(), "it has still not answered")
	a.has, a.end, b.end = false, 0, 0
	require.False(t, pick(), "both are at their ends")
	a.has, b.end, b.next = true, 5, 3
	require.False(t, pick(), "another time: it is waited for again")
}
