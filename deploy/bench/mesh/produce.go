package mesh

import (
	"context"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/pkg/kafka"
)

const txnRecords = 5000

// Produce writes records in transactions of 5,000, one being built while the one before it is committed.
func Produce(ctx context.Context, brokers, topic string, value []byte, m *load.Meter) error {
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	p, err := c.NewTxnProducer(ctx, kafka.TxnConfig{ID: topic + "-id"})
	if err != nil {
		return err
	}
	defer p.Close()
	build := func(n int) *kafka.Txn {
		t := p.NewTxn()
		var parts [load.Partitions]*kafka.BatchBuilder
		for i := range parts {
			parts[i] = t.Partition(kafka.TopicPartition{Topic: topic, Partition: int32(i)})
		}
		for i := range txnRecords {
			key := load.Key(n + i)
			parts[kafka.Partition(key, len(parts))].Append(1, key, value, nil, 0)
		}
		return t
	}
	committed := make(chan error, 1)
	committed <- nil
	for n := 0; ; n += txnRecords {
		t := build(n)
		if err := <-committed; err != nil {
			return err
		}
		if n > 0 && m.Add(txnRecords) {
			return nil
		}
		go func() { committed <- p.Commit(ctx, t) }()
	}
}
