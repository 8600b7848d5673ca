package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// TestRecordsThatWereDeletedUnreadStopTheProduct lets retention take what a stopped product had still to read. To go on
// as if nothing had been there would be to lose records silently.
func TestRecordsThatWereDeletedUnreadStopTheProduct(t *testing.T) {
	beside(t)
	w := newWorld(t)
	defs := []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))}
	dir := t.TempDir()
	n := w.start(dir, defs)
	for i := range 60 {
		send(w, w.s.Hits, past, hit(fmt.Sprint("k", i), 1))
	}
	n.caughtUp(t)
	n.stop(t)
	for i := range 60 {
		send(w, w.s.Hits, past, hit(fmt.Sprint("k", i), 1))
	}
	var tps []kafka.TopicPartition
	for p := range w.s.Hits.Info.Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: w.s.Hits.Info.Name, Partition: int32(p)})
	}
	c := w.client()
	before, err := c.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadUncommitted)
	require.NoError(t, err)
	_, err = c.DeleteRecords(t.Context(), before)
	require.NoError(t, err)

	n = w.start(dir, defs)
	select {
	case err := <-n.done:
		require.ErrorIs(t, err, kafka.ErrOffsetOutOfRange)
		require.ErrorContains(t, err, "retention deleted records that this product had not read")
		require.ErrorContains(t, err, "meshwork reset")
	case <-time.After(30 * time.Second):
		t.Fatal("the product goes on without the records that it had not read")
	}
	n.cancel()
	n.c.Close()
}

// TestARegistryThatCannotWriteYetIsWaitedFor starts products before anybody may write to the registry.
func TestARegistryThatCannotWriteYetIsWaitedFor(t *testing.T) {
	beside(t)
	w := newWorld(t)
	send(w, w.s.Hits, past, hit("a", 1))
	w.reg.mu.Lock()
	w.reg.mute = 2
	w.reg.mu.Unlock()
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))})
	n.caughtUp(t)
	n.stop(t)
	require.EqualValues(t, 1, table(w, w.s.Counts)["a"].Hits)

	w.reg.mu.Lock()
	w.reg.mute = 1 << 30
	w.reg.mu.Unlock()
	n = w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))})
	require.Eventually(t, func() bool {
		s := n.Status()[0]
		return strings.Contains(s.Unready(time.Now()), "waiting for the schema registry to take "+w.s.Counts.Info.Subject)
	}, 20*time.Second, 10*time.Millisecond, "whoever asks whether it is ready is told why not")
	n.cancel() // and a stop does not wait
	select {
	case err := <-n.done:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(20 * time.Second):
		t.Fatal("the runner does not stop")
	}
}

// TestLagCountsWhatHasBeenFetched lets a product wait before its first record: all that lies there is lag, fetched or not.
func TestLagCountsWhatHasBeenFetched(t *testing.T) {
	beside(t)
	w := newWorld(t)
	for range 40 {
		send(w, w.s.Hits, past, hit("a", 1))
	}
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{OnError: Retry(1000, time.Hour).ThenStop()},
		On(w.s.Hits, func(*Ctx[string, sample.Count], sample.Hit) error { return errors.New("not now") }))})
	require.Eventually(t, func() bool {
		lag := int64(0)
		for _, in := range n.Status()[0].Inputs {
			lag += max(in.End-in.Next, 0)
		}
		return lag == 40
	}, 20*time.Second, 10*time.Millisecond)
	n.stop(t)
}
