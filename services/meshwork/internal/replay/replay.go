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

// Run sends every message of the source. It returns nil when all have been
// acknowledged, and ctx's error when ctx ended first.
func Run(ctx context.Context, o Options, c *Counts) error {
	var (
		mu     sync.Mutex
		failed error
		pace   pacer
	)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := func(err error) {
		if err == nil {
			c.Acked.Add(1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if failed == nil {
			failed = err
			cancel(err)
		}
	}
	pace.speed, pace.rate, pace.live = o.Speed, o.Rate, o.Live
	recycler, _ := o.Source.(feed.Recycler)
	for {
		m, err := o.Source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the feed: %w", err)
		}
		if err := pace.wait(ctx, m.At); err != nil {
			return context.Cause(ctx)
		}
		if err := o.Sink.Send(ctx, m, done); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		c.Sent.Add(1)
		pace.sent++
		c.At.Store(m.At.UnixMilli())
		switch {
		case m.Order != nil:
			c.Orders.Add(1)
			c.Lines.Add(int64(len(m.Order.Items)))
		case m.Change != nil:
			c.Changes.Add(1)
		case m.Action != nil:
			c.Actions.Add(1)
		}
		if recycler != nil {
			recycler.Recycle(m)
		}
	}
	if err := o.Sink.Flush(ctx); err != nil {
		return fmt.Errorf("sending the last messages: %w", err)
	}
	mu.Lock()
	defer mu.Unlock()
	return failed
}

// pacer holds messages back to their time.
type pacer struct {
	speed float64
	rate  float64
	live  bool
	sent  int64
	first time.Time // event time of the first message
	began time.Time // when it was sent
}

func (p *pacer) wait(ctx context.Context, at time.Time) error {
	if !p.live && p.rate <= 0 && p.speed <= 0 {
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
