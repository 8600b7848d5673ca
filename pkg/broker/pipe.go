package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pipeListener is a listener inside the process: no port, so nobody else can connect.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (*pipeListener) Addr() net.Addr { return textAddr("127.0.0.1:1") }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// exchange sends one request over a connection of its own and reads the answer.
func exchange[R kmsg.Response](ctx context.Context, ln net.Listener, req kmsg.Request) (R, error) {
	var none R
	pl, ok := ln.(*pipeListener)
	if !ok {
		return none, fmt.Errorf("%T: not a private listener", ln)
	}
	nc, err := pl.dial(ctx)
	if err != nil {
		return none, err
	}
	defer func() { _ = nc.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if _, err := nc.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
		return none, err
	}
	var size [4]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return none, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(nc, body); err != nil {
		return none, err
	}
	r := kbin.Reader{Src: body}
	r.Int32() // correlation id
	if req.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	resp := req.ResponseKind()
	if err := resp.ReadFrom(r.Src); err != nil {
		return none, err
	}
	typed, ok := resp.(R)
	if !ok {
		return none, fmt.Errorf("answer of type %T", resp)
	}
	return typed, nil
}

func codeError(what string, code int16) error {
	return fmt.Errorf("%s: Kafka error code %d", what, code)
}
