package kafka

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

// cutter cuts connections right after a request of one API was written: the broker carries it out, and its answer
// is lost.
type cutter struct {
	key  int16
	left atomic.Int32
}

func (x *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &cutConn{Conn: nc, x: x}, err
}

type cutConn struct {
	net.Conn
	x   *cutter
	cut atomic.Bool
}

func (c *cutConn) Write(p []byte) (int, error) {
	hit := len(p) > 6 && int16(p[4])<<8|int16(p[5]) == c.x.key && c.x.left.Add(-1) >= 0
	if hit {
		c.cut.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *cutConn) Read(p []byte) (int, error) {
	if !c.cut.Load() {
		return c.Conn.Read(p)
	}
	_, _ = c.Conn.Read(make([]byte, 1)) // the broker has carried it out
	_ = c.Close()
	return 0, io.ErrUnexpectedEOF
}

// tamper changes traffic of one API: requests are swallowed or held back, answers rewritten.
type tamper struct {
	key      int16
	swallow  atomic.Int32 // that many requests never arrive; the connection dies instead of an answer
	lie      atomic.Int32 // that many answers get the error code at byte lieAt
	lieAt    int
	lieCode  int16
	hold     atomic.Bool // the next request is kept for deliver
	mu       sync.Mutex
	held     []byte
	heldAddr string
}

func (x *tamper) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &tamperedConn{Conn: nc, x: x, addr: addr}, err
}

type tamperedConn struct {
	net.Conn
	x    *tamper
	addr string
	mode atomic.Int32 // 1: lie about the next answer, 2: never answer
}

func (c *tamperedConn) Write(p []byte) (int, error) {
	if len(p) < 8 || int16(binary.BigEndian.Uint16(p[4:])) != c.x.key {
		return c.Conn.Write(p)
	}
	switch {
	case c.x.hold.CompareAndSwap(true, false):
		c.x.mu.Lock()
		c.x.held, c.x.heldAddr = bytes.Clone(p), c.addr
		c.x.mu.Unlock()
		return len(p), nil // no answer will come: the deadline ends it
	case c.x.swallow.Add(-1) >= 0:
		_ = c.Close()
		return len(p), nil
	case c.x.lie.Add(-1) >= 0:
		c.mode.Store(1)
	}
	return c.Conn.Write(p)
}

func (c *tamperedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.mode.CompareAndSwap(1, 0) && n > c.x.lieAt+1 {
		binary.BigEndian.PutUint16(p[c.x.lieAt:], uint16(c.x.lieCode))
	}
	return n, err
}

// deliver sends what was held, late, over a connection of its own, and waits for the answer.
func (x *tamper) deliver(t *testing.T) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	require.NotEmpty(t, x.held)
	nc, err := net.Dial("tcp", x.heldAddr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write(x.held)
	require.NoError(t, err)
	_, err = nc.Read(make([]byte, 512))
	require.NoError(t, err)
}
