package load

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Keys is the number of different keys in the input.
const Keys = 10_000

// Partitions is the number of partitions of every topic of the workloads.
const Partitions = 4

// Key is the key of the n-th record: every key comes equally often, in an order that is not sorted.
func Key(n int) []byte { return strconv.AppendInt([]byte("k"), int64(n*7919%Keys), 10) }

// Topics creates topics with Partitions partitions and one replica.
func Topics(ctx context.Context, brokers string, names ...string) error {
	return admin(brokers, func(a *kadm.Client) error {
		created, err := a.CreateTopics(ctx, Partitions, 1, nil, names...)
		if err != nil {
			return err
		}
		return created.Error()
	})
}

// Drop deletes topics.
func Drop(ctx context.Context, brokers string, names ...string) error {
	return admin(brokers, func(a *kadm.Client) error {
		dropped, err := a.DeleteTopics(ctx, names...)
		if err != nil {
			return err
		}
		return dropped.Error()
	})
}

func admin(brokers string, do func(*kadm.Client) error) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return err
	}
	defer c.Close()
	return do(kadm.NewClient(c))
}

// Feed writes n records of the value under the keys of Key.
func Feed(ctx context.Context, brokers, topic string, n int, value []byte) error {
	c, err := kgo.NewClient(
		kgo.SeedBrokers(brokers), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchMaxBytes(900_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000),
	)
	if err != nil {
		return err
	}
	defer c.Close()
	failed := make(chan error, 1)
	for i := range n {
		c.Produce(ctx, &kgo.Record{Key: Key(i), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := c.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("feeding %s: %w", topic, err)
	default:
		return nil
	}
}

// DropGroup deletes a consumer group, so that the next run starts from the beginning.
func DropGroup(ctx context.Context, brokers, group string) error {
	return admin(brokers, func(a *kadm.Client) error {
		_, err := a.DeleteGroup(ctx, group)
		return err
	})
}
