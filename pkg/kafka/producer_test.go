package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
)

func TestProducerKeepsOrderThroughFaults(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(3, "out"))
	x := &cutter{key: 0}
	c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial = x.dial })
	p := c.NewProducer(ProducerConfig{MaxBatchBytes: 2000, Linger: time.Millisecond})
	const n = 6000
	var mu sync.Mutex
	next := map[int32]int{}
	last := map[int32]int64{0: -1, 1: -1, 2: -1}
	for i := range n {
		part := int32(i % 3)
		if i%500 == 250 {
			x.left.Add(1)
			b.Kfake().ShufflePartitionLeaders()
			b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: 2})
		}
		require.NoError(t, p.Send(t.Context(), "out", part, Message{Value: fmt.Appendf(nil, "%d-%06d", part, i)}, func(off int64, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil || next[part] != i/3 || (off >= 0 && off <= last[part]) {
				t.Errorf("record %d of partition %d: completed as %d at %d after %d: %v", i/3, part, next[part], off, last[part], err)
			}
			next[part]++
			last[part] = max(last[part], off)
		}))
	}
	require.NoError(t, p.Close(t.Context()))
	require.Equal(t, map[int32]int{0: n / 3, 1: n / 3, 2: n / 3}, next)
	got := oracleInOrder(t, b.Addrs(), "out")
	for part := range int32(3) {
		require.Len(t, got[part], n/3)
		for i, v := range got[part] {
			require.Equal(t, fmt.Sprintf("%d-%06d", part, i*3+int(part)), v)
		}
	}
	require.ErrorIs(t, p.Send(t.Context(), "out", 0, Message{}, nil), ErrClosed)
}

// oracleInOrder reads a topic, uncommitted, by partition in log order.
func oracleInOrder(t *testing.T, addrs []string, topic string) map[int32][]string {
	t.Helper()
	want := len(oracle(t, addrs, topic, kgo.ReadUncommitted()))
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got := map[int32][]string{}
	for want > 0 && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			got[r.Partition] = append(got[r.Partition], string(r.Value))
			want--
		})
	}
	return got
}

func TestProducerPartitionsLikeJava(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(12, "out"))
	p := testClient(t, b.Addrs()).NewProducer(ProducerConfig{})
	kcl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic("out"))
	require.NoError(t, err)
	defer kcl.Close()
	for i := range 50 {
		key := fmt.Appendf(nil, "key-%d", i)
		rec := kgo.KeySliceRecord(key, []byte("k"))
		require.NoError(t, kcl.ProduceSync(t.Context(), rec).FirstErr())
		require.Equal(t, rec.Partition, Partition(key, 12))
		require.NoError(t, p.Send(t.Context(), "out", -1, Message{Key: key, Value: []byte("own")}, nil))
		require.NoError(t, p.Send(t.Context(), "out", -1, Message{Value: []byte("own")}, nil))
	}
	require.NoError(t, p.Flush(t.Context()))
	require.Len(t, oracle(t, b.Addrs(), "out", kgo.ReadCommitted()), 150)
	require.NoError(t, p.Close(t.Context()))
}

func TestProducerWaitsForRoom(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(1, "out"))
	release := make(chan struct{})
	b.Kfake().ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Kfake().SleepControl(func() { <-release })
		return nil, nil, false
	})
	p := testClient(t, b.Addrs()).NewProducer(ProducerConfig{MaxBuffered: 1000})
	var acked atomic.Int32
	done := func(_ int64, err error) {
		if err == nil {
			acked.Add(1)
		}
	}
	value := make([]byte, 600)
	require.NoError(t, p.Send(t.Context(), "out", 0, Message{Value: value}, done))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Send(ctx, "out", 0, Message{Value: value}, done), context.DeadlineExceeded)
	close(release)
	require.NoError(t, p.Send(t.Context(), "out", 0, Message{Value: value}, done), "room again")
	require.NoError(t, p.Close(t.Context()))
	require.EqualValues(t, 2, acked.Load())
}

func TestProducerRenewsItselfWhenTheBrokerLostTrack(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(1, "out"))
	p := testClient(t, b.Addrs()).NewProducer(ProducerConfig{})
	send := func(v string) error {
		res := make(chan error, 1)
		require.NoError(t, p.Send(t.Context(), "out", 0, Message{Value: []byte(v)}, func(_ int64, err error) { res <- err }))
		return <-res
	}
	require.NoError(t, send("a"))
	for _, e := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID} {
		b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: e})
		require.NoError(t, send("b"), "refused, so not stored: sent again under a new id")
	}
	// An attempt that may have been stored followed by a refusal: nobody can tell.
	b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.OutOfOrderSequenceNumber})
	require.ErrorIs(t, send("c"), errUncertain)
	b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge})
	require.ErrorIs(t, send("d"), ErrTooLarge)
	require.NoError(t, send("e"))
	require.NoError(t, p.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "b", "c", "e"}, oracle(t, b.Addrs(), "out", kgo.ReadCommitted()))
}

func TestProducerGivesUpAndSaysSo(t *testing.T) {
	b := broker.New(t, broker.WithTopics(1, "out"))
	b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	c := testClient(t, b.Addrs())
	p := c.NewProducer(ProducerConfig{DeliveryTimeout: 100 * time.Millisecond})
	res := make(chan error, 2)
	require.NoError(t, p.Send(t.Context(), "out", 0, Message{Value: []byte("x")}, func(_ int64, err error) { res <- err }))
	require.ErrorContains(t, <-res, "not acknowledged within")
	require.NoError(t, p.Send(t.Context(), "out", 0, Message{Value: []byte("x")}, func(_ int64, err error) { res <- err }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Close(ctx), context.Canceled)
	require.Error(t, <-res)
}
