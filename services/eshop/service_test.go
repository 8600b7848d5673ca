package eshop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/shop"
)

// The whole service against an embedded broker: what is posted is in the cart, a repetition is not, a checkout clears
// it; and nothing is promised once the broker is gone.
func TestServiceOnABroker(t *testing.T) {
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	server, err := registry.NewMemoryServer(context.WithoutCancel(t.Context()), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)
	def := Service(func(string) string { return "" })
	products, err := def.Products(&service.Config{})
	require.NoError(t, err)
	runner, err := stream.NewRunner(stream.Config{
		Kafka: client, Registry: stream.FromRegistry(reg), StateDir: t.TempDir(), CommitInterval: 20 * time.Millisecond,
	}, products...)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	mux := http.NewServeMux()
	require.NoError(t, def.Routes(mux, service.Deps{
		Config: &service.Config{CreateTopics: true}, Kafka: client, Registry: reg, Log: zap.NewNop(),
		OnStop: func(_ string, stop func() error) { t.Cleanup(func() { _ = stop() }) },
	}))
	post := func(id, kind, more string) int {
		return call(t, mux, "POST", "/shop/actions", fmt.Sprintf(`{"idempotenceId":%q,"visitorId":"v1","kind":%q%s}`, id, kind, more)).Code
	}
	units := func() int64 {
		w := call(t, mux, "GET", "/shop/carts/v1", "")
		if w.Code == http.StatusNotFound {
			return 0
		}
		var c shop.Cart
		if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &c) != nil {
			return -1
		}
		return c.Units
	}
	becomes := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return units() == n }, 60*time.Second, 10*time.Millisecond)
	}
	const two = `,"item":{"productId":"22423","quantity":2,"unitPrice":"12.75"}`
	require.Eventually(t, func() bool { return post("a", "ADD", two) == http.StatusAccepted }, 60*time.Second, 50*time.Millisecond)
	becomes(2)
	require.Equal(t, http.StatusAccepted, post("a", "ADD", two))
	require.Equal(t, http.StatusAccepted, post("b", "ADD", two))
	becomes(4)
	require.Equal(t, http.StatusAccepted, post("c", "CHECKOUT", ""))
	becomes(0)

	if testing.Short() {
		return // the rest waits for timeouts
	}
	require.Eventually(t, func() bool {
		done, err := runner.CaughtUp(t.Context())
		return err == nil && done
	}, 60*time.Second, 10*time.Millisecond)
	require.NoError(t, b.Close())
	start := time.Now()
	require.Equal(t, http.StatusServiceUnavailable, post("d", "ADD", two))
	require.Less(t, time.Since(start), 20*time.Second)
}

// Requests under way when the process is told to stop are finished, and every action that was promised is there.
func TestGracefulStop(t *testing.T) {
	m := newMesh(t)
	mux := http.NewServeMux()
	var stops []func() error
	require.NoError(t, Service(func(string) string { return "" }).Routes(mux, service.Deps{
		Config: &service.Config{CreateTopics: true}, Kafka: m.client, Registry: m.reg, Log: zap.NewNop(),
		OnStop: func(_ string, stop func() error) { stops = append(stops, stop) },
	}))
	web := httptest.NewServer(mux)
	defer web.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	promised := make(chan string, 1<<20)
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d/%d", c, i)
				resp, err := client.Post(web.URL+"/shop/actions", "application/json", bytes.NewReader(
					fmt.Appendf(nil, `{"idempotenceId":%q,"visitorId":"v%d","kind":"LOGIN","login":{"userId":"u","successful":true}}`, id, c)))
				if err != nil {
					return // the server has stopped
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusAccepted {
					promised <- id
				}
			}
		})
	}
	require.Eventually(t, func() bool { return len(promised) > 500 }, 60*time.Second, time.Millisecond)
	require.NoError(t, web.Config.Shutdown(t.Context()))
	for _, stop := range slices.Backward(stops) {
		require.NoError(t, stop())
	}
	wg.Wait()
	close(promised)
	there := map[string]bool{}
	readAll(t, m, shop.ShopActionEvent, func(_ string, a *shop.ShopAction) { there[a.Identity.IdempotenceID] = true })
	for id := range promised {
		require.True(t, there[id], "%s was promised and is not there", id)
	}
}
