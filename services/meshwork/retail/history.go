package retail

import (
	"context"
	"fmt"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
)

// Values of Kafka's retention.ms.
const (
	retention   = "retention.ms"
	keepForEver = "-1"
	keepForLong = "3155760000000" // a century
)

// KeepHistory prepares a cluster for a replay of years gone by: it lifts the retention of every topic of the mesh that
// is kept by time, creating those that are missing.
//
// Brokers delete records by their timestamps, and those of a replay are the file's. With the seven days of the
// contracts, a broker may drop commands of 2010 before they have been read. Call it before the first message is
// sent; it waits until every broker has the settings. The topics stay so, because what a replay left behind could not be
// read again otherwise; `meshwork topics --apply` gives them back what their contracts say.
func KeepHistory(ctx context.Context, client *kafka.Client) error {
	var specs []kafka.TopicSpec
	for _, info := range all.Topics() {
		if info.Cleanup != schemas.Delete {
			continue
		}
		spec := stream.TopicSpec(info, -1)
		spec.Config[retention] = keepForEver
		specs = append(specs, spec)
	}
	existing, err := client.Topics(ctx)
	if err != nil {
		return fmt.Errorf("topics for a replay: %w", err)
	}
	var names, there []string
	for _, spec := range specs {
		names = append(names, spec.Name)
		if _, ok := existing[spec.Name]; ok {
			there = append(there, spec.Name)
		}
	}
	// Brokers follow the controller at their own pace, and show a setting a moment before they heed it. One that shows
	// the second value heeds the first.
	for _, value := range []string{keepForLong, keepForEver} {
		if err := setRetention(ctx, client, value, there); err != nil {
			return fmt.Errorf("lifting the retention of topics for a replay: %w", err)
		}
	}
	if err := client.CreateTopics(ctx, specs...); err != nil {
		return fmt.Errorf("topics for a replay: %w", err)
	}
	return setRetention(ctx, client, keepForEver, names)
}

// setRetention gives the topics that are not kept for ever another retention, and returns when all brokers know.
func setRetention(ctx context.Context, client *kafka.Client, value string, topics []string) error {
	cfg, err := client.TopicConfigs(ctx, topics...)
	if err != nil {
		return err
	}
	var set []string
	for _, name := range topics {
		if has := cfg[name][retention].Value; has == keepForEver || has == value {
			continue
		}
		if err := client.AlterTopicConfigs(ctx, name, map[string]string{retention: value}); err != nil {
			return err
		}
		set = append(set, name)
	}
	return client.AwaitTopicConfig(ctx, retention, value, set...)
}
