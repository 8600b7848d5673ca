package kafka

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkFetchOutside reads a topic of the cluster named by KAFKA with this package and with franz-go, alternately;
// only this process's processor time counts.
func BenchmarkFetchOutside(b *testing.B) {
	brokers := os.Getenv("KAFKA")
	if brokers == "" {
		b.Skip("no cluster given in KAFKA")
	}
	const parts, perPart = 4, 250_000
	for _, codec := range []Codec{CodecNone, CodecLZ4} {
		c, err := NewClient(Config{Brokers: strings.Split(brokers, ",")})
		require.NoError(b, err)
		topic := "mw-bench-" + codec.String()
		_ = c.DeleteTopics(b.Context(), topic)
		require.NoError(b, c.CreateTopics(b.Context(), TopicSpec{Name: topic, Partitions: parts}))
		value := []byte(strings.Repeat("0123456789", 10))
		for _, tp := range tps(topic, parts) {
			bb := &BatchBuilder{Codec: codec, MaxBytes: 256 << 10}
			for i := range perPart {
				bb.Append(int64(i), fmt.Appendf(nil, "key-%d", i%10_000), value, nil, 0)
			}
			produceAll(b, c, tp, bb)
		}
		for round := range 3 {
			b.Run(fmt.Sprint(codec, "/ours/", round), func(b *testing.B) {
				perCPU(b, b.N*parts*perPart, func() {
					for range b.N {
						f := c.NewFetcher(FetchConfig{})
						for _, tp := range tps(topic, parts) {
							f.Add(tp, 0)
						}
						var r Record
						sum := 0
						for n := 0; n < parts*perPart; {
							chunks, err := f.Poll(b.Context())
							require.NoError(b, err)
							for _, ch := range chunks {
								for ch.Next(&r) {
									n++
									sum += len(r.Value)
								}
								ch.Release()
							}
						}
						f.Close()
					}
				})
			})
			b.Run(fmt.Sprint(codec, "/kgo/", round), func(b *testing.B) {
				perCPU(b, b.N*parts*perPart, func() {
					for range b.N {
						offsets := map[int32]kgo.Offset{}
						for p := range int32(parts) {
							offsets[p] = kgo.NewOffset().AtStart()
						}
						cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
							kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
						require.NoError(b, err)
						sum := 0
						for n := 0; n < parts*perPart; {
							cl.PollFetches(b.Context()).EachRecord(func(r *kgo.Record) { n++; sum += len(r.Value) })
						}
						cl.Close()
					}
				})
			})
		}
		require.NoError(b, c.DeleteTopics(b.Context(), topic))
		c.Close()
	}
}

func produceAll(b *testing.B, c *Client, tp TopicPartition, bb *BatchBuilder) {
	b.Helper()
	for i := range bb.Batches() {
		p, err := bb.AppendBatch(nil, i, BatchMeta{PID: -1, Epoch: -1, Seq: -1})
		require.NoError(b, err)
		produceRaw(b, c, tp, p)
	}
}
