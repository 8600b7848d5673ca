package eshop

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
	"meshwork.dev/schemas/shop"
)

const (
	// linger is how long actions gather for a request to the brokers. It is most of what an action waits for, and
	// makes hundreds of requests a second of thousands.
	linger = 2 * time.Millisecond
	// flushTimeout is how long the stop waits for actions that are not acknowledged yet. Nobody was promised anything
	// about them: whoever was has been answered before the HTTP server stopped.
	flushTimeout = 5 * time.Second
)

// Service is the eshop service, for its own program and for the all-in-one. getenv gives the environment variables
// that set its Rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "eshop",
		Doc:  "It takes what visitors do in the shop, and materialises Shopping Cart, Page Navigation and User Information.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
		APIs: []string{"shop"},
		Routes: func(mux *http.ServeMux, deps service.Deps) error {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return err
			}
			return mount(mux, rules, deps)
		},
	}
}

// mount adds the API to the mux of the process.
func mount(mux *http.ServeMux, rules Rules, deps service.Deps) error {
	rows, err := query.Open(shop.CartState, deps.Kafka, deps.Registry, deps.Log, query.WithPages(deps.Pages))
	if err != nil {
		return fmt.Errorf("shop API: %w", err)
	}
	deps.OnStop("cart table", rows.Close)
	producer := deps.Kafka.NewProducer(kafka.ProducerConfig{Linger: linger})
	deps.OnStop("shop actions", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		return producer.Close(ctx)
	})
	cfg := ingest.Config{
		Producer: producer, Registry: deps.Registry, Source: "/eshop/api", LookupOnly: !deps.Config.CreateTopics,
	}
	mux.Handle("/shop/", API(APIConfig{
		Actions: writer{ingest.Open(cfg, shop.ShopActionEvent)}, Carts: carts{rows}, Now: time.Now,
		NewID: func() string { return event.New(time.Now()).String() }, MaxInFlight: rules.MaxInFlight,
	}))
	return nil
}

// writer sends actions to their topic. Their event time is when they were taken in: clocks of browsers do not drive
// the mesh.
type writer struct {
	to *ingest.Writer[string, shop.ShopAction]
}

func (w writer) Start(ctx context.Context, a *shop.ShopAction, done func(error)) error {
	return w.to.Start(ctx, a, a.Identity.Created, a.Identity.IdempotenceID, done)
}

// carts reads carts from their state topic.
type carts struct {
	rows *query.Table[string, shop.Cart]
}

func (c carts) Cart(ctx context.Context, visitorID string) (shop.Cart, bool, error) {
	row, ok, err := c.rows.Get(ctx, visitorID)
	if errors.Is(err, query.ErrNotReady) {
		err = ErrNotReady
	}
	return row, ok, err
}
