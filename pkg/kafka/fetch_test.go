package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/broker"
)

// foreign is a client of another make, as oracle.
func foreign(t *testing.T, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func produce(t *testing.T, cl *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	var recs []*kgo.Record
	for _, v := range values {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k-" + v), Value: []byte(v)})
	}
	require.NoError(t, cl.ProduceSync(t.Context(), recs...).FirstErr())
}

// seen is a copied record.
type seen struct {
	offset int64
	key    string
	value  string
}

// readToEnd polls until every partition has reached its end.
func readToEnd(t *testing.T, f *Fetcher, tps ...TopicPartition) map[TopicPartition][]seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	left := map[TopicPartition]bool{}
	for _, tp := range tps {
		left[tp] = true
	}
	out := map[TopicPartition][]seen{}
	for len(left) > 0 {
		chunks, err := f.Poll(ctx)
		require.NoError(t, err, "left %v", left)
		for _, c := range chunks {
			var r Record
			for c.Next(&r) {
				out[c.TopicPartition] = append(out[c.TopicPartition], seen{r.Offset, string(r.Key), string(r.Value)})
			}
			require.NoError(t, c.Err())
			if c.AtEnd() {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
	return out
}

func values(s []seen) []string {
	var v []string
	for _, x := range s {
		v = append(v, x.value)
	}
	return v
}

func tps(topic string, n int) (out []TopicPartition) {
	for p := range n {
		out = append(out, TopicPartition{topic, int32(p)})
	}
	return out
}

func numbered(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s%d", prefix, i))
	}
	return out
}

func fetcher(t *testing.T, c *Client, cfg FetchConfig) *Fetcher {
	t.Helper()
	f := c.NewFetcher(cfg)
	t.Cleanup(f.Close)
	return f
}

func TestFetchReadsCommittedOnly(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 200, 1 << 20} {
		t.Run(fmt.Sprint("limit ", size), func(t *testing.T) {
			b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "x"))
			txn := foreign(t, b.Addrs(), kgo.TransactionalID("t"), kgo.ProducerBatchCompression(kgo.NoCompression()))
			var want []string
			for i, commit := range []bool{true, false, false, true, false, true} {
				require.NoError(t, txn.BeginTransaction())
				for p := range int32(4) {
					v := numbered(fmt.Sprintf("%d-%v-", i, commit), 5)
					produce(t, txn, "x", p, v...)
					if commit && p == 2 {
						want = append(want, v...)
					}
				}
				require.NoError(t, txn.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)))
			}
			open := foreign(t, b.Addrs(), kgo.TransactionalID("open"))
			require.NoError(t, open.BeginTransaction())
			produce(t, open, "x", 2, "open")

			c := testClient(t, b.Addrs())
			f := fetcher(t, c, FetchConfig{MaxPartitionBytes: size})
			for _, tp := range tps("x", 4) {
				f.Add(tp, 0)
			}
			got := readToEnd(t, f, tps("x", 4)...)
			require.Equal(t, want, values(got[TopicPartition{"x", 2}]))
			for p := range int32(4) {
				require.Len(t, got[TopicPartition{"x", p}], 15)
			}
			end, known := f.End(TopicPartition{"x", 2})
			high, _ := f.HighWatermark(TopicPartition{"x", 2})
			require.True(t, known)
			require.Equal(t, int64(36), end)
			require.Equal(t, int64(37), high)
			pos, _ := f.Position(TopicPartition{"x", 2})
			require.Equal(t, end, pos, "control records are passed over")

			u := fetcher(t, c, FetchConfig{Isolation: ReadUncommitted})
			u.Add(TopicPartition{"x", 2}, 0)
			require.Len(t, readToEnd(t, u, TopicPartition{"x", 2})[TopicPartition{"x", 2}], 31)
		})
	}
}

func TestFetchAllCodecs(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(1, "x"))
	want := numbered(strings.Repeat("value ", 20), 300)
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		produce(t, foreign(t, b.Addrs(), kgo.ProducerBatchCompression(codec)), "x", 0, want...)
	}
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{})
	tp := TopicPartition{"x", 0}
	f.Add(tp, 0)
	got := values(readToEnd(t, f, tp)[tp])
	require.Len(t, got, 5*len(want))
	for i := range 5 {
		require.Equal(t, want, got[i*300:(i+1)*300])
	}
}

func TestFetchFollowsLeader(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(1, "x"))
	cl := foreign(t, b.Addrs())
	tp := TopicPartition{"x", 0}
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{})
	f.Add(tp, 0)
	var got []string
	for i := range 6 {
		require.NoError(t, b.Kfake().MoveTopicPartition("x", 0, int32(i%3)))
		v := fmt.Sprint("v", i)
		produce(t, cl, "x", 0, v)
		start := time.Now()
		for len(got) <= i {
			got = append(got, values(readToEnd(t, f, tp)[tp])...)
		}
		require.Less(t, time.Since(start), 10*time.Second)
	}
	require.Equal(t, numbered("v", 6), got)
}

func TestFetchJump(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(2, "x"))
	cl := foreign(t, b.Addrs())
	produce(t, cl, "x", 0, numbered("a", 500)...)
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{MaxPartitionBytes: 100})
	tp := TopicPartition{"x", 0}
	for i := range 200 {
		from := int64((i * 37) % 500)
		f.Add(tp, from)
		for first := true; first; {
			chunks, err := f.Poll(t.Context())
			require.NoError(t, err)
			for _, c := range chunks {
				var r Record
				for c.Next(&r) {
					if first {
						require.Equal(t, from, r.Offset)
						first = false
					}
				}
				require.NoError(t, c.Err())
				c.Release()
			}
		}
	}
	f.Remove(tp)
	_, ok := f.Position(tp)
	require.False(t, ok)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.Poll(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestFetchPause(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(2, "x"))
	cl := foreign(t, b.Addrs())
	produce(t, cl, "x", 0, numbered("a", 10)...)
	produce(t, cl, "x", 1, numbered("b", 10)...)
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{})
	p0, p1 := TopicPartition{"x", 0}, TopicPartition{"x", 1}
	f.Add(p0, 0)
	f.Pause(p0)
	f.Add(p1, 0)
	got := readToEnd(t, f, p1)
	require.Len(t, got[p1], 10)
	require.Empty(t, got[p0])
	produce(t, cl, "x", 1, "more")
	got = readToEnd(t, f, p1)
	require.Equal(t, []string{"more"}, values(got[p1]))
	require.Empty(t, got[p0])
	f.Resume(p0)
	require.Len(t, readToEnd(t, f, p0)[p0], 10)
}

func TestFetchErrors(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(1, "x"))
	cl := foreign(t, b.Addrs())
	produce(t, cl, "x", 0, numbered("a", 10)...)
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{UnknownTopicWait: 100 * time.Millisecond})
	errOf := func(tp TopicPartition, offset int64) error {
		f.Add(tp, offset)
		chunks, err := f.Poll(t.Context())
		require.NoError(t, err)
		require.Len(t, chunks, 1)
		require.Equal(t, tp, chunks[0].TopicPartition)
		var r Record
		require.False(t, chunks[0].Next(&r))
		defer chunks[0].Release()
		return chunks[0].Err()
	}
	tp := TopicPartition{"x", 0}
	require.ErrorIs(t, errOf(tp, 999), ErrOffsetOutOfRange)
	require.ErrorIs(t, errOf(TopicPartition{"absent", 0}, 0), ErrUnknownTopic)
	require.ErrorIs(t, errOf(TopicPartition{"x", 7}, 0), ErrUnknownTopic)
	_, err := kadm.NewClient(cl).DeleteRecords(t.Context(), kadm.Offsets{"x": {0: {Topic: "x", Partition: 0, At: 5}}})
	require.NoError(t, err)
	require.ErrorIs(t, errOf(tp, 2), ErrOffsetOutOfRange)
	f.Add(tp, 5)
	require.Len(t, readToEnd(t, f, tp)[tp], 5)
}

func TestFetchTellsTheEndOnce(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(3, "x"))
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{MaxWait: time.Minute})
	start := time.Now()
	for _, tp := range tps("x", 3) {
		f.Add(tp, 0)
	}
	readToEnd(t, f, tps("x", 3)...)
	require.Less(t, time.Since(start), 20*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err := f.Poll(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	cl := foreign(t, b.Addrs(), kgo.TransactionalID("t"))
	require.NoError(t, cl.BeginTransaction())
	produce(t, cl, "x", 0, "gone")
	require.NoError(t, cl.EndTransaction(t.Context(), kgo.TryAbort))
	tp := TopicPartition{"x", 0}
	require.Empty(t, readToEnd(t, f, tp)[tp])
	pos, _ := f.Position(tp)
	require.Equal(t, int64(2), pos)
}
