package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/telemetry"
)

// taskSink is a task's way into the open transaction.
type taskSink struct {
	w *worker
	b *batch
	r *running
}

// open makes the task part of the open transaction, beginning one if need be.
func (w *worker) open(r *running) *taskSink {
	if w.cur == nil {
		w.cur = &batch{txn: w.prod.begin(), started: time.Now(), sample: w.sample[:0], builders: make([][]*kafka.BatchBuilder, len(w.def.outputs)), outs: make([]outCount, len(w.def.outputs))}
		w.sample = nil
	}
	if !r.joined {
		r.joined = true
		w.cur.tasks = append(w.cur.tasks, r)
	}
	return &taskSink{w, w.cur, r}
}

// Append adds a record to the transaction.
func (s *taskSink) Append(out int, partition int32, ts int64, key, value, headers []byte, count int) {
	bs := s.b.builders[out]
	if bs == nil {
		bs = make([]*kafka.BatchBuilder, max(s.w.r.parts[s.w.def.outputs[out].info.Name], 1))
		s.b.builders[out] = bs
	}
	b := bs[partition]
	if b == nil {
		b = s.b.txn.partition(kafka.TopicPartition{Topic: s.w.def.outputs[out].info.Name, Partition: partition})
		b.MaxBytes = s.w.batchBytes(out)
		bs[partition] = b
	}
	b.Append(ts, key, value, headers, count)
	c := &s.b.outs[out]
	if value == nil {
		c.tombstones++
		c.tombBytes += int64(len(key))
	} else {
		c.upserts++
		c.upBytes += int64(len(key) + len(value))
	}
	if s.w.isChangelog(out) && partition == s.r.p {
		s.r.appended[out]++
		s.b.changelog++
	}
}

func (w *worker) isChangelog(out int) bool {
	return out == w.def.side || out == 0 && w.def.ownChangelog
}

// maybeCommit sends the open transaction off when it is due and none is under
// way.
func (w *worker) maybeCommit(now bool) error {
	b := w.cur
	if b == nil || w.inflight != nil {
		return nil
	}
	if !now && !w.full() {
		if age := time.Since(b.started); age < w.r.cfg.CommitInterval || age < w.interval() {
			return nil
		}
	}
	meta := w.group.meta()
	moved := false
	for _, r := range b.tasks {
		if err := r.task.Seal(&taskSink{w, b, r}); err != nil {
			return err
		}
		after := position{Topics: make(map[string]place, len(r.pos.Topics))}
		maps.Copy(after.Topics, r.pos.Topics)
		for out, n := range r.appended {
			if n == 0 {
				continue
			}
			// The records, and the marker that ends the transaction. More can be between them, never less, so
			// this is behind the end or at it.
			moved = true
			name := w.def.outputs[out].info.Name
			p := after.Topics[name]
			p.Next += int64(n) + 1
			after.Topics[name] = p
			r.appended[out] = 0
		}
		for _, q := range r.inputs {
			if !q.dirty {
				continue
			}
			moved, q.dirty = true, false
			b.txn.offset(meta, q.tp, q.next)
			if w.purges(q.input) {
				if b.rekeyed == nil {
					b.rekeyed = map[kafka.TopicPartition]int64{}
				}
				b.rekeyed[q.tp] = q.next - 1 // see purge
			}
			if w.def.inputs[q.input].join >= 0 {
				after.Topics[q.tp.Topic] = place{w.r.topicID[q.tp.Topic], q.next}
			}
		}
		b.after = append(b.after, after)
		r.joined = false
	}
	if err := w.crash(crashAfterProcess); err != nil {
		return err
	}
	w.cur, w.inflight = nil, b
	w.hold.seal()
	b.sealed = time.Now()
	if !moved && b.txn.bytes() == 0 {
		b.txn.discard()
		return w.onResult(context.Background(), nil) // only stale timers were looked at
	}
	w.wg.Go(func() { w.results <- w.prod.commit(w.life, b.txn) })
	return nil
}

// interval is how long the open transaction gathers records. A product that is
// behind, because more records wait than it has taken so far, gathers for longer:
// who waits for its results waits for the backlog anyway, and larger batches
// let it catch up sooner.
func (w *worker) interval() time.Duration {
	if w.r.cfg.CatchUpInterval <= w.r.cfg.CommitInterval || !w.behind() {
		return w.r.cfg.CommitInterval
	}
	return w.r.cfg.CatchUpInterval
}

// behind says whether more records wait than the open transaction has taken.
func (w *worker) behind() bool {
	waiting := int64(0)
	for _, r := range w.tasks {
		for _, q := range r.inputs {
			waiting += max(q.end-q.next, 0)
		}
	}
	return waiting > int64(w.cur.records)
}

// onResult deals with the outcome of the transaction under way.
func (w *worker) onResult(ctx context.Context, err error) error {
	b := w.inflight
	took := time.Since(b.sealed)
	w.hold.committed()
	if err != nil {
		return w.onFailed(ctx, err, took, b)
	}
	w.inflight, w.failures = nil, 0
	w.stall.committed(time.Now())
	w.sample = b.sample // for the next one
	if err := w.crash(crashAfterCommit); err != nil {
		return err
	}
	now := time.Now()
	maps.Copy(w.purge.read, b.rekeyed)
	for i, r := range b.tasks {
		r.pos = b.after[i]
		counts, err := r.task.Committed(r.pos.encode(now))
		if err != nil {
			return fmt.Errorf("product %s, partition %d: keep the state: %w", w.def.name, r.p, err)
		}
		for in := range counts {
			c := &counts[in]
			for o, n := range c.Outcomes {
				w.met.proc[in].Handled(telemetry.Outcome(o), n)
			}
			for reason, n := range c.Reasons {
				w.met.dlq[in].Count(telemetry.Reason(reason), n)
			}
			clear(c.Outcomes[:])
			clear(c.Reasons[:])
		}
		for _, q := range r.inputs {
			age := time.Duration(0)
			if q.has {
				age = now.Sub(time.UnixMilli(q.head.Timestamp))
			}
			q.lag.SetLag(max(q.known()-q.next, 0), age)
		}
	}
	for o := range b.outs {
		w.met.outs[o].Published(telemetry.KindUpsert, b.outs[o].upserts, b.outs[o].upBytes, now)
		w.met.outs[o].Published(telemetry.KindTombstone, b.outs[o].tombstones, b.outs[o].tombBytes, now)
	}
	w.met.group.Committed(took, nil, now)
	for _, ts := range b.sample {
		w.met.product.ObserveE2E(now.Sub(time.UnixMilli(ts)))
	}
	w.publishStatus()
	return w.crash(crashAfterApply)
}

// onFailed forgets the failed transaction and the one begun after it, and takes
// every task up again from what Kafka says is committed.
func (w *worker) onFailed(ctx context.Context, err error, took time.Duration, b *batch) error {
	w.inflight, w.stall.commit = nil, err
	w.failures++
	switch {
	case errors.Is(err, kafka.ErrFenced):
		return fmt.Errorf("product %s: another instance with the same id has taken over: %w", w.def.name, err)
	case errors.Is(err, errCrashed), errors.Is(err, kafka.ErrClosed), errors.Is(err, kafka.ErrAuth), errors.Is(err, kafka.ErrUnsupported), errors.Is(err, kafka.ErrTooLarge) && w.failures > 1:
		return fmt.Errorf("product %s: commit: %w", w.def.name, err)
	}
	w.met.group.Committed(took, err, time.Now())
	if errors.Is(err, kafka.ErrTooLarge) {
		w.r.learnLimits(ctx, w.def) // somebody lowered one: what is too large by it becomes a dead letter
	}
	level := zap.WarnLevel
	if errors.Is(err, kafka.ErrStaleMember) && w.failures == 1 {
		level = zap.InfoLevel // partitions are moving: that is how it goes
	}
	w.log.Log(level, "transaction not committed; starting again from the committed offsets", zap.Error(err), zap.Int("records", b.records), zap.Int("in a row", w.failures))
	w.dropOpen()
	for p, r := range w.tasks {
		w.detach(r)
		w.startRestore(ctx, p, r)
	}
	return nil
}

// dropOpen forgets the open transaction.
func (w *worker) dropOpen() {
	if w.cur == nil {
		return
	}
	w.cur.txn.discard()
	w.cur = nil
	w.hold.dropped()
}

// detach takes a task out of the loop and forgets what is not committed.
func (w *worker) detach(r *running) {
	delete(w.tasks, r.p)
	for _, q := range r.inputs {
		w.fetch.Remove(q.tp)
		delete(w.byTP, q.tp)
		q.release()
		q.lag.Delete()
	}
	r.inputs = nil
	r.joined, r.retry, r.blocked = false, false, time.Time{}
	clear(r.appended)
	r.task.Rollback()
}
