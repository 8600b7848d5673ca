//go:build unix

package eshop

import (
	"bufio"
	"fmt"
	"io"
	"net"
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
// an embedded broker; clients, API and broker share the process. Use -benchtime 25000x for five seconds.
func BenchmarkIngest(b *testing.B) {
	load{rate: 5000, connections: 64, actions: 1}.run(b)
}

// BenchmarkIngestBatch posts as many actions in batches of a hundred.
func BenchmarkIngestBatch(b *testing.B) {
	load{rate: 50, connections: 8, actions: 100}.run(b)
}

// load is so many requests a second with so many actions each.
type load struct{ rate, connections, actions int }

// body is the n-th request.
func (l load) body(n int) (path string, body []byte) {
	if l.actions == 1 {
		return "/shop/actions", fmt.Appendf(nil, pageView, n, n%10_000)
	}
	body = append(body, '[')
	for i := range l.actions {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, pageView, n*l.actions+i, (n*l.actions+i)%10_000)
	}
	return "/shop/actions:batch", append(body, ']')
}

// caller is an HTTP client that costs little: it shares the processors with what is measured.
type caller struct {
	conn net.Conn
	r    *bufio.Reader
	buf  []byte
}

func dial(t testing.TB, addr string) *caller {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{conn: conn, r: bufio.NewReader(conn)}
}

// post sends a request and waits for its 202.
func (c *caller) post(path string, body []byte) error {
	c.buf = fmt.Appendf(c.buf[:0], "POST %s HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, len(body))
	if _, err := c.conn.Write(append(c.buf, body...)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// run sends b.N actions, at least those of a second. Latency is measured from when a request was due, so that a slow
// answer also counts against those that waited behind it.
func (l load) run(b *testing.B) {
	m := newMesh(b)
	web := m.served(b)
	conns := make([]*caller, l.connections)
	for i := range conns {
		conns[i] = dial(b, web.Listener.Addr().String())
	}
	post := func(c, n int) error { return conns[c].post(l.body(n)) }
	for c := range conns {
		require.NoError(b, post(c, 1_000_000+c)) // the first registers the schema
	}
	b.ResetTimer()
	n := max(b.N/l.actions, l.rate)
	took := make([]time.Duration, n)
	errs := make([]error, l.connections)
	before, start := cpu(b), time.Now()
	var wg sync.WaitGroup
	for c := range l.connections {
		wg.Go(func() {
			for i := c; i < n; i += l.connections {
				due := start.Add(time.Duration(i) * time.Second / time.Duration(l.rate))
				time.Sleep(time.Until(due)) // the pace of the load, not a synchronisation
				if err := post(c, i); err != nil {
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
	b.ReportMetric(float64(n*l.actions)/whole.Seconds(), "actions/s")
	b.ReportMetric(float64(used.Microseconds())/float64(n*l.actions), "cpu-us/action")
	require.EqualValues(b, (n+l.connections)*l.actions, m.written(b, "priv.ecomm.shop.shop-action.event.v1"), "every 202 is in the topic")
}
