package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Client is a connection pool to one cluster with what it learned about it: brokers, partition leaders,
// coordinators, API versions. It is safe for concurrent use; share one per process.
type Client struct {
	cfg       Config
	transport *kafkago.Transport
	ctx       context.Context //nolint:containedctx // the client's own lifetime
	cancel    context.CancelFunc

	conns    connSet
	meta     metadata
	coords   coordinators
	versions versionCache
}

// NewClient checks the configuration. It does not connect: see [Client.Ping].
func NewClient(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	c := &Client{cfg: cfg}
	c.transport, err = cfg.transport(c.dial)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.transport.Context = c.ctx
	c.meta.init(c)
	return c, nil
}

// Close ends every connection; calls under way return ErrClosed. Close fetchers, producers and groups first.
func (c *Client) Close() {
	c.cancel()
	c.transport.CloseIdleConnections()
	c.conns.close()
}

// Ping asks the cluster for its brokers and controller, and returns nil when it answers with one. When nothing
// answers it says so at once; a cluster that is still electing its controller is given DialTimeout.
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*c.cfg.DialTimeout)
	defer cancel()
	for {
		cl, err := c.DescribeCluster(ctx)
		if err != nil {
			return err
		}
		if _, ok := cl.Brokers[cl.Controller]; ok {
			return nil
		}
		if c.pause(ctx, 50*time.Millisecond) != nil {
			return &Error{API: apiMetadata.name, Code: codeNotController, Msg: "the cluster has no controller yet"}
		}
	}
}

// netAddr is a broker address as kafka-go wants it.
type netAddr string

// Network is always "tcp".
func (netAddr) Network() string { return "tcp" }

// String is host:port.
func (a netAddr) String() string { return string(a) }

// dial opens a connection on behalf of kafka-go's transport and remembers it, so that Close can end it.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := c.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("%w%w", errDial, err)
	}
	return c.conns.add(nc)
}

// errDial marks errors of connecting: nothing was sent. Its text is empty so that it does not show.
var errDial = errors.New("")

// connSet is the set of open connections.
type connSet struct {
	mu     sync.Mutex
	open   map[*trackedConn]struct{}
	closed bool
}

type trackedConn struct {
	net.Conn
	set *connSet
}

func (s *connSet) add(nc net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = nc.Close()
		return nil, ErrClosed
	}
	if s.open == nil {
		s.open = map[*trackedConn]struct{}{}
	}
	tc := &trackedConn{Conn: nc, set: s}
	s.open[tc] = struct{}{}
	return tc, nil
}

func (s *connSet) close() {
	s.mu.Lock()
	open := s.open
	s.open, s.closed = nil, true
	s.mu.Unlock()
	for tc := range open {
		_ = tc.Conn.Close()
	}
}

// Close ends the connection and forgets it.
func (t *trackedConn) Close() error {
	t.set.mu.Lock()
	delete(t.set.open, t)
	t.set.mu.Unlock()
	return t.Conn.Close()
}

// netError turns what the transport returned into a NetError with a hint, or an Error for refused authentication.
func (c *Client) netError(parent context.Context, a api, addr string, sent bool, err error) error {
	var kerr kafkago.Error
	if errors.As(err, &kerr) && kerr != 0 {
		e := &Error{API: "SaslAuthenticate", Code: int16(kerr)}
		return fmt.Errorf("broker %s: %w", addr, e)
	}
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("broker %s: %w", addr, err)
	}
	ne := &NetError{API: a.name, Broker: addr, Sent: sent, Err: err, Hint: hint(err, c.cfg)}
	if parent.Err() != nil {
		ne.Err = context.Cause(parent)
		ne.Hint = hint(ne.Err, c.cfg)
	} else if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		ne.Err = fmt.Errorf("timed out: %w", err)
	}
	return ne
}

func hint(err error, cfg Config) string {
	var (
		dns     *net.DNSError
		record  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
	)
	switch {
	case errors.As(err, &dns):
		return "the host name does not resolve: check the address and the broker's advertised.listeners"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: is the broker started, and the port right?"
	case errors.As(err, &record):
		return "the listener does not speak TLS"
	case errors.As(err, &unknown):
		return "the broker's certificate is signed by an unknown authority: add it to the client's roots"
	case errors.As(err, &name):
		return "the broker's certificate is for another host name"
	case strings.Contains(err.Error(), "certificate required"), strings.Contains(err.Error(), "bad certificate"):
		return "the broker wants a client certificate it trusts"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		switch {
		case cfg.TLS == nil && cfg.SASL.Mechanism == "":
			return "the broker hung up: it stopped, or its listener expects TLS or SASL"
		case cfg.TLS == nil:
			return "the broker hung up: it stopped, refused user or password, or its listener expects TLS"
		case cfg.SASL.Mechanism != "":
			return "the broker hung up: it stopped, refused user or password, or its listener does not speak TLS"
		default:
			return "the broker hung up: it stopped, or its listener expects SASL or does not speak TLS"
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		if cfg.TLS != nil {
			return "the network drops packets, the broker hangs, or its listener does not speak TLS"
		}
		return "the network drops packets or the broker hangs"
	}
	return ""
}
