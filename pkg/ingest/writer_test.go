package ingest_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/schemas/orderproc"
)

func TestWriter(t *testing.T) {
	topic := orderproc.CancelOrderCommand
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.CreateTopics(t.Context(), kafka.TopicSpec{Name: topic.Name(), Partitions: 12}))
	server, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	web := httptest.NewServer(server)
	defer web.Close()
	reg, err := registry.NewClient([]string{web.URL}, registry.WithRetries(1, time.Millisecond))
	require.NoError(t, err)
	producer := client.NewProducer(kafka.ProducerConfig{})
	defer func() { require.NoError(t, producer.Close(context.WithoutCancel(t.Context()))) }()

	cfg := ingest.Config{Producer: producer, Registry: reg, Source: "/test"}
	at := time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC)
	cmd := orderproc.CancelOrder{Identity: orderproc.Identity{EventID: "e", IdempotenceID: "i", Created: at}, OrderID: "581483", Reason: "too many", RequestedAt: at}
	lookup := cfg
	lookup.LookupOnly = true
	require.ErrorIs(t, ingest.Open(lookup, topic).Send(t.Context(), &cmd, at, "i"), registry.ErrNotFound, "nobody registered it yet")
	w := ingest.Open(cfg, topic)
	require.NoError(t, w.Send(t.Context(), &cmd, at, "i"))
	require.NoError(t, ingest.Open(lookup, topic).Send(t.Context(), &cmd, at, "i"))
	huge := cmd
	huge.Reason = strings.Repeat("x", 1_000_000)
	require.ErrorIs(t, w.Send(t.Context(), &huge, at, "h"), ingest.ErrTooLarge)

	// Both copies lie where any client would put them, and tell by their id that they are one.
	fetch := client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	tp := kafka.TopicPartition{Topic: topic.Name(), Partition: kafka.Partition([]byte("581483"), 12)}
	fetch.Add(tp, 0)
	dec, err := avro.NewTopicDecoder(topic, reg)
	require.NoError(t, err)
	ids := map[string]int{}
	for n := 0; n < 2; {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); n++ {
				var got orderproc.CancelOrder
				require.NoError(t, dec.Decode(&got, r.Value))
				require.Equal(t, cmd, got)
				require.Equal(t, "581483", string(r.Key))
				require.Equal(t, at.UnixMilli(), r.Timestamp)
				typ, _ := r.Header(event.HeaderType)
				require.Equal(t, "ecomm.orderproc.cancel-order.command.v1", string(typ))
				id, _ := r.Header(event.HeaderID)
				ids[string(id)]++
			}
			require.NoError(t, c.Err())
			c.Release()
		}
	}
	require.Len(t, ids, 1)
}

func TestMeshAway(t *testing.T) {
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{"127.0.0.1:1"}})
	require.NoError(t, err)
	defer client.Close()
	reg, err := registry.NewClient([]string{"http://127.0.0.1:1"}, registry.WithRetries(1, time.Millisecond))
	require.NoError(t, err)
	producer := client.NewProducer(kafka.ProducerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	w := ingest.Open(ingest.Config{Producer: producer, Registry: reg, Source: "/test"}, orderproc.CancelOrderCommand)
	require.Error(t, w.Send(ctx, &orderproc.CancelOrder{OrderID: "1"}, time.Now(), "i"))
	require.NoError(t, producer.Close(ctx))
}
