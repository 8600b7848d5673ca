package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// TestSmallTopics publishes to topics that take little: batches are split, and
// what no batch can hold becomes a dead letter, also after a limit has been
// lowered while the product runs.
func TestSmallTopics(t *testing.T) {
	beside(t)
	w := newWorld(t)
	out := w.s.Counts.Info.Name
	spec := TopicSpec(&w.s.Counts.Info, 1)
	spec.Config["max.message.bytes"] = "4000"
	c := w.client()
	require.NoError(t, c.CreateTopics(t.Context(), spec))
	def := Define(w.s.Counts, Spec{}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Key, c.State.Note = c.Key, h.ID
		c.State.Hits++
		return nil
	}))
	p, err := c.NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "feed-small"})
	require.NoError(t, err)
	defer p.Close()
	_, err = w.reg.RegisterSchema(t.Context(), "", w.s.Hits.Info.Schema)
	require.NoError(t, err)
	send := func(n, size int) {
		txn := p.NewTxn()
		for range n {
			h := sample.Hit{Key: "k", ID: strings.Repeat("x", size)}
			txn.Append(kafka.TopicPartition{Topic: w.s.Hits.Info.Name}, time.Now().UnixMilli(), []byte(h.Key), sample.AppendHit(avro.AppendHeader(nil, 1), &h))
		}
		require.NoError(t, p.Commit(t.Context(), txn))
	}
	send(100, 1000)
	send(1, 4000)
	n := w.start(t.TempDir(), []Definition{def})
	n.caughtUp(t)
	require.Len(t, w.read(out), 100)
	dead := w.read(DeadLetterTopic(w.s.Hits.Info.Name))
	require.Len(t, dead, 1)
	require.Contains(t, fmt.Sprint(dead[0].Headers), DLQError)
	require.Len(t, dead[0].Value[avro.HeaderLen:], len(sample.AppendHit(nil, &sample.Hit{Key: "k", ID: strings.Repeat("x", 4000)})))
	for _, h := range dead[0].Headers {
		if h.Key == DLQError {
			require.Regexp(t, `a record of 4\d+ bytes for `+out+`, which takes 4000: publish less, or raise max.message.bytes`, string(h.Value))
		}
	}

	require.NoError(t, c.AlterTopicConfigs(t.Context(), out, map[string]string{"max.message.bytes": "2000"}))
	require.NoError(t, c.AlterTopicConfigs(t.Context(), DeadLetterTopic(w.s.Hits.Info.Name), map[string]string{"max.message.bytes": "1500"}))
	send(10, 900)
	send(1, 2500)
	send(10, 900)
	n.caughtUp(t)
	n.stop(t)
	rows := w.read(out)
	require.Len(t, rows, 120)
	var last sample.Count
	require.NoError(t, w.s.Counts.Values.Decode(&last, rows[119].Value[avro.HeaderLen:]))
	require.EqualValues(t, 120, last.Hits)
	dead = w.read(DeadLetterTopic(w.s.Hits.Info.Name))
	require.Len(t, dead, 2)
	require.Nil(t, dead[1].Value, "the dead-letter topic cannot take the value either")
	require.Contains(t, fmt.Sprint(dead[1].Headers), DLQLeftOut)
}
