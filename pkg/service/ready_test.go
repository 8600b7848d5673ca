package service_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/schemas/product"
)

// probes waits until /readyz answers as wanted: ready where why is "", else not
// ready because of it.
func probes(t *testing.T, addr, why string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		err := service.Probe(t.Context(), addr, "/readyz")
		if why == "" && err == nil || why != "" && err != nil && strings.Contains(err.Error(), why) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("/readyz: %v, want %q", err, why)
		}
	}
}

// TestReadyzFailsWhileNothingIsCommitted cuts every connection that asks the
// transaction coordinator for a commit: a product that has work is not ready,
// though alive, until the coordinator is there again.
func TestReadyzFailsWhileNothingIsCommitted(t *testing.T) {
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
			"--kafka=" + b.Addr(), "--registry=" + web.URL, "--http-listen=" + addr, "--state-dir=" + t.TempDir(), "--log-level=error", "--stall-after=200ms",
		}, &out, &errs)
	}()
	probes(t, addr, "")

	var cut atomic.Bool
	cut.Store(true)
	b.Kfake().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Kfake().KeepControl()
		if cut.Load() {
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	require.NoError(t, err)
	defer cl.Close()
	rec := &kgo.Record{Topic: product.ProductChangeEvent.Info.Name, Key: []byte("1"), Value: []byte("a dead letter is work too")}
	require.NoError(t, cl.ProduceSync(ctx, rec).FirstErr())
	probes(t, addr, "product: nothing committed for")
	require.NoError(t, service.Probe(t.Context(), addr, "/livez"), "a restart would not help")
	cut.Store(false)
	probes(t, addr, "")
	stop()
	require.Equal(t, service.ExitOK, <-ended, errs.String())
	http.DefaultClient.CloseIdleConnections()
}
