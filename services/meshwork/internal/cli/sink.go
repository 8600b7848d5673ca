package cli

import (
	"context"
	"fmt"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/services/meshwork/feed/sender"
	"meshwork.dev/services/meshwork/shop"
)

// sink sends the messages of a feed.
type sink = sender.Sender

// flushTimeout bounds the wait for acknowledgements when a command is stopped.
const flushTimeout = 10 * time.Second

// retailParts are the kinds of messages that an Online Retail file becomes.
const retailParts = shop.Catalogue | shop.Sales

// openSink makes a sink for messages of these kinds, and the topics it needs.
func openSink(ctx context.Context, cl *kafka.Client, rc *registry.Client, source string, parts shop.Parts) (*sink, error) {
	var specs []kafka.TopicSpec
	for _, info := range sender.Topics(parts) {
		specs = append(specs, stream.TopicSpec(info, -1))
	}
	if err := cl.CreateTopics(ctx, specs...); err != nil {
		return nil, fmt.Errorf("creating the topics of the feed: %w", err)
	}
	return sender.Open(cl, rc, source, false), nil
}
