package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/telemetry"
)

// dialer connects to brokers, and counts the connections.
func (k *KafkaConfig) dialer(m *telemetry.Metrics) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{KeepAlive: 15 * time.Second}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		b := m.Broker(addr)
		var conn net.Conn
		var err error
		ok := false
		if k.Dial != nil {
			conn, ok, err = k.Dial(ctx, addr)
		}
		if !ok {
			conn, err = d.DialContext(ctx, network, addr)
		}
		if err != nil {
			class := telemetry.ErrorDial
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
				class = telemetry.ErrorTimeout
			}
			b.ConnectFailed(class)
			return nil, err
		}
		b.Connected()
		return &countedConn{Conn: conn, broker: b}, nil
	}
}

// countedConn counts its end, once.
type countedConn struct {
	net.Conn
	broker *telemetry.Broker
	once   sync.Once
}

// Close ends the connection.
func (c *countedConn) Close() error {
	c.once.Do(c.broker.Disconnected)
	return c.Conn.Close()
}

// registryTransport measures requests to the schema registry.
type registryTransport struct {
	http.RoundTripper
	m *telemetry.Metrics
}

// RoundTrip sends one request.
func (t registryTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.RoundTripper.RoundTrip(r)
	code := 0
	if err == nil {
		code = resp.StatusCode
	}
	t.m.SchemaRequest(telemetry.SideClient, registry.Operation(r.Method, r.URL.Path), code, time.Since(began))
	return resp, err
}
