package orderprocessing

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/orderproc"
)

// The whole service against an embedded broker: what is posted can be read, withdrawn and no longer withdrawn, and
// nothing is promised once the broker is gone.
func TestServiceOnABroker(t *testing.T) {
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	schemas, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, schemas.Close()) })
	web := httptest.NewServer(schemas)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)

	def := Service(func(name string) string {
		return map[string]string{EnvScheduleAfter: "200ms", EnvCompleteAfter: "3s"}[name]
	})
	products, err := def.Products(&service.Config{})
	require.NoError(t, err)
	runner, err := stream.NewRunner(stream.Config{
		Kafka: client, Registry: stream.FromRegistry(reg), StateDir: t.TempDir(), CommitInterval: 20 * time.Millisecond,
		IdleAfter: 50 * time.Millisecond,
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
	read := func(id string) (o orderproc.Order) {
		w := call(t, mux, "GET", "/orders/"+id, "")
		if w.Code == http.StatusOK {
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &o))
		}
		return o
	}
	becomes := func(id string, want orderproc.OrderStatus) {
		require.Eventually(t, func() bool { return read(id).Status == want }, 30*time.Second, 10*time.Millisecond, "%s is %s", id, want)
	}
	post := func(id string) int {
		return call(t, mux, "POST", "/orders", `{"orderId":"`+id+`","items":[{"productId":"22423","quantity":2,"unitPrice":"12.75"}]}`).Code
	}
	require.Eventually(t, func() bool { return post("a") == http.StatusAccepted }, 30*time.Second, 50*time.Millisecond)
	becomes("a", orderproc.OrderStatusCompleted)
	require.Equal(t, http.StatusConflict, call(t, mux, "POST", "/orders/a/cancel", "").Code)

	require.Equal(t, http.StatusAccepted, post("b"))
	require.Equal(t, http.StatusAccepted, call(t, mux, "POST", "/orders/b/cancel", `{"reason":"too dear"}`).Code)
	require.Eventually(t, func() bool {
		o := read("b")
		return o.Status == orderproc.OrderStatusCancelled && o.Reason.Value == "too dear" || o.LastRefusal.Valid
	}, 30*time.Second, 10*time.Millisecond)
	require.Len(t, read("a").Items, 1)

	if testing.Short() {
		return // the rest waits for timeouts
	}
	require.Eventually(t, func() bool {
		// A product with something to commit could not stop without a broker, and a timer that is still to come would
		// give it something.
		for _, s := range runner.Status() {
			if s.Timers > 0 {
				return false
			}
		}
		done, err := runner.CaughtUp(t.Context())
		return err == nil && done
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, b.Close())
	start := time.Now()
	w := call(t, mux, "POST", "/orders", oneItem)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Less(t, time.Since(start), 20*time.Second)
}
