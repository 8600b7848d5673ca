package cli

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

func TestGateLooksAtWhoHasMostBeforeIt(t *testing.T) {
	g := &gate{fed: map[string]bool{"actions": true}, sent: func() int64 { return 700 }}
	in := func(topic string, p int32, next, end int64) stream.PartitionStatus {
		return stream.PartitionStatus{Topic: topic, Partition: p, Next: next, End: end}
	}
	services := []service.Status{
		{Products: []stream.ProductStatus{
			// It has enough before it and does not ask how much more there is.
			{State: stream.Running, Inputs: []stream.PartitionStatus{in("actions", 0, 10, 15), in("actions", 1, 10, 20)}},
			{State: stream.Running, Inputs: []stream.PartitionStatus{in("actions", 0, 5, 5), in("events", 0, 100, 160)}},
		}},
		{Products: []stream.ProductStatus{{State: stream.CaughtUp, Inputs: []stream.PartitionStatus{in("events", 0, 160, 160)}}}},
	}
	require.ElementsMatch(t, []kafka.TopicPartition{{Topic: "actions"}, {Topic: "actions", Partition: 1}}, g.inputs(services))
	ends := map[kafka.TopicPartition]int64{{Topic: "actions"}: 110, {Topic: "actions", Partition: 1}: 40}
	require.EqualValues(t, 105+60, g.behind(services, ends))
	ends[kafka.TopicPartition{Topic: "actions", Partition: 1}] = 300
	require.EqualValues(t, 100+290, g.behind(services, ends))
	services[1].Products[0].State = stream.Restoring
	require.EqualValues(t, 700, g.behind(services, ends), "who is not there yet has all before it")
}

func TestGateHoldsAFeed(t *testing.T) {
	var none *gate
	require.NoError(t, none.wait(t.Context()))

	g := &gate{}
	require.NoError(t, g.wait(t.Context()), "open")
	g.shut.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() { waited <- g.wait(ctx) }()
	cancel()
	require.ErrorIs(t, <-waited, context.Canceled, "an end is not held back")

	go func() { waited <- g.wait(t.Context()) }()
	select {
	case err := <-waited:
		t.Fatalf("the gate is shut: %v", err)
	case <-time.After(3 * gateInterval):
	}
	g.shut.Store(false)
	require.NoError(t, <-waited)
}
