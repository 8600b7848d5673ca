package rival

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"meshwork.dev/deploy/bench/load"
)

// KafkaGoConsume reads every partition with a Reader of its own, as kafka-go does inside a group, and looks at every
// record's key and value.
func KafkaGoConsume(ctx context.Context, brokers, topic string, partitions int, m *load.Meter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	counts := make(chan int, partitions)
	for p := range partitions {
		g.Go(func() error {
			conn, err := kafka.DialLeader(ctx, "tcp", brokers, topic, p)
			if err != nil {
				return err
			}
			end, err := conn.ReadLastOffset()
			if err := errors.Join(err, conn.Close()); err != nil {
				return err
			}
			r := kafka.NewReader(kafka.ReaderConfig{
				Brokers: []string{brokers}, Topic: topic, Partition: p,
				MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond, QueueCapacity: 10_000,
			})
			defer r.Close()
			n, sum := 0, 0
			for {
				msg, err := r.ReadMessage(ctx)
				if err != nil {
					return err
				}
				sum += len(msg.Key) + len(msg.Value)
				if n++; n == 1000 || msg.Offset == end-1 {
					counts <- n
					n = 0
				}
			}
		})
	}
	for {
		select {
		case n := <-counts:
			if m.Add(n) {
				cancel()
				if err := g.Wait(); !errors.Is(err, context.Canceled) {
					return err
				}
				return nil
			}
		case <-ctx.Done():
			return g.Wait()
		}
	}
}

// KafkaGoProduce writes records with a Writer in batches of 5,000, acknowledged by all replicas. The Writer knows
// neither transactions nor idempotence.
func KafkaGoProduce(ctx context.Context, brokers, topic string, value []byte, m *load.Meter) error {
	w := &kafka.Writer{
		Addr: kafka.TCP(brokers), Topic: topic, Balancer: kafka.Murmur2Balancer{}, RequiredAcks: kafka.RequireAll,
		BatchSize: txnRecords, BatchBytes: 1 << 20, BatchTimeout: 5 * time.Millisecond,
	}
	defer w.Close()
	batch := make([]kafka.Message, txnRecords)
	for n := 0; ; {
		for i := range batch {
			batch[i] = kafka.Message{Key: load.Key(n), Value: value}
			n++
		}
		if err := w.WriteMessages(ctx, batch...); err != nil {
			return err
		}
		if m.Add(len(batch)) {
			return nil
		}
	}
}
