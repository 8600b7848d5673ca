package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// Server is the HTTP server of a process: the routes of its services and
//
//	GET /metrics   Prometheus and OpenMetrics text
//	GET /livez     200 while every event loop turns, else 503 and which do not
//	GET /readyz    200 when every condition of readiness holds, else 503 and which do not
//	GET /describe  what runs here; ?format=text|json|mermaid
type Server struct {
	Mux    *http.ServeMux
	ln     net.Listener
	http   *http.Server
	log    *zap.Logger
	served chan struct{} // closed when serving has ended; nil before Start
}

// Listen opens the address and prepares the standard routes. It fails when
// another process has the address.
func Listen(ctx context.Context, addr string, gatherer prometheus.Gatherer, health *telemetry.Health, log *zap.Logger) (*Server, error) {
	ln, err := ListenTCP(ctx, addr, "--http-listen")
	if err != nil {
		return nil, err
	}
	s := &Server{Mux: http.NewServeMux(), ln: ln, log: log}
	s.Mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	s.Mux.HandleFunc("GET /livez", probe(health.Stuck, "alive"))
	s.Mux.HandleFunc("GET /readyz", probe(health.Unready, "ready"))
	s.http = &http.Server{
		Handler: s.Mux, ErrorLog: zap.NewStdLog(log.Named("http")),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return s, nil
}

// ListenTCP opens a TCP address, with an error that says what to do when it is
// taken. flag names the setting that holds the address.
func ListenTCP(ctx context.Context, addr, flag string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err == nil {
		return ln, nil
	}
	if errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "Only one usage of each socket address") {
		return nil, fmt.Errorf("listening on %s: %w %s", addr, ErrInUse, flag)
	}
	return nil, fmt.Errorf("listening on %s (%s): %w", addr, flag, err)
}

// Addr is the address the server listens on.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Start begins to serve. Stop waits for its end.
func (s *Server) Start() {
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the HTTP server ended", zap.Error(err))
		}
	}()
}

// Stop lets requests under way finish until ctx is done, then closes.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
		err = fmt.Errorf("stopping the HTTP server: %w", err)
	}
	_ = s.ln.Close() // a server that never started has not taken it over
	if s.served != nil {
		<-s.served
	}
	return err
}

// probe answers 200 when missing is empty, else 503 and what is missing.
func probe(missing func() []string, word string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		list := missing()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if len(list) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if list == nil {
			list = []string{}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{word: len(list) == 0, "missing": list})
	}
}

// Probe asks the /readyz or /livez of a process at addr and returns what it
// answered when it was not 200. It is what the healthcheck command of an image
// without a shell runs.
func Probe(ctx context.Context, addr, path string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q: want host:port", addr)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking %s: %w", path, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	var body struct{ Missing []string }
	_ = json.NewDecoder(resp.Body).Decode(&body)
	return fmt.Errorf("%s answered %s: %s", path, resp.Status, strings.Join(body.Missing, "; "))
}
