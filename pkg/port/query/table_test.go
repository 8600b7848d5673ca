package query_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/port/query"
	"meshwork.dev/pkg/state"
	"meshwork.dev/schemas/customer"
)

// oneSchema is a registry that knows the contract under id 7.
type oneSchema struct{}

func (oneSchema) SchemaByID(_ context.Context, id int) (string, error) {
	if id != 7 {
		return "", avro.ErrUnknownSchema
	}
	return customer.CustomerSegmentState.Info.Schema, nil
}

func (oneSchema) SchemaByGUID(context.Context, [16]byte) (string, error) {
	return "", avro.ErrUnknownSchema
}

func TestTableFollowsItsTopic(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after the broker's
	topic := customer.CustomerSegmentState
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer client.Close()
	pages := state.NewPages(t.TempDir(), 4096) // everything lies in the file
	defer func() { require.NoError(t, pages.Close()) }()
	table, err := query.Open(topic, client, oneSchema{}, zap.NewNop(), query.WithPages(pages))
	require.NoError(t, err)
	defer func() { require.NoError(t, table.Close()) }()

	get := func(key string) (customer.CustomerSegment, bool, error) { return table.Get(t.Context(), key) }
	_, _, err = get("17850")
	require.ErrorIs(t, err, query.ErrNotReady, "the topic is not there yet")

	require.NoError(t, client.CreateTopics(t.Context(), kafka.TopicSpec{
		Name: topic.Name(), Partitions: 3, Config: map[string]string{"cleanup.policy": "compact"},
	}))
	producer, err := client.NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "test"})
	require.NoError(t, err)
	defer producer.Close()
	write := func(segment string, keys ...string) {
		txn := producer.NewTxn()
		for _, key := range keys {
			tp := kafka.TopicPartition{Topic: topic.Name(), Partition: kafka.Partition([]byte(key), 3)}
			v := customer.CustomerSegment{CustomerID: key, Segment: segment}
			value := v.AppendAvro(avro.AppendHeader(nil, 7))
			if segment == "" {
				value = nil
			}
			txn.Append(tp, 1000, []byte(key), value)
		}
		require.NoError(t, producer.Commit(t.Context(), txn))
	}
	write("champions", "17850", "12680", "13047")
	require.Eventually(t, func() bool {
		row, ok, err := get("17850")
		return err == nil && ok && row.Segment == "champions"
	}, 20*time.Second, 10*time.Millisecond)

	write("at-risk", "17850")
	write("", "12680")
	require.Eventually(t, func() bool {
		row, ok, err := get("17850")
		_, gone, _ := get("12680")
		return err == nil && ok && row.Segment == "at-risk" && !gone
	}, 20*time.Second, 10*time.Millisecond)
	_, ok, err := get("nobody")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, table.Close())
	_, _, err = get("17850")
	require.ErrorIs(t, err, query.ErrNotReady)
}
