package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/product"
)

// counting is a service with one product and one route.
func counting(stopped *bool) service.Definition {
	return service.Definition{
		Name: "counting", Doc: "Counts.", APIs: []string{"counting"},
		Products: func(*service.Config) ([]stream.Definition, error) {
			p := stream.Define(product.ProductState, stream.Spec{},
				stream.On(product.ProductChangeEvent, func(c *stream.Ctx[string, product.Product], e product.ProductChange) error {
					c.State.ProductID = e.ProductID
					return nil
				}))
			return []stream.Definition{p}, p.Err()
		},
		Routes: func(mux *http.ServeMux, deps service.Deps) error {
			mux.HandleFunc("GET /counting/ping", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
			deps.OnStop("counting", func() error { *stopped = true; return nil })
			return nil
		},
	}
}

func address(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

func TestServiceRunsUntilItsContextEnds(t *testing.T) {
	b := broker.New(t)
	reg, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	web := httptest.NewServer(reg)
	defer func() { web.Close(); require.NoError(t, reg.Close()) }()

	addr, stopped := address(t), false
	ctx, stop := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- service.Exec(ctx, counting(&stopped), []string{
			"--kafka=" + b.Addr(), "--registry=" + web.URL, "--http-listen=" + addr, "--state-dir=" + t.TempDir(), "--log-level=error",
		}, &out, &errs)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if err = service.Probe(t.Context(), addr, "/readyz"); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not ready: %v\n%s", err, errs.String())
		}
	}
	for _, path := range []string{"/livez", "/metrics", "/describe", "/counting/ping", "/"} {
		require.NoError(t, service.Probe(t.Context(), addr, path), path)
	}
	require.Error(t, service.Probe(t.Context(), addr, "/nothing-here"), "the index is one page, not all of them")
	resp, err := http.Get("http://" + addr + "/")
	require.NoError(t, err)
	defer resp.Body.Close()
	var index service.Index
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&index))
	require.Equal(t, "product", index.Services[0].Products[0].Name)
	require.Equal(t, []service.IndexPage{{Name: "counting", Path: "/counting/openapi.json"}}, index.Services[0].APIs)
	stop()
	require.Equal(t, service.ExitOK, <-ended, errs.String())
	require.True(t, stopped)
	http.DefaultClient.CloseIdleConnections()
}

func TestUnreachableBrokerIsAnError(t *testing.T) {
	var out, errs bytes.Buffer
	stopped := false
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code := service.Exec(ctx, counting(&stopped), []string{
		"--kafka=" + address(t), "--http-listen=127.0.0.1:0", "--state-dir=" + t.TempDir(), "--log-level=error",
	}, &out, &errs)
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, errs.String(), "reaching Kafka")
}

func TestFaultyProductIsRefused(t *testing.T) {
	def := service.Definition{Name: "faulty", Products: func(*service.Config) ([]stream.Definition, error) {
		return nil, errors.New("no rules")
	}}
	_, err := service.Describe(&service.Config{}, def)
	require.ErrorContains(t, err, "service faulty: no rules")
}
