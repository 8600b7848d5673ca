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
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
)

// sink sends the messages of a feed to their command topics.
type sink struct {
	producer *kafka.Producer
	create   *ingest.Writer[string, orderproc.CreateOrder]
	cancel   *ingest.Writer[string, orderproc.CancelOrder]
	change   *ingest.Writer[string, product.ProductChange]
	action   *ingest.Writer[string, shop.ShopAction]
}

// feedTopics are the topics a feed writes.
func feedTopics() []*schemas.Info {
	return []*schemas.Info{
		orderproc.CreateOrderCommand.TopicInfo(), orderproc.CancelOrderCommand.TopicInfo(), product.ProductChangeEvent.TopicInfo(),
		shop.ShopActionEvent.TopicInfo(),
	}
}

// openSink makes a sink and, with create, the topics it needs.
func openSink(ctx context.Context, cl *kafka.Client, rc *registry.Client, source string, create bool) (*sink, error) {
	if create {
		for _, info := range feedTopics() {
			if err := cl.CreateTopics(ctx, stream.TopicSpec(info, -1)); err != nil {
				return nil, fmt.Errorf("creating topic %s: %w", info.Name, err)
			}
		}
	}
	p := cl.NewProducer(kafka.ProducerConfig{Codec: kafka.CodecLZ4, Linger: 5 * time.Millisecond})
	cfg := ingest.Config{Producer: p, Registry: rc, Source: source, LookupOnly: !create}
	return &sink{
		producer: p,
		create:   ingest.Open(cfg, orderproc.CreateOrderCommand),
		cancel:   ingest.Open(cfg, orderproc.CancelOrderCommand),
		change:   ingest.Open(cfg, product.ProductChangeEvent),
		action:   ingest.Open(cfg, shop.ShopActionEvent),
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
