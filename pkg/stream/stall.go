package stream

import (
	"fmt"
	"time"
)

// A product is stalled when it has had work for StallAfter and nothing of it
// was committed: the transaction hangs, commits keep failing, a record is tried
// again and again, or the brokers do not answer, so that nobody knows what there
// is to do. It is not ready then, and ready again with the next commit.

// StatusEvery is how often at least a product tells its status while its loop
// turns.
const StatusEvery = 2 * time.Second

// stallWatch is what the loop remembers to tell a stall.
type stallWatch struct {
	since  time.Time // when there was no work, or a commit succeeded, last
	commit error     // why commits fail; nil when the last one did not
}

// committed notes that work has come to its end.
func (s *stallWatch) committed(now time.Time) { *s = stallWatch{since: now} }

// stallLimit is how long work may take to be committed. A transaction gathers
// for an interval before it is even sent.
func (r *Runner) stallLimit() time.Duration {
	return r.cfg.StallAfter + max(r.cfg.CommitInterval, r.cfg.CatchUpInterval)
}

// stalled says why nothing is committed although there is work; "" when all is
// well.
func (w *worker) stalled(now time.Time) string {
	limit := w.r.stallLimit()
	if w.fetch != nil {
		if tp, since, ok := w.fetch.Unanswered(); ok && now.Sub(since) > max(limit, 2*idleFetch) {
			return fmt.Sprintf("no answer from the leader of %s for %s", tp, now.Sub(since).Round(time.Second))
		}
	}
	work := w.waiting()
	if work == "" && w.stall.commit == nil {
		w.stall.since = now
		return ""
	}
	d := now.Sub(w.stall.since)
	if d <= limit {
		return ""
	}
	if w.stall.commit != nil {
		return fmt.Sprintf("nothing committed for %s: %d commits failed in a row, the last one: %v", d.Round(time.Second), w.failures, w.stall.commit)
	}
	return fmt.Sprintf("nothing committed for %s: %s", d.Round(time.Second), work)
}

// waiting says what the product has to do, "" when nothing.
func (w *worker) waiting() string {
	if w.inflight != nil {
		return "a transaction is being committed"
	}
	for _, r := range w.tasks {
		for _, q := range r.inputs {
			switch {
			case !q.has:
			case r.retry && r.task.asksRegistry:
				return fmt.Sprintf("offset %d of %s waits for the schema registry", q.head.Offset, q.tp)
			case r.retry:
				return fmt.Sprintf("offset %d of %s failed %d times and is to be tried again", q.head.Offset, q.tp, r.task.attempts)
			default:
				return fmt.Sprintf("offset %d of %s waits", q.head.Offset, q.tp)
			}
		}
	}
	if w.cur != nil {
		return "a transaction is open"
	}
	return ""
}

// Unready says why the product is not ready: it restores, is stalled, or has not
// said anything for longer than work may take, because its loop is stuck. It is
// "" when the product is ready.
func (s *ProductStatus) Unready(now time.Time) string {
	switch {
	case s.Stalled != "":
		return s.Stalled
	case s.State == Restoring:
		why := []byte("restoring")
		for _, res := range s.Restores {
			why = fmt.Appendf(why, ", partition %d: %d of %d, %s left", res.Partition, res.Read, res.Total, res.ETA.Round(time.Second))
		}
		return string(why)
	case s.State != Running && s.State != CaughtUp:
		return s.State.String()
	case now.Sub(s.At) > s.patience:
		return fmt.Sprintf("its loop has not turned for %s", now.Sub(s.At).Round(time.Second))
	}
	return ""
}
