package stream

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

var farFuture = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)

// processed waits until the product has read and committed so many records of a
// topic, whatever its timers wait for.
func (n *node) processed(t *testing.T, topic string, records int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		read, s := int64(0), n.Status()[0]
		for _, in := range s.Inputs {
			if in.Topic == topic {
				read += in.Next
			}
		}
		return read >= records && !s.Pending
	}, 30*time.Second, 5*time.Millisecond)
}

// headersOf are those of a record.
func headersOf(r *kgo.Record) map[string]string {
	h := map[string]string{}
	for _, x := range r.Headers {
		h[x.Key] = string(x.Value)
	}
	return h
}

// TestAPauseInAReplayMakesNothingLate replays history with a pause of many times
// IdleAfter in it: no window closes by the time of day, until the replay is said
// to be over.
func TestAPauseInAReplayMakesNothingLate(t *testing.T) {
	beside(t)
	w := newWorld(t)
	def := Define(w.s.Counts, Spec{Window: Tumbling(time.Hour), Emit: OnClose}, On(w.s.Hits, addTo))
	n := w.start(t.TempDir(), []Definition{def}, func(c *Config) { c.HistoryIdle = -1 })
	send(w, w.s.Hits, past, hit("a", 1))
	n.processed(t, w.s.Hits.Info.Name, 1)
	require.Never(t, func() bool { return n.Status()[0].Timers == 0 }, 500*time.Millisecond, 50*time.Millisecond)
	send(w, w.s.Hits, past.Add(time.Minute), hit("a", 2))
	send(w, w.s.Hits, past.Add(2*time.Hour), hit("a", 4))
	n.processed(t, w.s.Hits.Info.Name, 3)
	require.Len(t, table(w, w.s.Counts), 1, "the record two hours later has closed the first window")
	n.EndHistory()
	n.caughtUp(t)
	n.stop(t)
	rows := table(w, w.s.Counts)
	require.Equal(t, sample.Count{Key: "a", Hits: 2, Sum: 3}, rows["a|2011-12-09T12:00:00Z"])
	require.Equal(t, sample.Count{Key: "a", Hits: 1, Sum: 4}, rows["a|2011-12-09T14:00:00Z"])
	require.Empty(t, w.read(DeadLetterTopic(w.s.Hits.Info.Name)))
}

// TestTheEndOfHistoryIsNotNow lets a history end by HistoryIdle and go on after
// all: only what its timers have closed is late.
func TestTheEndOfHistoryIsNotNow(t *testing.T) {
	beside(t)
	w := newWorld(t)
	def := Define(w.s.Counts, Spec{Window: Tumbling(time.Hour), Emit: OnClose}, On(w.s.Hits, addTo))
	n := w.start(t.TempDir(), []Definition{def}, func(c *Config) { c.HistoryIdle = 100 * time.Millisecond })
	send(w, w.s.Hits, past, hit("a", 1))
	n.caughtUp(t) // its window is closed
	send(w, w.s.Hits, past.Add(time.Hour), hit("a", 2))
	send(w, w.s.Hits, past, hit("a", 4)) // late
	n.caughtUp(t)
	n.stop(t)
	rows := table(w, w.s.Counts)
	require.Len(t, rows, 2)
	require.Equal(t, int64(2), rows["a|2011-12-09T13:00:00Z"].Sum)
	dead := w.read(DeadLetterTopic(w.s.Hits.Info.Name))
	require.Len(t, dead, 1)
	require.Equal(t, "late", headersOf(dead[0])[DLQReason])
}

// TestLiveInputsLetTimeGoOn closes windows of records that are about now by the
// time of day, without anybody ending a history.
func TestLiveInputsLetTimeGoOn(t *testing.T) {
	beside(t)
	w := newWorld(t)
	def := Define(w.s.Counts, Spec{Window: Tumbling(100 * time.Millisecond), Emit: OnClose}, On(w.s.Hits, addTo))
	n := w.start(t.TempDir(), []Definition{def}, func(c *Config) { c.HistoryIdle = -1 })
	send(w, w.s.Hits, time.Now(), hit("a", 1))
	n.processed(t, w.s.Hits.Info.Name, 1)
	require.Eventually(t, func() bool { return n.Status()[0].Timers == 0 }, 20*time.Second, 5*time.Millisecond)
	n.caughtUp(t)
	n.stop(t)
	require.Len(t, table(w, w.s.Counts), 1)
}

// TestRecordsFromTheFuture mixes one of the year 2199 with records of now.
func TestRecordsFromTheFuture(t *testing.T) {
	for _, mode := range []AheadMode{ProcessAhead, RefuseAhead} {
		t.Run(mode.String(), func(t *testing.T) {
			beside(t)
			w := newWorld(t)
			def := Define(w.s.Counts, Spec{Window: Tumbling(time.Hour), Emit: OnCommit, Ahead: mode}, On(w.s.Hits, addTo))
			n := w.start(t.TempDir(), []Definition{def})
			now := time.Now()
			start := now.Truncate(time.Hour)
			send(w, w.s.Hits, now, hit("a", 1))
			send(w, w.s.Hits, farFuture, hit("a", 1000))
			send(w, w.s.Hits, now, hit("a", 2))
			n.processed(t, w.s.Hits.Info.Name, 3)
			n.stop(t)
			rows := table(w, w.s.Counts)
			require.Equal(t, int64(3), rows["a|"+start.UTC().Format(time.RFC3339)].Sum)
			dead := w.read(DeadLetterTopic(w.s.Hits.Info.Name))
			if mode == ProcessAhead {
				require.Equal(t, int64(1000), rows["a|2199-01-01T00:00:00Z"].Sum)
				require.Empty(t, dead)
				return
			}
			require.Len(t, rows, 1)
			require.Len(t, dead, 1)
			require.Equal(t, "validation", headersOf(dead[0])[DLQReason])
			require.Equal(t, ErrAhead.Error(), headersOf(dead[0])[DLQError])
		})
	}
}

// TestARecordFromTheFutureDoesNotWait for all that is right: inputs are merged
// by time, and what came behind it in its partition would wait too.
func TestARecordFromTheFutureDoesNotWait(t *testing.T) {
	beside(t)
	w := newWorld(t)
	var mu sync.Mutex
	var order []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, what)
	}
	def := Define(w.s.Counts, Spec{}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		note("hit")
		return addTo(c, h)
	}), On(w.s.Names, func(c *Ctx[string, sample.Count], n sample.Name) error {
		note("name")
		c.State.Note = n.Text
		return nil
	}))
	send(w, w.s.Hits, farFuture, hit("a", 1))
	send(w, w.s.Hits, past, hit("a", 1))
	for range 20 {
		send(w, w.s.Names, past.Add(time.Hour), sample.Name{Key: "a", Text: "x"})
	}
	n := w.start(t.TempDir(), []Definition{def})
	n.caughtUp(t)
	n.stop(t)
	require.Equal(t, []string{"hit", "hit", "name"}, order[:3])
	require.Len(t, order, 22)
}

// TestAStoredClockFromTheFutureIsGivenUp when the task is opened anew.
func TestAStoredClockFromTheFutureIsGivenUp(t *testing.T) {
	s := sample.New(1, 1)
	store, err := state.OpenMemory("", state.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	now := time.Now()
	open := func(ahead time.Duration) *Task {
		task, err := NewTask(Define(s.Counts, Spec{Window: Tumbling(time.Hour)}, On(s.Hits, addTo)), TaskConfig{
			Store: store, Schemas: &registryFake{text: []string{s.Hits.Info.Schema}}, SchemaID: func(string) int32 { return 1 },
			Partitions: func(string) int { return 1 }, View: func(string, Dep) View { return nil }, Now: func() time.Time { return now }, MaxAhead: ahead,
		})
		require.NoError(t, err)
		return task
	}
	clock := func(task *Task) time.Time {
		at, ok := task.Clock()
		require.True(t, ok)
		return at
	}
	var sink logs
	task := open(0) // without bound
	h := hit("a", 1)
	value := sample.AppendHit([]byte{0, 0, 0, 0, 1}, &h)
	_, err = task.Process(0, &kafka.Record{Timestamp: farFuture.UnixMilli(), Key: []byte("a"), Value: value}, &sink)
	require.NoError(t, err)
	require.NoError(t, task.Seal(&sink))
	_, err = task.Committed(nil)
	require.NoError(t, err)
	require.True(t, clock(task).Equal(farFuture))
	require.True(t, clock(open(0)).Equal(farFuture))
	require.WithinDuration(t, now, clock(open(time.Hour)), time.Millisecond)
}
