package retail

import (
	"context"
	"fmt"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// keepForEver is Kafka's retention.ms for no end.
const keepForEver = "-1"

// KeepHistory prepares a cluster for a replay of years gone by: it lifts the retention of every topic on the way of
// an order that is not compacted, creating those that are missing.
//
// Brokers delete records by their timestamps, and those of a replay are the file's. With the seven days of the
// contracts, a broker may drop commands of 2010 before they have been read. Call it before the first message is
// sent; it waits until the broker has the settings.
func KeepHistory(ctx context.Context, client *kafka.Client) error {
	for _, info := range passing() {
		spec := stream.TopicSpec(info, -1)
		spec.Config["retention.ms"] = keepForEver
		if err := client.CreateTopics(ctx, spec); err != nil {
			return fmt.Errorf("topic %s for a replay: %w", info.Name, err)
		}
		if err := client.AlterTopicConfigs(ctx, info.Name, map[string]string{"retention.ms": keepForEver}); err != nil {
			return fmt.Errorf("lifting the retention of %s for a replay: %w", info.Name, err)
		}
	}
	return nil
}

// passing are the topics whose records are kept by time.
func passing() []*schemas.Info {
	return []*schemas.Info{
		orderproc.CreateOrderCommand.TopicInfo(), orderproc.CancelOrderCommand.TopicInfo(),
		orderproc.OrderValidatedEvent.TopicInfo(), orderproc.OrderShipmentScheduledEvent.TopicInfo(),
		orderproc.OrderCompletedEvent.TopicInfo(), orderproc.OrderCancelledEvent.TopicInfo(),
		product.ProductChangeEvent.TopicInfo(), product.SaleLineEvent.TopicInfo(),
	}
}
