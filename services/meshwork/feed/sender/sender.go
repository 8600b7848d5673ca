package sender

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	shopschemas "meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/shop"
)

// Sender sends messages.
type Sender struct {
	producer *kafka.Producer
	create   versions[orderproc.CreateOrder]
	cancel   versions[orderproc.CancelOrder]
	change   versions[product.ProductChange]
	action   versions[shopschemas.ShopAction]
	customer versions[customer.CustomerChange]
	interact versions[customerint.Interaction]
}

// versions are the writers of a topic: under its contract, and under a newer version of it.
type versions[V any] struct{ now, newer *ingest.Writer[string, V] }

func open[V any](cfg ingest.Config, topic *schemas.Topic[string, V]) versions[V] {
	return versions[V]{ingest.Open(cfg, topic), ingest.Open(cfg, faults.Newer(topic))}
}

func (w *versions[V]) start(ctx context.Context, m *feed.Message, v *V, id string, done func(error)) error {
	if m.Newer {
		return w.newer.Start(ctx, v, m.At, id, done) //nolint:wrapcheck // it names the topic
	}
	return w.now.Start(ctx, v, m.At, id, done) //nolint:wrapcheck // it names the topic
}

// Topics are the topics that messages of these kinds are written to.
func Topics(parts shop.Parts) (topics []*schemas.Info) {
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

// Open makes a sender that names itself source. lookupOnly leaves the registration of schemas to somebody else. It does
// not connect. Close it.
func Open(cl *kafka.Client, rc *registry.Client, source string, lookupOnly bool) *Sender {
	p := cl.NewProducer(kafka.ProducerConfig{
		Codec: kafka.CodecLZ4, Linger: 5 * time.Millisecond, MaxBuffered: 4 << 20,
	})
	cfg := ingest.Config{Producer: p, Registry: rc, Source: source, LookupOnly: lookupOnly}
	return &Sender{
		producer: p,
		create:   open(cfg, orderproc.CreateOrderCommand),
		cancel:   open(cfg, orderproc.CancelOrderCommand),
		change:   open(cfg, product.ProductChangeEvent),
		action:   open(cfg, shopschemas.ShopActionEvent),
		customer: open(cfg, customer.CustomerChangeEvent),
		interact: open(cfg, customerint.InteractionCommand),
	}
}

// Send sends a message without waiting. done is called once when the brokers have it, or with the reason why they are
// not known to; it must not block. An error of Send itself means that the message was not taken.
func (s *Sender) Send(ctx context.Context, m feed.Message, done func(error)) error {
	switch {
	case m.Action != nil:
		return s.action.start(ctx, &m, m.Action, m.Action.Identity.IdempotenceID, done)
	case m.Order != nil:
		return s.create.start(ctx, &m, m.Order, m.Order.Identity.IdempotenceID, done)
	case m.Cancel != nil:
		return s.cancel.start(ctx, &m, m.Cancel, m.Cancel.Identity.IdempotenceID, done)
	case m.Change != nil:
		return s.change.start(ctx, &m, m.Change, m.Change.Identity.IdempotenceID, done)
	case m.Customer != nil:
		return s.customer.start(ctx, &m, m.Customer, m.Customer.Identity.IdempotenceID, done)
	case m.Interaction != nil:
		return s.interact.start(ctx, &m, m.Interaction, m.Interaction.Identity.IdempotenceID, done)
	case m.Raw != nil:
		r := kafka.Message{Timestamp: m.At.UnixMilli(), Key: m.Raw.Key, Value: m.Raw.Value}
		err := s.producer.Send(ctx, m.Raw.Topic, -1, r, func(_ int64, err error) { done(err) })
		if err != nil {
			return fmt.Errorf("raw record: %w", err)
		}
		return nil
	default:
		return errors.New("empty message in the feed")
	}
}

// Flush waits until all that was sent has been acknowledged or given up.
func (s *Sender) Flush(ctx context.Context) error {
	if err := s.producer.Flush(ctx); err != nil {
		return fmt.Errorf("flushing the feed: %w", err)
	}
	return nil
}

// flushTimeout bounds the wait for acknowledgements when a feed is stopped.
const flushTimeout = 10 * time.Second

// Close sends what is buffered and stops the producer, also when ctx has ended.
func (s *Sender) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := s.producer.Close(ctx); err != nil {
		return fmt.Errorf("closing the producer: %w", err)
	}
	return nil
}
