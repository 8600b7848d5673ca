package rival

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/deploy/bench/load"
)

// FranzConsume reads the topic from its start, committed records only, and looks at every record's key and value.
func FranzConsume(ctx context.Context, brokers, topic string, m *load.Meter) error {
	c, err := kgo.NewClient(
		kgo.SeedBrokers(brokers), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxPartitionBytes(1<<20),
		kgo.DisableFetchSessions(),
	)
	if err != nil {
		return err
	}
	defer c.Close()
	sum := 0
	for {
		fs := c.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return err
		}
		n := 0
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			for _, r := range p.Records {
				sum += len(r.Key) + len(r.Value)
				n++
			}
		})
		if m.Add(n) {
			return nil
		}
	}
}

// FranzProduce writes records in transactions of 5,000.
func FranzProduce(ctx context.Context, brokers, topic, id string, value []byte, m *load.Meter) error {
	c, err := kgo.NewClient(
		kgo.SeedBrokers(brokers), kgo.TransactionalID(id), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.MaxBufferedRecords(20_000),
	)
	if err != nil {
		return err
	}
	defer c.Close()
	for n := 0; ; {
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		for range txnRecords {
			c.Produce(ctx, &kgo.Record{Key: load.Key(n), Value: value}, nil)
			n++
		}
		if err := c.Flush(ctx); err != nil {
			return err
		}
		if err := c.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return err
		}
		if m.Add(txnRecords) {
			return nil
		}
	}
}

const txnRecords = 5000

// FranzCount counts per key with a Go map as state, publishes every update to a changelog and to the output, and
// commits exactly once every 100 ms.
func FranzCount(ctx context.Context, brokers, in, changelog, out, id string, m *load.Meter) error {
	s, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(brokers), kgo.ConsumeTopics(in), kgo.ConsumerGroup(id), kgo.TransactionalID(id),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxPartitionBytes(1<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.MaxBufferedRecords(1_000_000), kgo.ProducerLinger(5*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer s.Close()
	state := map[string]int64{}
	for {
		if err := s.Begin(); err != nil {
			return err
		}
		n := 0
		for began := time.Now(); time.Since(began) < 100*time.Millisecond; {
			poll, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			fs := s.PollFetches(poll)
			cancel()
			fs.EachRecord(func(r *kgo.Record) {
				c := state[string(r.Key)] + 1
				state[string(r.Key)] = c
				v := binary.BigEndian.AppendUint64(nil, uint64(c))
				s.Produce(ctx, &kgo.Record{Topic: changelog, Partition: r.Partition, Key: r.Key, Value: v}, nil)
				s.Produce(ctx, &kgo.Record{Topic: out, Key: r.Key, Value: v}, nil)
				n++
			})
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if _, err := s.End(ctx, kgo.TryCommit); err != nil {
			return err
		}
		if m.Add(n) {
			return nil
		}
	}
}
