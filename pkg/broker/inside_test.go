package broker

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"
)

// TestConnectionsInsideTheProcess runs the conformance tests for connections.
func TestConnectionsInsideTheProcess(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2 = newConns(textAddr("127.0.0.1:9092"))
		return c1, c2, func() {
			_ = c1.Close()
			_ = c2.Close()
		}, nil
	})
}

func TestDialInside(t *testing.T) {
	b, err := Start(t.Context(), Config{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	_, ok, err := b.Dial(t.Context(), "127.0.0.1:1")
	require.NoError(t, err)
	require.False(t, ok, "not the address of a broker here")

	inside, ok, err := b.Dial(t.Context(), b.Addr())
	require.NoError(t, err)
	require.True(t, ok)
	outside, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.Addr())
	require.NoError(t, err)
	// ApiVersions, version 0, from a client without a name: the broker answers both alike.
	request := []byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}
	for _, c := range []net.Conn{inside, outside} {
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = c.Write(request)
		require.NoError(t, err)
		answer := make([]byte, 8)
		_, err = c.Read(answer)
		require.NoError(t, err)
		require.Equal(t, []byte{0, 0, 0, 7}, answer[4:], "the correlation id")
	}

	require.NoError(t, b.Close())
	for _, c := range []net.Conn{inside, outside} {
		_, err = nothingLeft(c)
		require.Error(t, err, "the broker ends its connections")
		require.NoError(t, c.Close())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, ok, err = b.Dial(ctx, b.Addr())
	require.True(t, ok)
	require.ErrorContains(t, err, "is closed")
}

// nothingLeft reads to the end.
func nothingLeft(c net.Conn) (n int, err error) {
	buf := make([]byte, 1<<10)
	for {
		k, err := c.Read(buf)
		if n += k; err != nil {
			return n, err
		}
	}
}
