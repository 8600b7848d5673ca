package orderprocessing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/port/query"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/orderproc"
)

// flushTimeout is how long the stop waits for commands that are not acknowledged yet. Nobody was promised anything
// about them.
const flushTimeout = 5 * time.Second

// Service is the order service, for its own program and for the all-in-one. getenv gives the environment variables
// that set its Rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "orderprocessing",
		Doc:  "Takes orders by REST and from the command topics, and carries them through their life: the order domain of the mesh.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
		APIs: []string{"orders"},
		Routes: func(mux *http.ServeMux, deps service.Deps) error {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return err
			}
			return mount(mux, rules, deps)
		},
	}
}

// mount adds the REST API to the mux of the process.
func mount(mux *http.ServeMux, rules Rules, deps service.Deps) error {
	orders, err := query.Open(orderproc.OrderState, deps.Kafka, deps.Registry, deps.Log, query.WithPages(deps.Pages))
	if err != nil {
		return fmt.Errorf("orders API: %w", err)
	}
	deps.OnStop("order table", orders.Close)
	producer := deps.Kafka.NewProducer(kafka.ProducerConfig{})
	deps.OnStop("order commands", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		return producer.Close(ctx)
	})
	cfg := ingest.Config{
		Producer: producer, Registry: deps.Registry, Source: "/orderprocessing/api", LookupOnly: !deps.Config.CreateTopics,
	}
	api := API(APIConfig{
		Commands: commands{ingest.Open(cfg, orderproc.CreateOrderCommand), ingest.Open(cfg, orderproc.CancelOrderCommand)},
		Orders:   table{orders},
		Rules:    rules,
		Now:      time.Now,
		NewID:    func() string { return event.New(time.Now()).String() },
	})
	mux.Handle("/orders", api)
	mux.Handle("/orders/", api)
	mux.Handle("/partner-orders", api)
	return nil
}

// commands sends commands to their topics.
type commands struct {
	create *ingest.Writer[string, orderproc.CreateOrder]
	cancel *ingest.Writer[string, orderproc.CancelOrder]
}

func (c commands) CreateOrder(ctx context.Context, cmd *orderproc.CreateOrder) error {
	return c.create.Send(ctx, cmd, cmd.Identity.Created, cmd.Identity.IdempotenceID)
}

func (c commands) CancelOrder(ctx context.Context, cmd *orderproc.CancelOrder) error {
	return c.cancel.Send(ctx, cmd, cmd.Identity.Created, cmd.Identity.IdempotenceID)
}

// table reads orders from their state topic.
type table struct {
	*query.Table[string, orderproc.Order]
}

func (t table) Order(ctx context.Context, id string) (orderproc.Order, bool, error) {
	o, ok, err := t.Get(ctx, id)
	if errors.Is(err, query.ErrNotReady) {
		err = ErrNotReady
	}
	return o, ok, err
}
