package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// The request API inside this package.
//
// A request is one API call: where to send it (to), in which versions it can be spoken (min, max), how to write its
// body for a version and how to read the answer's. do sends it once; retry and doRetry repeat what IsRetriable.
//
//	req := &request{
//		api: apiEndTxn, min: 3, max: 5, to: toTxn(id),
//		write: func(e *encoder, v int16) { e.str(id); ...; e.tags() },
//		read:  func(d *decoder, v int16) error { d.i32(); return codeErr(apiEndTxn, d.i16()) },
//	}
//	err := c.do(ctx, req)
//
// Rules:
//   - The version is the highest within [min, max] that the broker's own [min, max] for the API contains; if there
//     is none, do returns ErrUnsupported and nothing is sent.
//   - write may run again when a request is repeated and must write the same bytes for the same version.
//   - encoder and decoder switch to compact texts, arrays and tags by version: call the same methods for all.
//   - read need not check the decoder's error: do does, before it looks at what read returns.
//   - The decoder's bytes are valid only during read, unless keep is set: then req.body holds the answer, and the
//     caller releases it. When do returns, no goroutine touches the request any more, whatever the outcome.
//   - A coordinator code (14, 15, 16) anywhere in read's error drops the cached coordinator of a toGroup/toTxn
//     request; NOT_CONTROLLER makes the next toController ask anew.
//   - Errors: *NetError when no answer came (Sent tells whether it may have been carried out), *Error for codes,
//     ErrUnsupported, ErrClosed.
type request struct {
	api      api
	min, max int16
	to       route
	write    func(e *encoder, v int16)
	read     func(d *decoder, v int16) error
	wait     time.Duration // how long the broker may hold the answer by design; added to RequestTimeout
	keep     bool          // hand the answer's buffer to the caller as body
	size     int           // about how many bytes write appends; saves growing the buffer of a large request

	body    *buffer // the answer's bytes when keep is set and do returned nil
	version int16   // the version spoken, after do
	broker  int32   // the broker asked, after do; -1 when any was
}

// route says which broker a request goes to.
type route struct {
	kind   routeKind
	broker int32
	key    string
}

type routeKind int8

const (
	routeAny routeKind = iota
	routeBroker
	routeController
	routeGroup
	routeTxn
	routeAddr // key is the address: bootstrap only
)

func toAny() route                     { return route{kind: routeAny} }
func toBroker(id int32) route          { return route{kind: routeBroker, broker: id} }
func toController() route              { return route{kind: routeController} }
func toGroup(group string) route       { return route{kind: routeGroup, key: group} }
func toTxn(transactional string) route { return route{kind: routeTxn, key: transactional} }
func toAddr(addr string) route         { return route{kind: routeAddr, key: addr} }

// codeErr is the error of an answer's code, nil for 0.
func codeErr(a api, code int16) error {
	if code == 0 {
		return nil
	}
	return &Error{API: a.name, Code: code}
}

// codeErrMsg is codeErr with the broker's own words.
func codeErrMsg(a api, code int16, msg string) error {
	if code == 0 {
		return nil
	}
	return &Error{API: a.name, Code: code, Msg: msg}
}

// codeErrAt is codeErr for one partition; partition -1 is the whole topic.
func codeErrAt(a api, code int16, topic string, partition int32) error {
	if code == 0 {
		return nil
	}
	return &Error{API: a.name, Code: code, Topic: topic, Partition: partition}
}

// do sends the request once and reads its answer.
func (c *Client) do(ctx context.Context, req *request) error {
	addr, err := c.route(ctx, req)
	if err != nil {
		return err
	}
	if req.version, err = c.negotiate(ctx, addr, req); err != nil {
		c.noteFailure(req, err)
		return err
	}
	err = c.exchange(ctx, addr, req)
	if err != nil {
		c.noteFailure(req, err)
	}
	return err
}

// noteFailure forgets what an error shows to be outdated.
func (c *Client) noteFailure(req *request, err error) {
	var net *NetError
	lost := errors.As(err, &net)
	switch code := Code(err); {
	case req.to.kind == routeGroup || req.to.kind == routeTxn:
		if lost || code == codeCoordinatorLoading || code == codeCoordinatorUnavailable || code == codeNotCoordinator {
			c.coords.forget(req.to)
		}
	case code == codeNotController:
		c.meta.expire()
	}
	if lost {
		// The broker may be back on another address or in another version.
		c.meta.expire()
		c.versions.forget(net.Broker)
	}
	if Code(err) == codeUnsupportedVersion {
		c.versions.forgetAll()
	}
}

// exchange sends the request to addr in req.version.
func (c *Client) exchange(parent context.Context, addr string, req *request) error {
	if c.ctx.Err() != nil {
		return fmt.Errorf("%s: client: %w", req.api.name, ErrClosed)
	}
	ctx, cancel := context.WithTimeout(parent, c.cfg.RequestTimeout+req.wait)
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel) //nolint:contextcheck // the client's end ends the call too
	defer stop()
	m := &exchange{req: req, client: c.cfg.ClientID, ctx: ctx, done: make(chan struct{})}
	_, err := c.transport.RoundTrip(ctx, netAddr(addr), m)
	if err == nil {
		if m.throttle > 0 {
			c.cfg.Metrics.Broker(addr).Throttled(m.throttle)
		}
		return m.result
	}
	// The connection's goroutine may still be inside RawExchange when a cancelled call returns. Its deadline has
	// been cut, so it ends now; wait, for it owns the buffers until then.
	if !m.state.CompareAndSwap(exchangeIdle, exchangeAbandoned) {
		<-m.done
		if m.answered {
			return m.result
		}
	}
	if m.err != nil && ctx.Err() == nil {
		err = m.err
	}
	if c.ctx.Err() != nil && parent.Err() == nil {
		return fmt.Errorf("%s: client: %w", req.api.name, ErrClosed)
	}
	return c.netError(parent, req.api, addr, m.sent, err)
}

const (
	exchangeIdle int32 = iota
	exchangeStarted
	exchangeAbandoned
)

// exchange is one request on its way through kafka-go's transport, which hands us the connection.
type exchange struct {
	req    *request
	client string
	ctx    context.Context //nolint:containedctx // lives exactly as long as the call it belongs to
	state  atomic.Int32
	done   chan struct{} // closed when RawExchange has returned

	throttle time.Duration // for how long the broker holds the client back
	sent     bool          // some bytes were written
	answered bool          // a whole answer came
	result   error         // what it says
	err      error         // why no answer came
}

var (
	_ protocol.RawExchanger = (*exchange)(nil)

	errAbandoned = errors.New("request given up before it was sent")
)

// ApiKey is part of protocol.Message.
func (m *exchange) ApiKey() protocol.ApiKey { return protocol.ApiKey(m.req.api.key) } //nolint:revive // name given by protocol.Message

// Required always asks for the raw connection.
func (m *exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request and reads the answer. An error makes the transport close the connection; an
// error code in a well-formed answer is not one.
func (m *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !m.state.CompareAndSwap(exchangeIdle, exchangeStarted) {
		return nil, errAbandoned
	}
	defer close(m.done)
	if conn, ok := rw.(interface{ SetDeadline(t time.Time) error }); ok {
		stop := context.AfterFunc(m.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	if err := m.run(rw); err != nil {
		m.err = err
		return nil, err
	}
	if m.ctx.Err() != nil { // the connection's deadline is spoilt, although the answer came in time
		return nil, m.ctx.Err()
	}
	return m, nil
}

const (
	maxAnswer     = 2 << 30
	correlationID = 1 // one request at a time per connection, so any constant does
)

func (m *exchange) run(rw io.ReadWriter) error {
	req := m.req
	out := getBuffer(max(4<<10, req.size))
	e := encoder{b: append(out.b[:0], 0, 0, 0, 0)}
	e.i16(req.api.key)
	e.i16(req.version)
	e.i32(correlationID)
	e.str(m.client)
	if e.flex = req.api.flexible(req.version); e.flex {
		e.tags()
	}
	req.write(&e, req.version)
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	out.b = e.b
	m.sent = true
	_, err := rw.Write(e.b)
	out.release()
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	in, err := readAnswer(rw)
	if err != nil {
		return err
	}
	d := decoder{b: in.b[4:]}
	if d.flex = req.api.flexible(req.version) && req.api != apiAPIVersions; d.flex {
		d.tags() // header v1; ApiVersions keeps v0 so that any client can read it
	}
	d.flex = req.api.flexible(req.version)
	result := req.read(&d, req.version)
	if d.err != nil {
		in.release()
		return fmt.Errorf("%w: answer to %s v%d: %w", ErrCorrupt, req.api.name, req.version, d.err)
	}
	if d.throttle > 0 {
		m.throttle = time.Duration(d.throttle) * time.Millisecond
	}
	m.answered, m.result = true, result
	if req.keep && result == nil {
		req.body = in
	} else {
		in.release()
	}
	return nil
}

// readAnswer reads one answer, correlation id included.
func readAnswer(r io.Reader) (*buffer, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(head[:]))
	if n < 4 || n > maxAnswer {
		return nil, fmt.Errorf("%w: answer of %d bytes: not a Kafka listener?", ErrCorrupt, n)
	}
	// A liar's length must not cost memory: grow as bytes arrive.
	const step = 64 << 20
	in := getBuffer(int(min(n, step)))
	in.b = in.b[:min(n, step)]
	for got := 0; ; {
		m, err := io.ReadFull(r, in.b[got:])
		if err != nil {
			in.release()
			return nil, fmt.Errorf("reading: %w", err)
		}
		if got += m; int64(got) == n {
			break
		}
		in.grow(int(min(n, int64(got)*2)))
	}
	if id := binary.BigEndian.Uint32(in.b); id != correlationID {
		in.release()
		return nil, fmt.Errorf("%w: answer to another request (%d)", ErrCorrupt, id)
	}
	return in, nil
}

// retry runs fn until it returns nil, an error that is not IsRetriable, or ctx ends; the pauses grow from 20 ms to
// half a second. Without a deadline of ctx it gives up after RequestTimeout, and on an unknown topic, which may be
// new, after a second. The last error is returned.
func (c *Client) retry(ctx context.Context, fn func(ctx context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.RequestTimeout)
		defer cancel()
	}
	pause, start := 20*time.Millisecond, time.Now()
	for {
		err := fn(ctx)
		if err == nil || !IsRetriable(err) || errors.Is(err, ErrUnknownTopic) && time.Since(start) > time.Second {
			return err
		}
		if errors.Is(err, ErrUnreachable) && !c.meta.known() {
			return err // never connected: a wrong address does not get better by waiting
		}
		if c.pause(ctx, pause) != nil {
			return err
		}
		pause = min(pause*2, 500*time.Millisecond)
	}
}

// doRetry is retry of do: for requests that may be carried out twice.
func (c *Client) doRetry(ctx context.Context, req *request) error {
	return c.retry(ctx, func(ctx context.Context) error { return c.do(ctx, req) })
}

// pause waits for d, or until ctx or the client ends.
func (c *Client) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}
