//go:build unix

package eshop

import (
	"bytes"
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

	"meshwork.dev/pkg/service"
)

// served is the API as the service mounts it, on a broker, behind a real listener.
func (m *mesh) served(t testing.TB) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	require.NoError(t, Service(func(string) string { return "" }).Routes(mux, service.Deps{
		Config: &service.Config{CreateTopics: true}, Kafka: m.client, Registry: m.reg, Log: zap.NewNop(),
		OnStop: func(_ string, stop func() error) { t.Cleanup(func() { require.NoError(t, stop()) }) },
	}))
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return web
}

const pageView = `{"idempotenceId":"load-%d","visitorId":"visitor-%d","kind":"PAGE","store":"uk","userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36","page":{"page":{"id":"product/85123A","name":"WHITE HANGING HEART T-LIGHT HOLDER","url":"https://shop.example/product/85123A"},"destinationUrl":"https://shop.example/product/85123A","referringUrl":"https://shop.example/","filters":[],"productId":"85123A"}}`

// BenchmarkIngest posts 5,000 actions a second, one per request, over 64 connections that are kept open, to the API on
// an embedded broker; clients, API and broker share the process. Latency is measured from when a request was due, so
// that a slow answer also counts against those that waited behind it. Use -benchtime 25000x for five seconds.
func BenchmarkIngest(b *testing.B) {
	const rate, connections = 5000, 64
	m := newMesh(b)
	web := m.served(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	post := func(n int) error {
		resp, err := client.Post(web.URL+"/shop/actions", "application/json", bytes.NewReader(fmt.Appendf(nil, pageView, n, n%10_000)))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != http.StatusAccepted {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	require.NoError(b, post(-1)) // registers the schema
	b.ResetTimer()
	n := max(b.N, rate)
	took := make([]time.Duration, n)
	errs := make([]error, connections)
	before, start := cpu(b), time.Now()
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for i := c; i < n; i += connections {
				due := start.Add(time.Duration(i) * time.Second / rate)
				time.Sleep(time.Until(due)) // the pace of the load, not a synchronisation
				if err := post(i); err != nil {
					errs[c] = err
				}
				took[i] = time.Since(due)
			}
		})
	}
	wg.Wait()
	used, whole := cpu(b)-before, time.Since(start)
	for _, err := range errs {
		require.NoError(b, err)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[n/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[n*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[n-1].Microseconds())/1000, "max-ms")
	b.ReportMetric(float64(n)/whole.Seconds(), "req/s")
	b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-us/req")
	require.EqualValues(b, n+1, m.written(b, "priv.ecomm.shop.shop-action.event.v1"), "every 202 is in the topic")
}
