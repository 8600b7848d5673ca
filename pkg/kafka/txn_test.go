package kafka

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/broker"
)

// oracle reads a topic with an independent client: every record up to the end that the isolation level shows.
func oracle(t testing.TB, addrs []string, topic string, iso kgo.IsolationLevel) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	adm, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	require.NoError(t, err)
	defer adm.Close()
	list := kadm.NewClient(adm).ListEndOffsets
	if iso == kgo.ReadCommitted() {
		list = kadm.NewClient(adm).ListCommittedOffsets
	}
	ends, err := list(ctx, topic)
	require.NoError(t, err)
	want := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		require.NoError(t, o.Err)
		if o.Offset > 0 {
			want[o.Partition] = o.Offset
		}
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(iso), kgo.FetchMaxWait(50*time.Millisecond))
	require.NoError(t, err)
	defer cl.Close()
	var got []string
	for len(want) > 0 {
		fs := cl.PollFetches(ctx)
		require.NoError(t, ctx.Err(), "the oracle did not reach the end of %s: %v", topic, want)
		fs.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				got = append(got, string(r.Value))
			}
			if end, ok := want[r.Partition]; ok && r.Offset >= end-1 {
				delete(want, r.Partition)
			}
		})
	}
	slices.Sort(got)
	return got
}

func committed(t testing.TB, b *broker.Broker, topic string) []string {
	t.Helper()
	return oracle(t, b.Addrs(), topic, kgo.ReadCommitted())
}

func txnProducer(t testing.TB, c *Client, cfg TxnConfig) *TxnProducer {
	t.Helper()
	if cfg.ID == "" {
		cfg.ID = "tx"
	}
	p, err := c.NewTxnProducer(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// versions runs a test with both transaction versions.
func versions(t *testing.T, fn func(t *testing.T, version int)) {
	t.Helper()
	for _, v := range []int{1, 2} {
		t.Run(fmt.Sprintf("version=%d", v), func(t *testing.T) { fn(t, v) })
	}
}

func TestTxnCommitsTogether(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "in", "out"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version, Codec: CodecLZ4, MaxBatchBytes: 500})
		var want []string
		for n := range 6 {
			tx := p.NewTxn()
			for i := range 40 {
				v := fmt.Sprintf("t%d-%03d", n, i)
				want = append(want, v)
				tx.Append(TopicPartition{"out", int32(i % 4)}, time.Now().UnixMilli(), []byte("k"), []byte(v),
					Header{"h", []byte("x")})
			}
			tx.Offset(GroupMeta{Group: "g", Epoch: -1}, TopicPartition{"in", 1}, int64(n+1))
			require.NoError(t, p.Commit(t.Context(), tx))
		}
		slices.Sort(want)
		require.Equal(t, want, committed(t, b, "out"))
		offs, err := c.CommittedOffsets(t.Context(), "g", []TopicPartition{{"in", 1}, {"in", 0}})
		require.NoError(t, err)
		require.Equal(t, map[TopicPartition]int64{{"in", 1}: 6, {"in", 0}: -1}, offs)
	})
}

func TestTxnEmptySendsNothing(t *testing.T) {
	b := broker.New(t)
	c := testClient(t, b.Addrs())
	p := txnProducer(t, c, TxnConfig{Version: 1})
	require.NoError(t, b.Close())
	tx := p.NewTxn()
	tx.Partition(TopicPartition{"out", 0})
	require.NoError(t, p.Commit(t.Context(), tx), "no request, so no broker is missed")
}

func TestTxnFencesTheOlderProducer(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "out"))
		old := txnProducer(t, testClient(t, b.Addrs()), TxnConfig{Version: version})
		write := func(p *TxnProducer, v string) error {
			tx := p.NewTxn()
			tx.Append(TopicPartition{"out", 0}, 1, nil, []byte(v))
			return p.Commit(t.Context(), tx)
		}
		require.NoError(t, write(old, "a"))
		young := txnProducer(t, testClient(t, b.Addrs()), TxnConfig{Version: version})
		require.NoError(t, write(young, "b"))
		for range 3 {
			err := write(old, "zombie")
			require.ErrorIs(t, err, ErrFenced)
			require.NotErrorIs(t, err, ErrTxnAborted)
		}
		require.NoError(t, write(young, "c"), "the fenced producer must not fence its successor")
		require.Equal(t, []string{"a", "b", "c"}, committed(t, b, "out"))
	})
}

func TestTxnAppendDoesNotAllocate(t *testing.T) {
	b := broker.New(t, broker.WithTopics(1, "out"))
	p := txnProducer(t, testClient(t, b.Addrs()), TxnConfig{})
	key, value, headers := []byte("key"), make([]byte, 100), AppendHeader(nil, "h", []byte("v"))
	build := func() {
		tx := p.NewTxn()
		for range 100 {
			tx.Append(outTP, 1, key, value, Header{"h", value})
			tx.Partition(outTP).Append(1, key, value, headers, 1)
		}
		tx.Offset(GroupMeta{Group: "g"}, outTP, 1)
		tx.Discard()
	}
	build()
	require.Zero(t, testing.AllocsPerRun(100, build))
}
