package cli

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/services/meshwork/shop"
)

// What it takes to make one message of the shop and to hand it to the broker; the embedded broker's part is in it too.
func BenchmarkSink(b *testing.B) {
	at := broker.New(b)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{at.Addr()}})
	require.NoError(b, err)
	defer client.Close()
	server, err := registry.NewMemoryServer(b.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(b, err)
	defer func() { require.NoError(b, server.Close()) }()
	web := httptest.NewServer(server)
	defer web.Close()
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(b, err)
	s, err := openSink(b.Context(), client, reg, "/bench", shop.Actions)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close(context.Background())) }()
	sim := shop.New(shop.Config{Customers: 100_000, Products: 4000, Emit: shop.Actions})
	done := func(error) {}
	b.ReportAllocs()
	for b.Loop() {
		m, err := sim.Next()
		if err == nil {
			err = s.Send(b.Context(), m, done)
		}
		if err != nil {
			b.Fatal(err)
		}
		sim.Recycle(m)
	}
	require.NoError(b, s.Flush(b.Context()))
}
