package stream

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// TestRekeyedRecordsGoOnceTheyAreRead looks at how much of its private topic a product leaves, and that nothing goes that
// it, or whoever comes after it, still needs.
func TestRekeyedRecordsGoOnceTheyAreRead(t *testing.T) {
	beside(t)
	w := newWorld(t)
	dir := t.TempDir()
	def := func() []Definition {
		return []Definition{Define(w.s.Counts, Spec{}, On(KeyBy(w.s.Via, From(w.s.Others, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			emit(h.ID, h)
			return nil
		})), addTo))}
	}
	often := func(c *Config) { c.PurgeInterval = time.Millisecond }
	c := w.client()
	held := func(topic string, parts int, at kafka.OffsetSpec) (sum int64) {
		var tps []kafka.TopicPartition
		for p := range parts {
			tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
		}
		offsets, err := c.ListOffsets(t.Context(), tps, at, kafka.ReadCommitted)
		require.NoError(t, err)
		for _, o := range offsets {
			sum += o
		}
		return sum
	}
	via := w.s.Via.Info
	n := w.start(dir, def(), often)
	for round := range 3 {
		for i := range 30 {
			send(w, w.s.Others, past, sample.Hit{Key: strconv.Itoa(i), ID: fmt.Sprint("k", i%10), N: 1})
		}
		n.caughtUp(t)
		require.Eventually(t, func() bool {
			return held(via.Name, via.Partitions, kafka.Earliest) >= int64(30*(round+1)-via.Partitions)
		}, 20*time.Second, 20*time.Millisecond, "what was read goes")
		n.stop(t)
		if round == 1 {
			dir = t.TempDir() // nothing of what is gone is needed to begin again
		}
		n = w.start(dir, def(), often)
		n.caughtUp(t)
	}
	n.stop(t)
	require.Zero(t, held(w.s.Others.Info.Name, w.s.Others.Info.Partitions, kafka.Earliest), "the source is others' too")
	rows := table(w, w.s.Counts)
	require.Len(t, rows, 10)
	for _, row := range rows {
		require.EqualValues(t, 9, row.Hits)
	}
}

// TestRekeyedRecordsGoAndTheBrokerStops starts the embedded broker again over logs of which nearly everything is gone.
func TestRekeyedRecordsGoAndTheBrokerStops(t *testing.T) {
	embeddedOnly(t)
	t.Parallel()
	w := newWorld(t)
	data, dir := t.TempDir(), t.TempDir()
	def := Define(w.s.Counts, Spec{}, On(KeyBy(w.s.Via, From(w.s.Others, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
		emit(h.ID, h)
		return nil
	})), addTo))
	for round := range 3 {
		b, err := broker.Start(t.Context(), broker.Config{Dir: data, Listen: "127.0.0.1:0"})
		require.NoError(t, err)
		w.b, w.addrs = b, b.Addrs()
		c := w.client()
		require.NoError(t, c.CreateTopics(t.Context(), TopicSpec(&w.s.Others.Info, 1)))
		n := w.start(dir, []Definition{def}, func(c *Config) { c.PurgeInterval = time.Millisecond })
		for i := range 30 {
			send(w, w.s.Others, past, sample.Hit{Key: strconv.Itoa(i), ID: fmt.Sprint("k", i%10), N: 1})
		}
		n.caughtUp(t)
		var tps []kafka.TopicPartition
		for p := range w.s.Via.Info.Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: w.s.Via.Info.Name, Partition: int32(p)})
		}
		require.Eventually(t, func() bool {
			first, err := c.ListOffsets(t.Context(), tps, kafka.Earliest, kafka.ReadCommitted)
			sum := int64(0)
			for _, o := range first {
				sum += o
			}
			return err == nil && sum >= int64(30*(round+1)-len(tps))
		}, 20*time.Second, 20*time.Millisecond, "what was read goes")
		n.stop(t)
		rows := table(w, w.s.Counts)
		require.Len(t, rows, 10)
		for _, row := range rows {
			require.EqualValues(t, 3*(round+1), row.Hits)
		}
		require.NoError(t, b.Close())
	}
}

// TestRekeyedRecordsThatOthersReadStay has a second product of the service read the private topic.
func TestRekeyedRecordsThatOthersReadStay(t *testing.T) {
	s := sample.New(2, 2)
	rekeys := Define(s.Counts, Spec{}, On(KeyBy(s.Via, From(s.Others, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
		emit(h.ID, h)
		return nil
	})), addTo))
	r, err := NewRunner(Config{Kafka: &kafka.Client{}, Registry: &registryFake{}, StateDir: t.TempDir()}, rekeys)
	require.NoError(t, err)
	via := func() int {
		for i, in := range r.workers[0].def.inputs {
			if in.internal {
				return i
			}
		}
		return -1
	}()
	require.True(t, r.workers[0].purges(via))
	r.readers[s.Via.Info.Name]++
	require.False(t, r.workers[0].purges(via))
	r.readers[s.Via.Info.Name]--
	for i := range r.workers[0].def.inputs {
		require.Equal(t, i == via, r.workers[0].purges(i), "only what is re-keyed")
	}
}
