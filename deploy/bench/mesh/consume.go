package mesh

import (
	"context"

	"meshwork.dev/deploy/bench/load"
	"meshwork.dev/pkg/kafka"
)

// Consume reads the topic from its start, committed records only, and looks at every record's key and value.
func Consume(ctx context.Context, brokers, topic string, m *load.Meter) error {
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer c.Close()
	f := c.NewFetcher(kafka.FetchConfig{})
	defer f.Close()
	for p := range int32(load.Partitions) {
		f.Add(kafka.TopicPartition{Topic: topic, Partition: p}, 0)
	}
	sum := 0
	for {
		chunks, err := f.Poll(ctx)
		if err != nil {
			return err
		}
		n := 0
		var r kafka.Record
		for _, ch := range chunks {
			for ch.Next(&r) {
				sum += len(r.Key) + len(r.Value)
				n++
			}
			if err := ch.Err(); err != nil {
				return err
			}
			ch.Release()
		}
		if m.Add(n) {
			return nil
		}
	}
}
