package kafkatest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
)

func (e *env) core(t *testing.T) {
	require.NoError(t, e.client.Ping(ctx(t)))
	f, err := e.client.Features(ctx(t))
	require.NoError(t, err)
	require.Equal(t, e.features.TransactionVersion, f.TransactionVersion, "finalized: %v", f.All)
	require.Equal(t, e.features.GroupVersion, f.GroupVersion, "finalized: %v", f.All)
	cl, err := e.client.DescribeCluster(ctx(t))
	require.NoError(t, err)
	require.NotEmpty(t, cl.ID)
	require.Contains(t, cl.Brokers, cl.Controller)
}

func (e *env) admin(t *testing.T) {
	name := e.topic(t, 3, "cleanup.policy", "compact")
	require.NoError(t, e.client.CreateTopics(ctx(t), kafka.TopicSpec{Name: name, Partitions: 7}), "an existing topic is no error")
	metas, err := e.client.Topics(ctx(t), name, e.name("absent"))
	require.NoError(t, err)
	require.Len(t, metas, 1)
	m := metas[name]
	require.Equal(t, 3, m.Partitions)
	require.NotZero(t, m.ID)
	require.Positive(t, m.Replicas)
	all, err := e.client.Topics(ctx(t))
	require.NoError(t, err)
	require.Contains(t, all, name)

	cfg, err := e.client.TopicConfigs(ctx(t), name)
	require.NoError(t, err)
	require.Equal(t, kafka.ConfigEntry{Value: "compact", Own: true}, cfg[name]["cleanup.policy"])
	require.False(t, cfg[name]["retention.ms"].Own)
	require.NoError(t, e.client.AlterTopicConfigs(ctx(t), name, map[string]string{"retention.ms": "3600000"}, "cleanup.policy"))
	require.NoError(t, e.client.AwaitTopicConfig(ctx(t), "retention.ms", "3600000", name))
	cfg, err = e.client.TopicConfigs(ctx(t), name)
	require.NoError(t, err)
	require.False(t, cfg[name]["cleanup.policy"].Own)
	short, cancel := context.WithTimeout(ctx(t), 300*time.Millisecond)
	defer cancel()
	require.Error(t, e.client.AwaitTopicConfig(short, "retention.ms", "1", name), "nobody has set it so")
	_, err = e.client.TopicConfigs(ctx(t), e.name("absent"))
	require.ErrorIs(t, err, kafka.ErrUnknownTopic)

	require.Error(t, e.client.CreateTopics(ctx(t), kafka.TopicSpec{Name: e.name("bad"), Replication: 99}))
	require.NoError(t, e.client.DeleteTopics(ctx(t), name, e.name("absent")))
	metas, err = e.client.Topics(ctx(t), name)
	require.NoError(t, err)
	require.Empty(t, metas)
}

func (e *env) offsets(t *testing.T) {
	topic := e.topic(t, 2)
	cl := e.foreign(t)
	foreignSend(t, cl, topic, 0, numbered("a", 10)...)
	mid := time.Now().Add(10 * time.Millisecond)
	<-time.After(30 * time.Millisecond)
	foreignSend(t, cl, topic, 0, numbered("b", 10)...)
	p0, p1 := kafka.TopicPartition{Topic: topic, Partition: 0}, kafka.TopicPartition{Topic: topic, Partition: 1}
	both := []kafka.TopicPartition{p1, p0}
	list := func(at kafka.OffsetSpec) map[kafka.TopicPartition]int64 {
		out, err := e.client.ListOffsets(ctx(t), both, at, kafka.ReadCommitted)
		require.NoError(t, err)
		return out
	}
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 0, p1: 0}, list(kafka.Earliest))
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 20, p1: 0}, list(kafka.Latest))
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 10, p1: 0}, list(kafka.AtTime(mid)))
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 20, p1: 0}, list(kafka.AtTime(time.Now().Add(time.Hour))))
	_, err := e.client.ListOffsets(ctx(t), []kafka.TopicPartition{{Topic: topic, Partition: 9}}, kafka.Latest, kafka.ReadCommitted)
	require.ErrorIs(t, err, kafka.ErrUnknownTopic)

	group := e.name("group")
	got, err := e.client.CommittedOffsets(ctx(t), group, both)
	require.NoError(t, err)
	require.Equal(t, map[kafka.TopicPartition]int64{p0: -1, p1: -1}, got)
	require.NoError(t, e.client.CommitOffsets(ctx(t), group, map[kafka.TopicPartition]int64{p0: 7}))
	got, err = e.client.CommittedOffsets(ctx(t), group, both)
	require.NoError(t, err)
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 7, p1: -1}, got)
	got, err = e.client.CommittedOffsets(ctx(t), group, nil)
	require.NoError(t, err)
	require.Equal(t, map[kafka.TopicPartition]int64{p0: 7}, got)

	groups, err := e.client.Groups(ctx(t))
	require.NoError(t, err)
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	require.Contains(t, ids, group)
	d, err := e.client.DescribeGroup(ctx(t), group)
	require.NoError(t, err)
	require.Equal(t, "Empty", d.State)
	require.NoError(t, e.client.DeleteGroups(ctx(t), group, e.name("absent")))
	_, err = e.client.DescribeGroup(ctx(t), group)
	require.ErrorIs(t, err, kafka.ErrUnknownGroup)

	low, err := e.client.DeleteRecords(ctx(t), map[kafka.TopicPartition]int64{p0: 5})
	require.NoError(t, err)
	require.Equal(t, int64(5), low[p0])
	require.Equal(t, int64(5), list(kafka.Earliest)[p0])
}

func (e *env) fetch(t *testing.T) {
	t.Run("committed", func(t *testing.T) {
		topic := e.topic(t, 2)
		cl := e.foreign(t, kgo.TransactionalID(e.name("txn")))
		var want []string
		for i := range 9 {
			require.NoError(t, cl.BeginTransaction())
			v := numbered(fmt.Sprintf("%d-", i), 20)
			foreignSend(t, cl, topic, 0, v...)
			foreignSend(t, cl, topic, 1, v...)
			commit := i%3 != 1
			if commit {
				want = append(want, v...)
			}
			require.NoError(t, cl.EndTransaction(ctx(t), kgo.TransactionEndTry(commit)))
		}
		open := e.foreign(t, kgo.TransactionalID(e.name("open")), kgo.TransactionTimeout(10*time.Second))
		require.NoError(t, open.BeginTransaction())
		foreignSend(t, open, topic, 0, "open")
		tp := kafka.TopicPartition{Topic: topic}
		// Markers are written after EndTxn has been answered: wait until the last is there.
		require.Eventually(t, func() bool {
			at, err := e.client.ListOffsets(ctx(t), []kafka.TopicPartition{tp}, kafka.Latest, kafka.ReadCommitted)
			return err == nil && at[tp] == 189
		}, 20*time.Second, 20*time.Millisecond)
		got, next := e.read(t, tp, kafka.ReadCommitted)
		require.Equal(t, want, got)
		require.Equal(t, int64(189), next)
		require.Equal(t, want, e.foreignRead(t, topic, len(want)))
		got, next = e.read(t, tp, kafka.ReadUncommitted)
		require.Len(t, got, 181)
		require.Equal(t, int64(190), next)
		require.NoError(t, open.EndTransaction(ctx(t), kgo.TryAbort))
	})
	t.Run("codecs", func(t *testing.T) {
		topic := e.topic(t, 1)
		want := numbered(strings.Repeat("value ", 20), 300)
		var all []string
		for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
			foreignSend(t, e.foreign(t, kgo.ProducerBatchCompression(codec)), topic, 0, want...)
			all = append(all, want...)
		}
		got, _ := e.read(t, kafka.TopicPartition{Topic: topic}, kafka.ReadCommitted)
		require.Equal(t, all, got)
	})
	t.Run("errors", func(t *testing.T) {
		topic := e.topic(t, 1)
		f := e.client.NewFetcher(kafka.FetchConfig{UnknownTopicWait: 200 * time.Millisecond})
		defer f.Close()
		f.Add(kafka.TopicPartition{Topic: topic}, 99)
		require.ErrorIs(t, firstErr(t, f), kafka.ErrOffsetOutOfRange)
		f.Add(kafka.TopicPartition{Topic: e.name("absent")}, 0)
		require.ErrorIs(t, firstErr(t, f), kafka.ErrUnknownTopic)
	})
	t.Run("large batch among small limits", e.fetchLarge)
}

// fetchLarge reads batches larger than the limit from partitions that are not the first of the request, which a
// broker answers with nothing at all.
func (e *env) fetchLarge(t *testing.T) {
	topic := e.topic(t, 4)
	cl := e.foreign(t, kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := strings.Repeat("x", 300_000)
	for p := range int32(4) {
		for range 5 {
			foreignSend(t, cl, topic, p, value)
		}
	}
	f := e.client.NewFetcher(kafka.FetchConfig{MaxPartitionBytes: 1000, MaxBufferedBytes: 100_000})
	defer f.Close()
	for p := range int32(4) {
		f.Add(kafka.TopicPartition{Topic: topic, Partition: p}, 0)
	}
	for n := 0; n < 20; {
		chunks, err := f.Poll(ctx(t))
		require.NoError(t, err)
		for _, c := range chunks {
			var r kafka.Record
			for c.Next(&r) {
				require.Len(t, r.Value, len(value))
				n++
			}
			require.NoError(t, c.Err())
			c.Release()
		}
	}
}

// firstErr is the error of the first chunk that has one.
func firstErr(t *testing.T, f *kafka.Fetcher) error {
	t.Helper()
	for {
		chunks, err := f.Poll(ctx(t))
		require.NoError(t, err)
		for _, c := range chunks {
			if c.Err() != nil {
				return c.Err()
			}
			c.Release()
		}
	}
}
