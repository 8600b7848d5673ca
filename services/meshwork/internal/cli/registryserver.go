package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/telemetry"
)

// embeddedRegistry is a registry server with its own Kafka client and address, where it also answers /metrics, /livez
// and /readyz.
type embeddedRegistry struct {
	kafka  *kafka.Client
	server *registry.Server
	http   *http.Server
	ln     net.Listener
	done   chan struct{}
}

// serveRegistry starts a registry on a cluster. flag names the setting that
// holds the address.
func serveRegistry(ctx context.Context, k service.KafkaConfig, listen, flag string, log *zap.Logger) (*embeddedRegistry, error) {
	ln, err := service.ListenTCP(ctx, listen, flag)
	if err != nil {
		return nil, err
	}
	r := &embeddedRegistry{ln: ln, done: make(chan struct{})}
	gatherer := prometheus.NewRegistry()
	metrics := telemetry.NewMetrics(gatherer)
	if r.kafka, err = k.Client("meshwork-registry", log.Named("kafka"), metrics); err != nil {
		_ = ln.Close()
		return nil, err
	}
	if r.server, err = registry.NewServer(ctx, r.kafka, registry.ServerConfig{Log: log, Metrics: metrics}); err != nil {
		r.kafka.Close()
		_ = ln.Close()
		return nil, fmt.Errorf("starting the schema registry: %w", err)
	}
	gatherer.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/", r.server)
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		if err := r.server.Ready(req.Context()); err != nil {
			http.Error(w, "the schemas topic cannot be read", http.StatusServiceUnavailable)
		}
	})
	r.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: zap.NewStdLog(log)}
	go func() {
		defer close(r.done)
		if err := r.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the schema registry's HTTP server ended", zap.Error(err))
		}
	}()
	return r, nil
}

// URL is where the registry answers.
func (r *embeddedRegistry) URL() string { return "http://" + r.ln.Addr().String() }

// Close stops serving and waits.
func (r *embeddedRegistry) Close(ctx context.Context) error {
	err := r.http.Shutdown(ctx)
	if err != nil {
		_ = r.http.Close()
	}
	<-r.done
	err = errors.Join(err, r.server.Close())
	r.kafka.Close()
	return err
}
