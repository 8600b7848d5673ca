package stream

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/wire"
)

// send writes values with their keys and a time each.
func send[V any](w *world, t *schemas.Topic[string, V], at time.Time, values ...V) {
	w.t.Helper()
	id, err := w.reg.RegisterSchema(w.t.Context(), "", t.Info.Schema)
	require.NoError(w.t, err)
	for i := range values {
		sendRaw(w, t, at, t.KeyOf(&values[i]), t.Values.Append(avro.AppendHeader(nil, int32(id)), &values[i]))
	}
}

func sendRaw[V any](w *world, t *schemas.Topic[string, V], at time.Time, key string, value []byte) {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(w.t, err)
	defer cl.Close()
	r := &kgo.Record{Topic: t.Info.Name, Partition: kafka.Partition([]byte(key), t.Info.Partitions), Key: []byte(key), Value: value, Timestamp: at}
	require.NoError(w.t, cl.ProduceSync(w.t.Context(), r).FirstErr())
}

// table is the newest value of each key.
func table[V any](w *world, t *schemas.Topic[string, V]) map[string]V {
	w.t.Helper()
	rows := map[string]V{}
	for _, r := range w.read(t.Info.Name) {
		if r.Value == nil {
			delete(rows, string(r.Key))
			continue
		}
		var v V
		require.NoError(w.t, t.Values.Decode(&v, r.Value[avro.HeaderLen:]))
		rows[string(r.Key)] = v
	}
	return rows
}

func addTo(c *Ctx[string, sample.Count], h sample.Hit) error {
	c.State.Key = c.Key
	c.State.Hits++
	c.State.Sum += h.N
	return nil
}

var past = time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC)

func hit(key string, n int64) sample.Hit { return sample.Hit{Key: key, ID: "i", N: n} }

func TestTimersFireInQuietTimesAndSurviveMembers(t *testing.T) {
	beside(t)
	for _, kind := range []StoreKind{Memory, Disk} {
		t.Run(kind.String(), func(t *testing.T) {
			beside(t)
			w := newWorld(t)
			def := Define(w.s.Counts, Spec{Store: kind}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
				c.Timer("ship", c.Time().Add(48*time.Hour))
				c.WallTimer("wall", c.Now().Add(time.Duration(h.N)*time.Hour))
				return addTo(c, h)
			}), OnTimer("ship", func(c *Ctx[string, sample.Count], at time.Time) error {
				c.State.Note += "shipped " + at.Format(time.DateOnly)
				return nil
			}), OnTimer("wall", func(c *Ctx[string, sample.Count], _ time.Time) error {
				c.State.Note += " wall"
				return nil
			}))
			n := w.start(t.TempDir(), []Definition{def}, func(c *Config) { c.IdleAfter = time.Hour })
			for i := range 20 {
				send(w, w.s.Hits, past, hit(fmt.Sprint("k", i), 1000))
			}
			require.Eventually(t, func() bool { return n.Status()[0].Keys >= 60 }, 30*time.Second, 10*time.Millisecond)
			n.stop(t) // the timers have not fired: the inputs were not idle for an hour
			require.Empty(t, table(w, w.s.Counts)["k0"].Note)

			n = w.start(t.TempDir(), []Definition{def}) // elsewhere, from the changelogs
			n.caughtUp(t)
			require.Equal(t, 20, n.Status()[0].Timers, "those by the time of day remain")
			n.stop(t)
			rows := table(w, w.s.Counts)
			require.Len(t, rows, 20)
			for k, r := range rows {
				require.Equal(t, "shipped 2011-12-11", r.Note, k)
			}
			for _, r := range w.read(w.s.Counts.Info.Name) {
				require.True(t, r.Timestamp.Equal(past) || r.Timestamp.Equal(past.Add(48*time.Hour)), "rows carry event time")
			}
		})
	}
}

func TestJoinsAndLookupsAndChains(t *testing.T) {
	beside(t)
	w := newWorld(t)
	names, copied := Join(w.s.Names), Lookup(w.s.Names)
	first := Define(w.s.Counts, Spec{Uses: []Dep{names, copied}}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		n, _ := names.Get(c, c.Key)
		l, _ := copied.Get(c, c.Key)
		c.State.Note = n.Text + "/" + l.Text
		return addTo(c, h)
	}))
	second := Define(w.s.Totals, Spec{}, On(w.s.Counts, func(c *Ctx[string, sample.Count], row sample.Count) error {
		c.State.Key = c.Key
		c.State.Sum = row.Sum * 2
		c.State.Note = row.Note
		return nil
	}))
	for i := range 30 {
		key := fmt.Sprint("k", i)
		send(w, w.s.Names, past, sample.Name{Key: key, Text: "old"})
		send(w, w.s.Hits, past.Add(time.Hour), hit(key, int64(i)))
	}
	dir := t.TempDir()
	n := w.start(dir, []Definition{first, second})
	n.caughtUp(t)
	n.stop(t)
	for k, r := range table(w, w.s.Totals) {
		require.Equal(t, "old/old", r.Note, k)
	}
	for _, keep := range []string{dir, t.TempDir()} { // the joined table is restored from its own topic
		n = w.start(keep, []Definition{second, first})
		for i := range 30 {
			send(w, w.s.Hits, past.Add(2*time.Hour), hit(fmt.Sprint("k", i), 1))
		}
		n.caughtUp(t)
		n.stop(t)
		for k, r := range table(w, w.s.Totals) {
			require.Equal(t, "old/old", r.Note, k)
		}
	}
	require.Equal(t, int64(2*(29+2)), table(w, w.s.Totals)["k29"].Sum)
}

func TestInputsOfOlderSchemasAreResolved(t *testing.T) {
	beside(t)
	w := newWorld(t)
	id, err := w.reg.RegisterSchema(t.Context(), "", sample.OldHitSchema)
	require.NoError(t, err)
	def := Define(w.s.Counts, Spec{}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Note = h.ID
		return addTo(c, h)
	}))
	n := w.start(t.TempDir(), []Definition{def})
	sendRaw(w, w.s.Hits, past, "a", wire.AppendLong(wire.AppendString(avro.AppendHeader(nil, int32(id)), "a"), 41))
	n.caughtUp(t)
	require.Equal(t, sample.Count{Key: "a", Hits: 1, Sum: 41, Note: "none"}, table(w, w.s.Counts)["a"])
	n.stop(t)
}

func TestAnUnreachableRegistryIsWaitedFor(t *testing.T) {
	beside(t)
	w := newWorld(t)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))})
	require.Eventually(t, n.Ready, 30*time.Second, 10*time.Millisecond)
	w.reg.mu.Lock()
	w.reg.down = true
	w.reg.mu.Unlock()
	send(w, w.s.Hits, past, hit("a", 1))
	require.Never(t, func() bool { return n.Status()[0].Keys > 0 }, 300*time.Millisecond, 50*time.Millisecond)
	w.reg.mu.Lock()
	w.reg.down = false
	w.reg.mu.Unlock()
	n.caughtUp(t)
	require.Equal(t, int64(1), table(w, w.s.Counts)["a"].Sum)
	require.Empty(t, w.read(DeadLetterTopic(w.s.Hits.Info.Name)))
	n.stop(t)
}

func TestThenStopStopsLoudlyAndGoesOnAfterTheCure(t *testing.T) {
	w := newWorld(t)
	var sick atomic.Bool
	sick.Store(true)
	def := Define(w.s.Counts, Spec{OnError: Retry(1, time.Millisecond).ThenStop()}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		if h.N == 2 && sick.Load() {
			return errors.New("cannot be")
		}
		return addTo(c, h)
	}))
	dir := t.TempDir()
	n := w.start(dir, []Definition{def})
	send(w, w.s.Hits, past, hit("a", 1), hit("a", 2), hit("a", 4))
	select {
	case err := <-n.done:
		require.ErrorContains(t, err, "cannot be")
		require.ErrorContains(t, err, "at offset 1")
	case <-time.After(10 * time.Second):
		t.Fatal("still running")
	}
	require.Equal(t, Stopped, n.Status()[0].State)
	n.c.Close()
	sick.Store(false)
	n = w.start(dir, []Definition{def})
	n.caughtUp(t)
	n.stop(t)
	require.Equal(t, sample.Count{Key: "a", Hits: 3, Sum: 7}, table(w, w.s.Counts)["a"])
}

// TestASecondInstanceOfTheSameIDStopsTheFirst starts a twin. The embedded broker gives a new epoch to whoever asks last,
// with however old a one; there the first may be the one that stays, where it was about to recover.
func TestASecondInstanceOfTheSameIDStopsTheFirst(t *testing.T) {
	beside(t)
	w := newWorld(t)
	def := Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))
	same := func(c *Config) { c.InstanceID = "twin" }
	first := w.start(t.TempDir(), []Definition{def}, same)
	send(w, w.s.Hits, past, hit("a", 1))
	first.caughtUp(t)
	second := w.start(t.TempDir(), []Definition{def}, same)
	stays := second
	require.Eventually(t, func() bool {
		send(w, w.s.Hits, past, hit("a", 1), hit("b", 1), hit("c", 1), hit("d", 1), hit("e", 1), hit("f", 1))
		select {
		case err := <-first.done:
			require.ErrorIs(t, err, kafka.ErrFenced)
			return true
		case err := <-second.done:
			require.ErrorIs(t, err, kafka.ErrFenced)
			require.NotNil(t, w.b, "a real broker fences the first")
			stays = first
			return true
		default:
			return false
		}
	}, 20*time.Second, 50*time.Millisecond)
	stays.caughtUp(t)
	stays.stop(t)
	rows := w.read(w.s.Counts.Info.Name)
	seen := map[string]int64{}
	for _, r := range rows {
		var c sample.Count
		require.NoError(t, w.s.Counts.Values.Decode(&c, r.Value[avro.HeaderLen:]))
		require.Equal(t, seen[c.Key]+1, c.Hits)
		seen[c.Key] = c.Hits
	}
}

func TestStateThatCannotBeContinuedIsRebuilt(t *testing.T) {
	beside(t)
	w := newWorld(t)
	def := Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))
	dir := t.TempDir()
	n := w.start(dir, []Definition{def})
	for i := range 50 {
		send(w, w.s.Hits, past, hit(fmt.Sprint("k", i%10), 1))
	}
	n.caughtUp(t)
	n.stop(t)
	c := w.client()
	// The topic is cut off behind what the store knows: as if it had been away for too long.
	n = w.start(t.TempDir(), []Definition{def})
	for i := range 50 {
		send(w, w.s.Hits, past, hit(fmt.Sprint("k", i%10), 1))
	}
	n.caughtUp(t)
	n.stop(t)
	before := map[kafka.TopicPartition]int64{}
	for p := range w.s.Counts.Info.Partitions {
		tp := kafka.TopicPartition{Topic: w.s.Counts.Info.Name, Partition: int32(p)}
		ends, err := c.ListOffsets(t.Context(), []kafka.TopicPartition{tp}, kafka.Latest, kafka.ReadCommitted)
		require.NoError(t, err)
		before[tp] = ends[tp]
	}
	_, err := c.DeleteRecords(t.Context(), before)
	require.NoError(t, err)
	n = w.start(dir, []Definition{def})
	n.caughtUp(t)
	n.stop(t)
	require.Zero(t, n.Status()[0].Keys, "what the topic does not hold any more is not there either")
}

func TestDeadLettersCarryWhereAndWhy(t *testing.T) {
	beside(t)
	w := newWorld(t)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))})
	sendRaw(w, w.s.Hits, past, "a", []byte("rubbish"))
	n.caughtUp(t)
	n.stop(t)
	dead := w.read(DeadLetterTopic(w.s.Hits.Info.Name))
	require.Len(t, dead, 1)
	require.Equal(t, "rubbish", string(dead[0].Value))
	h := map[string]string{}
	for _, x := range dead[0].Headers {
		h[x.Key] = string(x.Value)
	}
	require.Equal(t, "decode", h[DLQReason])
	require.Equal(t, w.s.Hits.Info.Name, h[DLQTopic])
	require.Equal(t, "0", h[DLQOffset])
	require.Equal(t, "2011-12-09T12:50:00Z", h[DLQTime])
	require.Equal(t, "count", h[DLQProduct])
}

func TestIdleSendsNothing(t *testing.T) {
	embeddedOnly(t)
	w := newWorld(t)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo), OnTimer("x", func(*Ctx[string, sample.Count], time.Time) error { return nil }))})
	send(w, w.s.Hits, past, hit("a", 1))
	n.caughtUp(t)
	var sent atomic.Int32
	w.b.Kfake().ControlKey(0, countRequest(w, &sent))
	w.b.Kfake().ControlKey(26, countRequest(w, &sent))
	require.Never(t, func() bool { return sent.Load() > 0 }, 500*time.Millisecond, 50*time.Millisecond)
	n.stop(t)
}

func TestDescribe(t *testing.T) {
	w := newWorld(t)
	d := Describe(w.counts())
	require.Equal(t, "count", d.Name)
	roles := map[string]string{}
	for _, in := range d.Inputs {
		roles[in.Topic] = in.Role
		if in.Topic == w.s.Others.Info.Name {
			require.Equal(t, []string{w.s.Via.Info.Name}, in.RekeyedTo)
		}
	}
	require.Equal(t, map[string]string{w.s.Hits.Info.Name: "reacts", w.s.Others.Info.Name: "reacts", w.s.Via.Info.Name: "re-keyed"}, roles)
	require.Equal(t, "table", d.Outputs[0].Role)
	var text strings.Builder
	d.Fprint(&text)
	require.Contains(t, text.String(), "rows   published every update, kept in memory; on error: retry 1 times from 1ms, then dead letter")
}

// TestSourcesMayHaveMorePartitions re-keys a topic that has more partitions
// than the output, without repetitions.
func TestSourcesMayHaveMorePartitions(t *testing.T) {
	beside(t)
	w := newWorld(t)
	wide := sample.NewIn("wide", 3, 9)
	require.NoError(t, w.client().CreateTopics(t.Context(), TopicSpec(&wide.Others.Info, 1)))
	def := Define(wide.Counts, Spec{}, On(KeyBy(wide.Via, From(Distinct(wide.Others, func(h sample.Hit) string { return h.ID }, time.Hour),
		func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			emit("all", h)
			return nil
		})), addTo))
	dir := t.TempDir()
	for round := range 3 {
		n := w.start(dir, []Definition{def}, func(c *Config) { c.IdleAfter = time.Hour })
		for i := range 40 {
			send(w, wide.Others, past, sample.Hit{Key: fmt.Sprint("k", i), ID: fmt.Sprint("id", i), N: 1})
		}
		require.Eventually(t, func() bool {
			read := int64(0)
			for _, in := range n.Status()[0].Inputs {
				if in.Topic == wide.Others.Info.Name {
					read += in.Next
				}
			}
			return read >= int64(40*(round+1))
		}, 30*time.Second, 10*time.Millisecond)
		n.stop(t)
		if round == 1 {
			dir = t.TempDir() // the ids seen are in the side changelog
		}
	}
	n := w.start(dir, []Definition{def})
	n.caughtUp(t)
	n.stop(t)
	require.Equal(t, sample.Count{Key: "all", Hits: 40, Sum: 40}, table(w, wide.Counts)["all"])
}
