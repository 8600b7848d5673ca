package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
)

func testClient(t *testing.T, brokers []string, opts ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Brokers: brokers}
	for _, o := range opts {
		o(&cfg)
	}
	c, err := NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestPing(t *testing.T) {
	b := broker.New(t)
	c := testClient(t, []string{b.Addr()})
	require.NoError(t, c.Ping(t.Context()))
	f, err := c.Features(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, f.TransactionVersion)
	require.Equal(t, 1, f.GroupVersion)
}
