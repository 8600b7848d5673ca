package service

import (
	"net/http"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/telemetry"
)

// Definition is a domain service: what its own program and the all-in-one
// run. It is an immutable value.
type Definition struct {
	// Name is the service's name in logs, metrics, ids and arguments, such as
	// "product".
	Name string
	// Doc is one sentence for --help.
	Doc string
	// Products gives the data products that the service materialises. It is
	// called once per process, after the configuration was checked.
	Products func(cfg *Config) ([]stream.Definition, error)
	// APIs names the service's APIs, for the index of the process. Each is the
	// first element of its paths, and its OpenAPI document is served at
	// OpenAPIPath: "orders" has /orders, /orders/... and /orders/openapi.json.
	APIs []string
	// Routes adds the service's APIs to the process's mux; nil when it has
	// none. Patterns must begin with a path of the service's own, because
	// services share the mux. It is called once, before serving starts.
	Routes func(mux *http.ServeMux, deps Deps) error
}

// Deps is what the routes of a service may use. All of it is shared by the
// services of the process and safe for concurrent use.
type Deps struct {
	Config   *Config
	Kafka    *kafka.Client
	Registry *registry.Client
	Metrics  *telemetry.Metrics
	Health   *telemetry.Health
	Log      *zap.Logger
	Pages    *state.Pages // memory for what the service itself keeps; nil where there is no limit
	// OnStop registers work for the graceful stop, such as flushing a
	// producer: run after the HTTP server has stopped, last registered first.
	OnStop func(name string, stop func() error)
}
