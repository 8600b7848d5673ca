package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	shopschemas "meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/shop"
)

// sink sends the messages of a feed to their command topics.
type sink struct {
	producer *kafka.Producer
	create   *ingest.Writer[string, orderproc.CreateOrder]
	cancel   *ingest.Writer[string, orderproc.CancelOrder]
	change   *ingest.Writer[string, product.ProductChange]
	action   *ingest.Writer[string, shopschemas.ShopAction]
	customer *ingest.Writer[string, customer.CustomerChange]
	interact *ingest.Writer[string, customerint.Interaction]
}

// feedTopics are the topics that messages of these kinds are written to.
func feedTopics(parts shop.Parts) (topics []*schemas.Info) {
	for _, t := range []struct {
		by   shop.Parts
		info *schemas.Info
	}{
		{shop.Actions, shopschemas.ShopActionEvent.TopicInfo()},
		{shop.Catalogue, product.ProductChangeEvent.TopicInfo()},
		{shop.People, customer.CustomerChangeEvent.TopicInfo()},
		{shop.Interactions, customerint.InteractionCommand.TopicInfo()},
		{shop.Sales | shop.WebOrders, orderproc.CreateOrderCommand.TopicInfo()},
		{shop.Sales | shop.WebOrders, orderproc.CancelOrderCommand.TopicInfo()},
	} {
		if parts&t.by != 0 {
			topics = append(topics, t.info)
		}
	}
	return topics
}

// retailParts are the kinds of messages that an Online Retail file becomes.
const retailParts = shop.Catalogue | shop.Sales

// openSink makes a sink for messages of these kinds and, with create, the topics it needs.
func openSink(ctx context.Context, cl *kafka.Client, rc *registry.Client, source string, parts shop.Parts, create bool) (*sink, error) {
	if create {
		var specs []kafka.TopicSpec
		for _, info := range feedTopics(parts) {
			specs = append(specs, stream.TopicSpec(info, -1))
		}
		if err := cl.CreateTopics(ctx, specs...); err != nil {
			return nil, fmt.Errorf("creating the topics of the feed: %w", err)
		}
	}
	p := cl.NewProducer(kafka.ProducerConfig{Codec: kafka.CodecLZ4, Linger: 5 * time.Millisecond})
	cfg := ingest.Config{Producer: p, Registry: rc, Source: source, LookupOnly: !create}
	return &sink{
		producer: p,
		create:   ingest.Open(cfg, orderproc.CreateOrderCommand),
		cancel:   ingest.Open(cfg, orderproc.CancelOrderCommand),
		change:   ingest.Open(cfg, product.ProductChangeEvent),
		action:   ingest.Open(cfg, shopschemas.ShopActionEvent),
		customer: ingest.Open(cfg, customer.CustomerChangeEvent),
		interact: ingest.Open(cfg, customerint.InteractionCommand),
	}, nil
}

// Send implements replay.Sink.
func (s *sink) Send(ctx context.Context, m feed.Message, done func(error)) error {
	switch {
	case m.Action != nil:
		return s.action.Start(ctx, m.Action, m.At, m.Action.Identity.IdempotenceID, done)
	case m.Order != nil:
		return s.create.Start(ctx, m.Order, m.At, m.Order.Identity.IdempotenceID, done)
	case m.Cancel != nil:
		return s.cancel.Start(ctx, m.Cancel, m.At, m.Cancel.Identity.IdempotenceID, done)
	case m.Change != nil:
		return s.change.Start(ctx, m.Change, m.At, m.Change.Identity.IdempotenceID, done)
	case m.Customer != nil:
		return s.customer.Start(ctx, m.Customer, m.At, m.Customer.Identity.IdempotenceID, done)
	case m.Interaction != nil:
		return s.interact.Start(ctx, m.Interaction, m.At, m.Interaction.Identity.IdempotenceID, done)
	default:
		return errors.New("empty message in the feed")
	}
}

// Flush implements replay.Sink.
func (s *sink) Flush(ctx context.Context) error { return s.producer.Flush(ctx) }

// flushTimeout bounds the wait for acknowledgements when a feed is stopped.
const flushTimeout = 10 * time.Second

// Close sends what is buffered and stops the producer, also when ctx has ended.
func (s *sink) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := s.producer.Close(ctx); err != nil {
		return fmt.Errorf("closing the producer: %w", err)
	}
	return nil
}
