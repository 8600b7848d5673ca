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
func endOffsets(t *testing.T, brokers, topic string, n int64) (enough bool, seen string) {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: strings.Split(brokers, ","), DialTimeout: 10 * time.Second})
	require.NoError(t, err)
	defer c.Close()
	metas, err := c.Topics(t.Context(), topic)
	if err != nil {
		return false, err.Error() // a broker may be gone for a while
	}
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

// settled waits until the topics have not grown for longer than any idle time of the services.
func settled(t *testing.T, brokers string, idle time.Duration, topics ...string) {
	t.Helper()
	quiet := idle + 5*time.Second
	var last string
	since := time.Now()
	until(t, 4*time.Minute, "the topics to stand still", func() (bool, string) {
		var all strings.Builder
		for _, topic := range topics {
			_, seen := endOffsets(t, brokers, topic, 0)
			all.WriteString(topic + " " + seen + "; ")
		}
		now := all.String()
		if now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > quiet, now
	})
}
