package stream

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// A long changelog is taken in without looking every row up: the store counts its keys afterwards, a crash in the middle
// does no harm, and the product goes on where it was.
func TestLongRestoreOnDisk(t *testing.T) {
	beside(t)
	w := newWorld(t)
	w.s = sample.NewIn(fmt.Sprintf("long%d", time.Now().UnixNano()), 1, 1) // one partition: what is long is so by partition
	require.NoError(t, w.client().CreateTopics(t.Context(), TopicSpec(&w.s.Hits.Info, 1)))
	def := Define(w.s.Counts, Spec{Store: Disk}, On(w.s.Hits, addTo))
	const keys = longRead + 2000
	feed := func() {
		p, err := w.client().NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "long-" + w.s.Hits.Info.Name})
		require.NoError(t, err)
		defer p.Close()
		id, err := w.reg.RegisterSchema(t.Context(), "", w.s.Hits.Info.Schema)
		require.NoError(t, err)
		txn := p.NewTxn()
		for i := range keys {
			h := sample.Hit{Key: fmt.Sprint("key-", i), ID: "i", N: 1}
			txn.Append(kafka.TopicPartition{Topic: w.s.Hits.Info.Name},
				time.Now().UnixMilli(), []byte(h.Key), sample.AppendHit(avro.AppendHeader(nil, int32(id)), &h))
		}
		require.NoError(t, p.Commit(t.Context(), txn))
	}
	inStore := func(n *node) (sum int64) {
		for _, s := range n.Status() {
			sum += int64(s.Keys)
		}
		return sum
	}
	n := w.start(t.TempDir(), []Definition{def})
	feed()
	n.caughtUp(t)
	require.EqualValues(t, keys, inStore(n))
	n.stop(t)

	dir := t.TempDir() // nothing is left of the state; the first restore dies at its end
	var died atomic.Bool
	n = w.start(dir, []Definition{def}, func(c *Config) {
		c.crash = func(point string) error {
			if point == crashInRestore && died.CompareAndSwap(false, true) {
				return errors.New("crash")
			}
			return nil
		}
	})
	require.ErrorIs(t, <-n.done, errCrashed)
	n = w.start(dir, []Definition{def})
	n.caughtUp(t)
	require.EqualValues(t, keys, inStore(n))
	feed()
	n.caughtUp(t)
	n.stop(t)
	for k, c := range table(w, w.s.Counts) {
		require.EqualValues(t, 2, c.Hits, k)
	}
}
