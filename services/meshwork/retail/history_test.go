package retail_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/retail"
)

// Every topic of the tree that is kept by time is kept for ever, whether it was there before or not.
func TestKeepHistory(t *testing.T) {
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.CreateTopics(t.Context(), stream.TopicSpec(orderproc.CreateOrderCommand.TopicInfo(), -1)))
	for range 2 {
		require.NoError(t, retail.KeepHistory(t.Context(), client))
	}
	for _, info := range all.Topics() {
		if info.Cleanup != schemas.Delete {
			continue
		}
		cfg, err := client.TopicConfigs(t.Context(), info.Name)
		require.NoError(t, err)
		require.Equal(t, "-1", cfg[info.Name]["retention.ms"].Value, info.Name)
	}
}
