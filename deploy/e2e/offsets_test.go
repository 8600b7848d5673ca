package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
)

// endOffsets tells whether the topic's partitions hold n offsets together by now.
func endOffsets(t *testing.T, broker, topic string, n int64) (enough bool, seen string) {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{broker}, DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer c.Close()
	metas, err := c.Topics(t.Context(), topic)
	require.NoError(t, err)
	var tps []kafka.TopicPartition
	for p := range metas[topic].Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
	}
	if len(tps) == 0 {
		return false, "the topic is not there"
	}
	ends, err := c.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return false, err.Error()
	}
	var sum int64
	for _, e := range ends {
		sum += e
	}
	return sum >= n, strconv.FormatInt(sum, 10)
}

// settled waits until the topics have not grown for longer than any idle time of the engine.
func settled(t *testing.T, broker string, topics ...string) {
	t.Helper()
	const quiet = 8 * time.Second
	var last string
	since := time.Now()
	until(t, 4*time.Minute, "the topics to stand still", func() (bool, string) {
		now := ""
		var nowSb47 strings.Builder
		for _, topic := range topics {
			_, seen := endOffsets(t, broker, topic, 0)
			nowSb47.WriteString(topic + " " + seen + "; ")
		}
		now += nowSb47.String()
		if now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > quiet, now
	})
}
