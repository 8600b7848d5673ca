package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bothWays is a listener on the network that also takes connections from inside the process, which then need neither
// sockets nor system calls. Whoever accepts cannot tell them apart.
type bothWays struct {
	net.Listener
	inside   chan net.Conn
	accepted chan accepted
	done     chan struct{}
	once     sync.Once
	wg       sync.WaitGroup
}

type accepted struct {
	conn net.Conn
	err  error
}

func newBothWays(ln net.Listener) *bothWays {
	l := &bothWays{Listener: ln, inside: make(chan net.Conn), accepted: make(chan accepted), done: make(chan struct{})}
	l.wg.Go(l.outside)
	return l
}

// outside hands over what comes from the network.
func (l *bothWays) outside() {
	for {
		c, err := l.Listener.Accept()
		select {
		case l.accepted <- accepted{c, err}:
		case <-l.done:
			if c != nil {
				_ = c.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func (l *bothWays) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case c := <-l.inside:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *bothWays) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		close(l.done)
		err = l.Listener.Close()
		l.wg.Wait()
	})
	return err
}

func (l *bothWays) dial(ctx context.Context) (net.Conn, error) {
	near, far := newConns(l.Addr())
	select {
	case l.inside <- far:
		return near, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.Addr(), Err: errors.New("the embedded broker is closed")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dial connects to a broker by its address without the network. ok is false where the address is not one of this
// cluster's: dial it as usual.
func (b *Broker) Dial(ctx context.Context, addr string) (conn net.Conn, ok bool, err error) {
	for _, l := range b.listeners {
		if l.Addr().String() == addr {
			conn, err = l.dial(ctx)
			return conn, true, err
		}
	}
	return nil, false, nil
}

// roomInside is how many bytes may be under way in one direction of a connection inside the process.
const roomInside = 64 << 10

// insideConn is one end of a connection inside the process. Unlike net.Pipe's, writes do not wait for the reader as
// long as there is room.
type insideConn struct {
	in, out          *oneWay
	local, remote    net.Addr
	reading, writing limit
	done             chan struct{} // closed by Close
	once             sync.Once
}

func newConns(addr net.Addr) (client, server net.Conn) {
	there, back := newOneWay(), newOneWay()
	host, _, _ := net.SplitHostPort(addr.String())
	from := textAddr(net.JoinHostPort(host, "0"))
	return &insideConn{in: back, out: there, local: from, remote: addr, done: make(chan struct{})},
		&insideConn{in: there, out: back, local: addr, remote: from, done: make(chan struct{})}
}

func (c *insideConn) Read(p []byte) (int, error) {
	for !isClosed(c.done) {
		over := c.reading.over()
		if isClosed(over) {
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		}
		n, err := c.in.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, c.failed("read", err)
		}
		select {
		case <-c.in.filled:
		case <-c.done:
		case <-over:
		}
	}
	return 0, c.failed("read", net.ErrClosed)
}

func (c *insideConn) Write(p []byte) (n int, err error) {
	for !isClosed(c.done) {
		over := c.writing.over()
		if isClosed(over) {
			return n, c.failed("write", os.ErrDeadlineExceeded)
		}
		k, err := c.out.put(p[n:])
		if n += k; err != nil || n == len(p) {
			return n, c.failed("write", err)
		}
		select {
		case <-c.out.emptied:
		case <-c.done:
		case <-over:
		}
	}
	return n, c.failed("write", net.ErrClosed)
}

// failed makes an error look as one of the network's does.
func (c *insideConn) failed(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // readers compare it so
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions. What was written before can still be read by the other end.
func (c *insideConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.out.end()
		c.in.end()
		c.reading.set(time.Time{})
		c.writing.set(time.Time{})
	})
	return nil
}

func (c *insideConn) LocalAddr() net.Addr  { return c.local }
func (c *insideConn) RemoteAddr() net.Addr { return c.remote }

func (c *insideConn) SetDeadline(t time.Time) error {
	c.reading.set(t)
	c.writing.set(t)
	return nil
}

func (c *insideConn) SetReadDeadline(t time.Time) error {
	c.reading.set(t)
	return nil
}

func (c *insideConn) SetWriteDeadline(t time.Time) error {
	c.writing.set(t)
	return nil
}

// oneWay is what is under way in one direction.
type oneWay struct {
	filled, emptied chan struct{} // told once something was put or taken; buffered

	mu    sync.Mutex
	buf   []byte
	at    int // where what has not been taken begins
	ended bool
}

func newOneWay() *oneWay {
	return &oneWay{filled: make(chan struct{}, 1), emptied: make(chan struct{}, 1)}
}

// take copies what there is to p; n is 0 and err nil where the caller has to wait.
func (w *oneWay) take(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == len(w.buf) {
		if w.ended {
			return 0, io.EOF
		}
		return 0, nil
	}
	n = copy(p, w.buf[w.at:])
	if w.at += n; w.at == len(w.buf) {
		w.buf, w.at = w.buf[:0], 0
	}
	tell(w.emptied)
	return n, nil
}

// put copies as much of p as there is room for.
func (w *oneWay) put(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return 0, net.ErrClosed
	}
	under := len(w.buf) - w.at
	if n = min(roomInside-under, len(p)); n <= 0 {
		return 0, nil
	}
	if w.at > 0 && cap(w.buf)-len(w.buf) < n {
		w.buf, w.at = w.buf[:copy(w.buf, w.buf[w.at:])], 0
	}
	w.buf = append(w.buf, p[:n]...)
	tell(w.filled)
	return n, nil
}

func (w *oneWay) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	tell(w.filled)
	tell(w.emptied)
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was told already, and has not looked yet
	}
}

// limit is a deadline that may be moved while somebody waits for it.
type limit struct {
	mu    sync.Mutex
	timer *time.Timer // closes done
	idle  bool        // the timer is stopped
	done  chan struct{}
}

// over is closed once the deadline has passed.
func (l *limit) over() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return l.done
}

// set moves the deadline; the zero time means none.
func (l *limit) set(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && !l.timer.Stop() && !l.idle {
		<-l.done // it went off, or is about to
	}
	l.idle = true
	if l.done == nil || isClosed(l.done) {
		l.done, l.timer = make(chan struct{}), nil
	}
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		close(l.done)
	case l.timer != nil:
		l.idle = false
		l.timer.Reset(wait)
	default:
		l.idle = false
		done := l.done
		l.timer = time.AfterFunc(wait, func() { close(done) })
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
