package stream

import (
	"errors"
	"math"
	"time"

	"go.uber.org/zap"
)

// Event time moves by the records that are processed. Two things bound it.
//
// A record from the future must not take it along: windows would close for all
// records that are right. So a record further ahead of the time of day than
// Config.MaxAhead does not move it; what else happens to it says Spec.Ahead.
//
// And silence says that nothing older can come only where records are about
// now: in a replay of history a pause says nothing about how far the history
// has been told. So what lets event time go on without records is IdleAfter
// where the newest record was recent, and HistoryIdle, or Runner.EndHistory,
// where it was old.

// AheadMode says what happens to records from the future; see Config.MaxAhead.
type AheadMode uint8

// The modes.
const (
	ProcessAhead AheadMode = iota // reactions see them, but they do not move event time
	RefuseAhead                   // they go to the dead letters with the reason "validation" and ErrAhead
)

func (m AheadMode) String() string { return [...]string{"processed", "refused"}[m] }

// ErrAhead is why a record is in the dead-letter topic of a product that
// refuses records from the future.
var ErrAhead = errors.New("the record's timestamp is too far ahead of the time of day")

// Defaults of Config.
const (
	// defaultAhead is what Kafka brokers take since 4.0 (message.timestamp.after.max.ms).
	defaultAhead = time.Hour
	// historyFactor times IdleAfter is HistoryIdle.
	historyFactor = 30
)

// recent is how old a record may be, when it is processed, to be about now.
const recent = time.Minute

// horizon tells what is too far ahead. Asking for the time costs more than
// anything else here, so the answer is kept: time only goes on.
type horizon struct {
	now   func() time.Time
	ahead time.Duration // no bound below 1
	until int64
}

// beyond says whether a timestamp is too far ahead. A nil horizon has no bound.
func (h *horizon) beyond(ts int64) bool {
	if h == nil || h.ahead <= 0 || ts <= h.until {
		return false
	}
	h.until = h.now().Add(h.ahead).UnixMilli()
	return ts > h.until
}

// moves says whether a record moves event time.
func (t *Task) moves(input int, ts int64) bool {
	if ts <= t.clock || !t.inputs[input].drives {
		return false
	}
	if t.horizon.beyond(ts) {
		t.aheads, t.farthest = t.aheads+1, max(t.farthest, ts)
		return false
	}
	return true
}

// tellAheads logs that records from the future have been met since it was
// called last.
func (w *worker) tellAheads(r *running) {
	t := r.task
	if t.aheads == 0 {
		return
	}
	w.log.Warn("records are ahead of the time of day: they do not move event time", zap.Int32("partition", r.p),
		zap.Int("records", t.aheads), zap.Time("farthest", time.UnixMilli(t.farthest).UTC()), zap.Duration("tolerance", w.r.cfg.MaxAhead))
	t.aheads, t.farthest = 0, 0
}

// refuses says whether a record of an input is a dead letter because it is too
// far ahead.
func (t *Task) refuses(in *inputDef, ts int64) bool {
	return t.def.spec.Ahead == RefuseAhead && t.horizon.beyond(ts) && (in.fold || len(in.via) > 0)
}

// readClock takes the stored event time up. One from the future, which an
// unbounded task may have left, does not outlast a restart.
func (t *Task) readClock() {
	t.clock = math.MinInt64
	if v, ok := t.store.Get([]byte{clockState}); ok {
		if at, ok := readTime(v); ok {
			t.clock = at
		}
	}
	t.savedClock = t.clock
	if t.horizon.beyond(t.clock) {
		t.clock = t.cfg.Now().UnixMilli()
	}
}

// FireDue fires what is due in event time and by the time of day, like Advance,
// but leaves event time at the last timer that fired: a history that pauses, or
// ends, does not make what is older than now late.
func (t *Task) FireDue(event, wall time.Time, sink Sink) (Outcome, error) {
	if !t.def.usesClock {
		return Done, nil
	}
	return t.fire(event.UnixMilli(), wall.UnixMilli(), fireAtOnce, sink)
}

// isRecent says whether event time is that of now.
func (t *Task) isRecent(now time.Time) bool { return t.clock >= now.Add(-recent).UnixMilli() }

// EndHistory tells that nothing of the past is still to come: a replay is over.
// Timers of inputs that are at their ends fire without waiting for HistoryIdle.
// It holds for the rest of the run.
func (r *Runner) EndHistory() { r.historyOver.Store(true) }

// patience is how long the inputs of a task must have been at their ends before
// event time goes on without records; ok is false when it does not.
func (w *worker) patience(r *running) (d time.Duration, ok bool) {
	switch {
	case r.live, w.r.historyOver.Load():
		return w.r.cfg.IdleAfter, true
	default:
		return w.r.cfg.HistoryIdle, w.r.cfg.HistoryIdle > 0
	}
}

// idleSince says whether a task that has nothing else to do may let event time
// go on, up to when. live tells that it follows the time of day.
func (w *worker) idleSince(r *running, due, now time.Time) (until time.Time, ok bool) {
	until = now.Add(-w.r.cfg.IdleAfter)
	if due.After(until) {
		return until, false
	}
	wait, ok := w.patience(r)
	return until, ok && now.Sub(r.active) >= wait && w.quiet(r, now)
}

// wakeFor is when a timer of a task at the end of its inputs can fire at the
// earliest; ok is false when only records or EndHistory can make it fire.
func (w *worker) wakeFor(r *running, due, now time.Time) (at time.Time, ok bool) {
	wait, ok := w.patience(r)
	if !ok {
		return at, false
	}
	at = due.Add(w.r.cfg.IdleAfter)
	if q := r.active.Add(wait); q.After(at) {
		at = q
	}
	if !at.After(now) {
		at = now.Add(drainEvery / 2) // due, but other members are not quiet yet
	}
	return at, true
}
