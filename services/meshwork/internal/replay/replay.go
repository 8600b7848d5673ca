package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"meshwork.dev/services/meshwork/feed"
)

// Sink takes messages. done is called exactly once for every message that Send
// took without error, from any goroutine, when the broker has acknowledged it
// or given it up. Send keeps nothing of the message.
type Sink interface {
	Send(ctx context.Context, m feed.Message, done func(error)) error
	Flush(ctx context.Context) error
}

// Options of Run.
type Options struct {
	Source feed.Source
	Sink   Sink
	// Speed is how many times faster than the feed's own time: 1 is real time,
	// 0 as fast as the mesh takes it.
	Speed float64
	// Rate, if not 0, is how many messages a second are sent at most. Speed is then not used.
	Rate float64
	// Live sends every message at its own time by the clock on the wall, those
	// of the past at once. Speed and Rate are then not used.
	Live bool
	// Hold, if not nil, is asked before each message at full speed, and returns when it may be sent, or ctx's error.
	Hold func(ctx context.Context) error
}

// Counts are the messages of a run so far. Safe to read while it runs.
type Counts struct {
	Sent, Acked atomic.Int64
	Orders      atomic.Int64 // create-order commands among the sent
	Lines       atomic.Int64 // lines of those orders: rows of the file
	Changes     atomic.Int64
	Actions     atomic.Int64
	At          atomic.Int64 // event time of the last message, milliseconds since 1970
}

// grace is for how long messages that the source has given out are still sent once ctx has ended.
const grace = 10 * time.Second

// Run sends every message of the source. It returns nil when all have been
// acknowledged, and ctx's error when ctx ended first: then what the source has
// given out, and what a [feed.Stopper] held back, has been sent before its time,
// because a source that goes on where it was would never give it out again.
func Run(ctx context.Context, o Options, c *Counts) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{o: o, c: c, cancel: cancel, pace: pacer{speed: o.Speed, rate: o.Rate, live: o.Live, hold: o.Hold}}
	for {
		m, err := o.Source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the feed: %w", err)
		}
		if err = r.pace.wait(ctx, m.At); err == nil {
			err = r.send(ctx, m)
		}
		switch {
		case err == nil:
		case r.failure() != nil:
			return r.failure()
		case parent.Err() != nil:
			return errors.Join(context.Cause(parent), r.finish(parent, m))
		default:
			return err
		}
	}
	if err := o.Sink.Flush(ctx); err != nil {
		return fmt.Errorf("sending the last messages: %w", err)
	}
	return r.failure()
}

// run is one call of Run.
type run struct {
	o      Options
	c      *Counts
	pace   pacer
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	failed error // what became of the first message that the broker did not take
}

func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// done hears what became of a message.
func (r *run) done(err error) {
	if err == nil {
		r.c.Acked.Add(1)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
		r.cancel(err)
	}
}

func (r *run) send(ctx context.Context, m feed.Message) error {
	if err := r.o.Sink.Send(ctx, m, r.done); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	r.c.Sent.Add(1)
	r.pace.sent++
	r.c.At.Store(m.At.UnixMilli())
	switch {
	case m.Order != nil:
		r.c.Orders.Add(1)
		r.c.Lines.Add(int64(len(m.Order.Items)))
	case m.Change != nil:
		r.c.Changes.Add(1)
	case m.Action != nil:
		r.c.Actions.Add(1)
	}
	if recycler, ok := r.o.Source.(feed.Recycler); ok {
		recycler.Recycle(m)
	}
	return nil
}

// finish sends the message at hand and what else was held back.
func (r *run) finish(parent context.Context, m feed.Message) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), grace)
	defer cancel()
	stopper, _ := r.o.Source.(feed.Stopper)
	if stopper != nil {
		stopper.Stop()
	}
	for {
		if err := r.send(ctx, m); err != nil {
			return fmt.Errorf("what was held back: %w", err)
		}
		if stopper == nil {
			break
		}
		var err error
		if m, err = stopper.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("what was held back: %w", err)
		}
	}
	if err := r.o.Sink.Flush(ctx); err != nil {
		return fmt.Errorf("sending the last messages: %w", err)
	}
	return r.failure()
}

// pacer holds messages back to their time.
type pacer struct {
	speed float64
	rate  float64
	live  bool
	hold  func(context.Context) error
	sent  int64
	first time.Time // event time of the first message
	began time.Time // when it was sent
}

func (p *pacer) wait(ctx context.Context, at time.Time) error {
	if !p.live && p.rate <= 0 && p.speed <= 0 {
		if p.hold != nil {
			return p.hold(ctx)
		}
		return ctx.Err()
	}
	now := time.Now()
	due := at
	switch {
	case p.live:
	case p.rate > 0:
		if p.began.IsZero() {
			p.began = now
		}
		due = p.began.Add(time.Duration(float64(p.sent) / p.rate * float64(time.Second)))
	case p.speed > 0:
		if p.began.IsZero() {
			p.first, p.began = at, now
		}
		due = p.began.Add(time.Duration(float64(at.Sub(p.first)) / p.speed))
	}
	if !due.After(now) {
		return ctx.Err()
	}
	t := time.NewTimer(due.Sub(now))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
