package kafkatest

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// cutter disturbs requests of one API: it cuts the connection after the broker has carried the request out and
// before its answer is read, or (swallow) before the request has left; or it holds one back to be delivered later.
type cutter struct {
	key     int16
	swallow bool
	left    atomic.Int32 // how many to cut
	hold    atomic.Bool  // hold the next one back

	mu   sync.Mutex
	held []byte
	addr string
}

func (x *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: nc, x: x, addr: addr}, nil
}

// deliver sends what was held back over a connection of its own and waits for the answer.
func (x *cutter) deliver(t *testing.T) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	require.NotEmpty(t, x.held)
	nc, err := (&net.Dialer{}).DialContext(ctx(t), "tcp", x.addr)
	require.NoError(t, err)
	defer func() { _ = nc.Close() }()
	_, err = nc.Write(x.held)
	require.NoError(t, err)
	_, err = nc.Read(make([]byte, 512))
	require.NoError(t, err)
}

type cutConn struct {
	net.Conn
	x    *cutter
	addr string
	cut  atomic.Bool
}

// Write notices requests of the API.
func (c *cutConn) Write(p []byte) (int, error) {
	if len(p) < 6 || int16(binary.BigEndian.Uint16(p[4:])) != c.x.key {
		return c.Conn.Write(p)
	}
	if c.x.hold.CompareAndSwap(true, false) {
		c.x.mu.Lock()
		defer c.x.mu.Unlock()
		c.x.held, c.x.addr = bytes.Clone(p), c.addr
		return len(p), nil // no answer will come
	}
	if c.x.left.Add(-1) >= 0 {
		if c.x.swallow {
			_ = c.Close()
			return len(p), nil
		}
		c.cut.Store(true)
	}
	return c.Conn.Write(p)
}

// Read waits for the answer and loses it.
func (c *cutConn) Read(p []byte) (int, error) {
	if !c.cut.Load() {
		return c.Conn.Read(p)
	}
	_, _ = c.Conn.Read(make([]byte, 1))
	_ = c.Close()
	return 0, io.ErrUnexpectedEOF
}
