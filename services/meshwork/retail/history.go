package retail

import (
	"context"
	"fmt"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
)

// keepForEver is Kafka's retention.ms for no end.
const keepForEver = "-1"

// KeepHistory prepares a cluster for a replay of years gone by: it lifts the retention of every topic of the mesh that
// is kept by time, creating those that are missing.
//
// Brokers delete records by their timestamps, and those of a replay are the file's. With the seven days of the
// contracts, a broker may drop commands of 2010 before they have been read. Call it before the first message is
// sent; it waits until the broker has the settings. The topics stay so, because what a replay left behind could not be
// read again otherwise; `meshwork topics --apply` gives them back what their contracts say.
func KeepHistory(ctx context.Context, client *kafka.Client) error {
	var specs []kafka.TopicSpec
	for _, info := range all.Topics() {
		if info.Cleanup != schemas.Delete {
			continue
		}
		spec := stream.TopicSpec(info, -1)
		spec.Config["retention.ms"] = keepForEver
		specs = append(specs, spec)
	}
	if err := client.CreateTopics(ctx, specs...); err != nil {
		return fmt.Errorf("topics for a replay: %w", err)
	}
	for _, spec := range specs {
		if err := client.AlterTopicConfigs(ctx, spec.Name, map[string]string{"retention.ms": keepForEver}); err != nil {
			return fmt.Errorf("lifting the retention of %s for a replay: %w", spec.Name, err)
		}
	}
	return nil
}
