package streamtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/pkg/stream/streamtest"
)

var t0 = time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC)

func hit(key string, n int64) sample.Hit { return sample.Hit{Key: key, ID: "x", N: n} }

func add(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
	c.State.Key = c.Key
	c.State.Hits++
	c.State.Sum += h.N
	return nil
}

func TestCountsPerKeyAndSurvivesARestart(t *testing.T) {
	s := sample.New(3, 2)
	d := streamtest.New(t, streamtest.Partitions(3), stream.Define(s.Counts, stream.Spec{}, stream.On(s.Hits, add)))
	for i := range int64(10) {
		streamtest.Send(d, s.Hits, hit([]string{"a", "b"}[i%2], i))
	}
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a", Hits: 5, Sum: 20})
	d.Restart()
	streamtest.Send(d, s.Hits, hit("a", 100))
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a", Hits: 6, Sum: 120})
	require.Len(t, streamtest.Events(d, s.Counts), 11)
}

func TestUnchangedRowsAreNotPublishedAndDeletedOnesAreGone(t *testing.T) {
	s := sample.New(1, 1)
	d := streamtest.New(t, stream.Define(s.Counts, stream.Spec{}, stream.On(s.Hits, func(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
		switch {
		case h.N < 0:
			c.Delete()
		case h.N > 0:
			c.State.Key, c.State.Sum = c.Key, h.N
		}
		return nil
	}), stream.OnTombstone(s.Hits, func(c *stream.Ctx[string, sample.Count]) error { c.Delete(); return nil })))
	streamtest.Send(d, s.Hits, hit("a", 0))
	require.Empty(t, streamtest.Events(d, s.Counts))
	streamtest.Send(d, s.Hits, hit("a", 7))
	streamtest.Send(d, s.Hits, hit("a", 7))
	require.Len(t, streamtest.Events(d, s.Counts), 1)
	streamtest.Send(d, s.Hits, hit("a", -1))
	streamtest.ExpectNoRow(d, s.Counts, "a")
	streamtest.Send(d, s.Hits, hit("a", 8))
	streamtest.SendTombstone(d, s.Hits, "a")
	streamtest.ExpectNoRow(d, s.Counts, "a")
}

func TestRekeyJoinLookupEmit(t *testing.T) {
	s := sample.New(4, 2)
	names, copied := stream.Join(s.Names), stream.Lookup(s.Names)
	def := stream.Define(s.Counts, stream.Spec{Uses: []stream.Dep{names, copied}, Emits: []stream.TopicRef{s.Alerts}},
		stream.On(stream.KeyBy(s.Via, stream.From(s.Others, func(c *stream.KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			if _, ok := copied.Get(c, h.ID); !ok {
				return stream.Reject(errors.New("nobody knows " + h.ID))
			}
			emit(h.ID, h)
			emit(h.ID, h)
			return nil
		})), func(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
			n, _ := names.Get(c, c.Key)
			c.State.Note = n.Text
			if c.State.Hits == 3 {
				stream.Emit(c, s.Alerts, c.Key, sample.Hit{Key: c.Key, ID: c.ID(), N: 3})
			}
			return add(c, h)
		}))
	d := streamtest.New(t, streamtest.Partitions(4), def)
	streamtest.Send(d, s.Names, sample.Name{Key: "ann", Text: "Ann"})
	for range 2 {
		streamtest.Send(d, s.Others, sample.Hit{Key: "k", ID: "ann", N: 1})
	}
	streamtest.Send(d, s.Others, sample.Hit{Key: "k", ID: "bob", N: 1})
	streamtest.ExpectRow(d, s.Counts, "ann", sample.Count{Key: "ann", Hits: 4, Sum: 4, Note: "Ann"})
	require.Len(t, streamtest.Events(d, s.Alerts), 1)
	dead := d.DeadLetters(s.Others)
	require.Len(t, dead, 1)
	require.Equal(t, "validation", dead[0].Headers[stream.DLQReason])
	require.Contains(t, dead[0].Headers[stream.DLQError], "nobody knows bob")
	d.Restart()
	streamtest.Send(d, s.Others, sample.Hit{Key: "k", ID: "ann", N: 1})
	streamtest.ExpectRow(d, s.Counts, "ann", sample.Count{Key: "ann", Hits: 6, Sum: 6, Note: "Ann"})
}

// A table's row is joined whatever became of the reaction to its change, now as after a restart.
func TestARowIsJoinedThoughTheReactionFailed(t *testing.T) {
	s := sample.New(2, 1)
	names := stream.Join(s.Names)
	d := streamtest.New(t, streamtest.Partitions(2), stream.Define(s.Counts, stream.Spec{Uses: []stream.Dep{names}},
		stream.On(s.Names, func(c *stream.Ctx[string, sample.Count], n sample.Name) error {
			c.State.Hits++
			switch n.Text {
			case "Bad":
				return stream.Reject(errors.New("not a name"))
			case "Dull":
				return stream.Skip(errors.New("nothing to say"))
			}
			return nil
		}),
		stream.On(s.Hits, func(c *stream.Ctx[string, sample.Count], _ sample.Hit) error {
			n, _ := names.Get(c, c.Key)
			c.State.Key, c.State.Note = c.Key, n.Text
			return nil
		})))
	for _, text := range []string{"Bad", "Dull"} {
		streamtest.Send(d, s.Names, sample.Name{Key: "ann", Text: text})
		streamtest.Send(d, s.Hits, hit("ann", 1))
		streamtest.ExpectRow(d, s.Counts, "ann", sample.Count{Key: "ann", Note: text})
		d.Restart()
		streamtest.Send(d, s.Hits, hit("ann", 1))
		streamtest.ExpectRow(d, s.Counts, "ann", sample.Count{Key: "ann", Note: text})
	}
	require.Len(t, d.DeadLetters(s.Names), 1)
}

func TestTimersAreDurableMovedAndCancelled(t *testing.T) {
	s := sample.New(2, 1)
	fired := func(c *stream.Ctx[string, sample.Count], at time.Time) error {
		c.State.Note += at.Format("15h ")
		return nil
	}
	d := streamtest.New(t, streamtest.Partitions(2), stream.Define(s.Counts, stream.Spec{},
		stream.On(s.Hits, func(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
			c.State.Key = c.Key
			if h.N == 0 {
				c.CancelTimer("quiet")
				return nil
			}
			c.Timer("quiet", c.Time().Add(time.Duration(h.N)*time.Hour))
			return nil
		}), stream.OnTimer("quiet", fired)))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 2), t0)
	streamtest.SendAt(d, s.Hits, "b", hit("b", 3), t0)
	streamtest.SendAt(d, s.Hits, "c", hit("c", 3), t0)
	streamtest.SendAt(d, s.Hits, "a", hit("a", 5), t0.Add(time.Hour)) // moves it to 06h
	streamtest.SendAt(d, s.Hits, "c", hit("c", 0), t0.Add(time.Hour))
	d.Restart()
	d.Advance(3 * time.Hour)
	streamtest.ExpectRow(d, s.Counts, "b", sample.Count{Key: "b", Note: "03h "})
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a"})
	d.Restart()
	d.Advance(24 * time.Hour)
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a", Note: "06h "})
	streamtest.ExpectRow(d, s.Counts, "b", sample.Count{Key: "b", Note: "03h "})
	streamtest.ExpectRow(d, s.Counts, "c", sample.Count{Key: "c"})
}

func windowed(s *sample.Topics, spec stream.Spec, more ...stream.Reaction[string, sample.Count]) stream.Definition {
	return stream.Define(s.Counts, spec, append(more, stream.On(s.Hits, add),
		stream.WindowKey(func(k string, v *sample.Count, w stream.Window) string {
			v.Start = w.Start.UnixMilli()
			return k + "@" + w.Start.Format("01-02T15:04")
		}))...)
}

func TestDaysInLondonAreAsLongAsTheyAre(t *testing.T) {
	s := sample.New(1, 1)
	spring := time.Date(2011, 3, 27, 0, 30, 0, 0, time.UTC) // 23 hours: until 23:00 UTC
	d := streamtest.New(t, streamtest.Start(spring), windowed(s, stream.Spec{Window: stream.Daily("Europe/London").Grace(time.Hour), Emit: stream.OnClose}))
	for h := range 24 {
		streamtest.SendAt(d, s.Hits, "a", hit("a", 1), spring.Add(time.Duration(h)*time.Hour))
	}
	require.Empty(t, streamtest.Events(d, s.Counts))
	d.Advance(time.Hour)
	autumn := time.Date(2011, 10, 29, 23, 30, 0, 0, time.UTC) // 25 hours: from 23:00 UTC of the day before
	for h := range 26 {
		streamtest.SendAt(d, s.Hits, "a", hit("a", 1), autumn.Add(time.Duration(h)*time.Hour))
	}
	d.Advance(48 * time.Hour)
	table := streamtest.Table(d, s.Counts)
	require.Equal(t, int64(23), table["a@03-27T00:00"].Hits)
	require.Equal(t, int64(1), table["a@03-27T23:00"].Hits)
	require.Equal(t, int64(25), table["a@10-29T23:00"].Hits)
	require.Equal(t, int64(1), table["a@10-31T00:00"].Hits)
	require.Len(t, table, 4)
}

func TestLateRecordsAreNeverSilent(t *testing.T) {
	s := sample.New(1, 1)
	spec := stream.Spec{Window: stream.Tumbling(time.Hour).Grace(10 * time.Minute)}
	d := streamtest.New(t, windowed(s, spec))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0)
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0.Add(69*time.Minute))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0.Add(time.Minute)) // within grace
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0.Add(70*time.Minute))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0.Add(2*time.Minute)) // too late
	require.Equal(t, int64(2), streamtest.Table(d, s.Counts)["a@12-01T00:00"].Hits)
	dead := d.DeadLetters(s.Hits)
	require.Len(t, dead, 1)
	require.Equal(t, "late", dead[0].Headers[stream.DLQReason])

	s = sample.New(1, 1)
	spec.Emits = []stream.TopicRef{s.Alerts}
	d = streamtest.New(t, windowed(s, spec, stream.OnLate(s.Hits, func(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
		stream.Emit(c, s.Alerts, c.Key, h)
		return nil
	})))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 1), t0.Add(3*time.Hour))
	streamtest.SendAt(d, s.Hits, "a", hit("a", 2), t0)
	streamtest.ExpectEvents(d, s.Alerts, hit("a", 2))
	require.Empty(t, d.DeadLetters(s.Hits))
}

func TestSessionsMerge(t *testing.T) {
	s := sample.New(1, 1)
	merge := stream.OnMerge(func(c *stream.Ctx[string, sample.Count], later sample.Count) error {
		c.State.Hits += later.Hits
		c.State.Sum += later.Sum
		return nil
	})
	for _, emit := range []stream.EmitMode{stream.EveryUpdate, stream.OnClose, stream.OnCommit} {
		d := streamtest.New(t, windowed(s, stream.Spec{Window: stream.Session(30 * time.Minute).Grace(time.Hour), Emit: emit}, merge))
		at := func(m int) time.Time { return t0.Add(time.Duration(m) * time.Minute) }
		streamtest.SendAt(d, s.Hits, "a", hit("a", 1), at(0))
		streamtest.SendAt(d, s.Hits, "a", hit("a", 2), at(50)) // another session
		d.Restart()
		streamtest.SendAt(d, s.Hits, "b", hit("b", 9), at(50))
		streamtest.SendAt(d, s.Hits, "a", hit("a", 4), at(25)) // joins both
		streamtest.SendAt(d, s.Hits, "a", hit("a", 8), at(75))
		d.Advance(5 * time.Hour)
		table := streamtest.Table(d, s.Counts)
		require.Equal(t, int64(15), table["a@12-01T00:00"].Sum, emit)
		require.Equal(t, int64(4), table["a@12-01T00:00"].Hits, emit)
		require.Equal(t, int64(9), table["b@12-01T00:50"].Sum, emit)
		require.Len(t, table, 2, emit)
		streamtest.SendAt(d, s.Hits, "a", hit("a", 16), d.Now())
		d.Advance(5 * time.Hour)
		require.Equal(t, int64(15), streamtest.Table(d, s.Counts)["a@12-01T00:00"].Sum, emit)
	}
}

func TestDistinctForgetsInTime(t *testing.T) {
	s := sample.New(1, 1)
	d := streamtest.New(t, stream.Define(s.Counts, stream.Spec{},
		stream.On(stream.Distinct(s.Hits, func(h sample.Hit) string { return h.ID }, time.Hour), add)))
	send := func(id string, minute int) {
		streamtest.SendAt(d, s.Hits, "a", sample.Hit{Key: "a", ID: id, N: 1}, t0.Add(time.Duration(minute)*time.Minute))
	}
	send("1", 0)
	send("1", 5)
	d.Restart()
	send("2", 10)
	send("1", 59)
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a", Hits: 2, Sum: 2})
	send("1", 61)
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Key: "a", Hits: 3, Sum: 3})
}

func TestFailuresLeaveNoTraceAndKeepTheBytes(t *testing.T) {
	s := sample.New(1, 1)
	attempts := 0
	d := streamtest.New(t, stream.Define(s.Counts, stream.Spec{OnError: stream.Retry(2, time.Second).ThenDeadLetter(), Emits: []stream.TopicRef{s.Alerts}},
		stream.On(s.Hits, func(c *stream.Ctx[string, sample.Count], h sample.Hit) error {
			attempts++
			c.State.Sum += h.N
			c.Timer("never", c.Time())
			stream.Emit(c, s.Alerts, c.Key, h)
			switch h.N {
			case 1:
				return errors.New("no")
			case 2:
				panic("oh")
			case 3:
				return stream.Skip(errors.New("whatever"))
			case 4:
				if attempts%3 != 0 {
					return errors.New("not yet")
				}
			}
			c.CancelTimer("never")
			return nil
		}), stream.OnTimer("never", func(*stream.Ctx[string, sample.Count], time.Time) error { return errors.New("fired") })))
	streamtest.Send(d, s.Hits, hit("a", 1))
	require.Equal(t, 3, attempts)
	streamtest.Send(d, s.Hits, hit("a", 2))
	streamtest.Send(d, s.Hits, hit("a", 3))
	attempts = 0
	streamtest.Send(d, s.Hits, hit("a", 4))
	streamtest.SendBytes(d, s.Hits, []byte("a"), []byte("garbage"))
	streamtest.SendBytes(d, s.Hits, []byte("a"), []byte{0, 0, 0, 77, 77, 1})
	streamtest.ExpectRow(d, s.Counts, "a", sample.Count{Sum: 4})
	streamtest.ExpectEvents(d, s.Alerts, hit("a", 4))
	d.Advance(time.Hour)
	var reasons []string
	for _, l := range d.DeadLetters(s.Hits) {
		reasons = append(reasons, l.Headers[stream.DLQReason])
	}
	require.Equal(t, []string{"handler", "poison", "decode", "schema_unknown"}, reasons)
	require.Equal(t, "garbage", string(d.DeadLetters(s.Hits)[2].Value))
	require.Equal(t, "3", d.DeadLetters(s.Hits)[0].Headers[stream.DLQAttempts])
	require.Equal(t, "0", d.DeadLetters(s.Hits)[0].Headers[stream.DLQOffset])
}

func TestMistakesAreReported(t *testing.T) {
	s := sample.New(2, 1)
	on := stream.On(s.Hits, add)
	for want, def := range map[string]stream.Definition{
		"no reaction":        stream.Define(s.Counts, stream.Spec{}),
		"OnMerge":            stream.Define(s.Counts, stream.Spec{Window: stream.Session(time.Hour)}, on),
		"needs a Window":     stream.Define(s.Counts, stream.Spec{Emit: stream.OnClose}, on),
		"calendar":           stream.Define(s.Counts, stream.Spec{Window: stream.Daily("Nowhere/At-all")}, on),
		"partitions":         stream.Define(s.Counts, stream.Spec{}, stream.On(s.Others, add)),
		"two reactions":      stream.Define(s.Counts, stream.Spec{}, on, stream.OnTimer("x", timer), stream.OnTimer("x", timer)),
		"within must be pos": stream.Define(s.Counts, stream.Spec{}, stream.On(stream.Distinct(s.Hits, func(sample.Hit) string { return "" }, 0), add)),
	} {
		err := stream.Err(def)
		require.Error(t, err, want)
		require.Contains(t, err.Error(), want, "%v does not say %q", err, want)
	}
}

func timer(*stream.Ctx[string, sample.Count], time.Time) error { return nil }
