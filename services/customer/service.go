package customer

import (
	"context"
	"net/http"
	"time"

	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customerint"
)

// flushTimeout is how long the stop waits for interactions that are not acknowledged yet. Nobody was promised anything
// about them.
const flushTimeout = 5 * time.Second

// Service is the customer service, for its own program and for the all-in-one. getenv gives the environment variables
// that set its Rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "customer",
		Doc:  "Customers, their segments and what they say: the customer domain of the mesh.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
		APIs: []string{"interactions"},
		Routes: func(mux *http.ServeMux, deps service.Deps) error {
			mount(mux, deps)
			return nil
		},
	}
}

// mount adds the REST API to the mux of the process.
func mount(mux *http.ServeMux, deps service.Deps) {
	producer := deps.Kafka.NewProducer(kafka.ProducerConfig{})
	deps.OnStop("interactions", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		return producer.Close(ctx)
	})
	writer := ingest.Open(ingest.Config{
		Producer: producer, Registry: deps.Registry, Source: "/customer/api", LookupOnly: !deps.Config.CreateTopics,
	}, customerint.InteractionCommand)
	api := API(APIConfig{
		Commands: commands{writer},
		Now:      time.Now,
		NewID:    func() string { return event.New(time.Now()).String() },
	})
	mux.Handle("/interactions", api)
	mux.Handle("/interactions/", api)
}

// commands sends interactions to their topic.
type commands struct {
	*ingest.Writer[string, customerint.Interaction]
}

func (c commands) Start(ctx context.Context, cmd *customerint.Interaction, done func(error)) error {
	return c.Writer.Start(ctx, cmd, cmd.Identity.Created, cmd.CustomerID+"\x00"+cmd.Identity.IdempotenceID, done)
}
