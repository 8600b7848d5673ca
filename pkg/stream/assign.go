package stream

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
)

// onGroup follows a change of membership.
func (w *worker) onGroup(ctx context.Context, ev kafka.GroupEvent) error {
	if ev.Kind == 0 {
		return fmt.Errorf("product %s: the membership of group %s ended", w.def.name, w.def.group)
	}
	var mine []int32
	for _, tp := range ev.Partitions {
		if tp.Topic == w.lead {
			mine = append(mine, tp.Partition)
		}
	}
	w.log.Info("group", zap.Stringer("event", ev.Kind), zap.Int32s("tasks", mine), zap.Error(ev.Err))
	switch ev.Kind {
	case kafka.Assigned:
		for _, p := range mine {
			if int(p) >= w.r.parts[w.lead] {
				return fmt.Errorf("product %s: %s has got more partitions than the %d it had at the start: start the service again", w.def.name, w.lead, w.r.parts[w.lead])
			}
			if w.tasks[p] == nil && w.restoring[p] == nil {
				w.startRestore(ctx, p, nil)
			}
		}
	case kafka.Revoked:
		drain, cancel := context.WithTimeout(ctx, w.r.cfg.StopTimeout)
		err := w.drain(drain)
		cancel()
		switch {
		case ctx.Err() != nil && (w.cur != nil || w.inflight != nil):
			// The stop commits what is open, and leaving gives the partitions away. To give them away before it would let
			// their new owner do again what is committed here.
			return nil
		case err != nil:
			return fmt.Errorf("product %s: commit before handing partitions over: %w", w.def.name, err)
		}
		w.release(mine)
	case kafka.Lost:
		// Whatever is under way fails or has succeeded; its outcome does not matter here any more.
		if w.inflight != nil {
			select {
			case err := <-w.results:
				if err := w.onResult(ctx, err); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil // brokers that do not answer must not hold up the stop
			}
		}
		w.dropOpen()
		for _, r := range w.tasks { // the open transaction may hold tasks that stay
			w.detach(r)
			w.startRestore(ctx, r.p, r)
		}
		w.release(mine)
	case kafka.Failed:
		return fmt.Errorf("product %s: group %s: %w", w.def.name, w.def.group, ev.Err)
	}
	if ev.Kind == kafka.Assigned {
		w.keepMember()
	} else {
		w.group.ack()
	}
	w.publishStatus()
	return nil
}

// release gives tasks up; nothing of theirs is pending.
func (w *worker) release(ps []int32) {
	for _, p := range ps {
		w.cancelRestore(p)
		if r := w.tasks[p]; r != nil {
			w.detach(r)
			w.freshen(r, time.Now())
			w.closeTask(r)
		}
	}
}

func (w *worker) closeTasks(level bool) {
	for _, r := range w.tasks {
		w.detach(r)
		if level {
			w.freshen(r, time.Now())
		}
		w.closeTask(r)
	}
}

// freshen tells a store that nothing has been published since: a quiet product
// is not one that has been away. It is asked of owners only, and not of a
// process that has itself been asleep.
func (w *worker) freshen(r *running, now time.Time) {
	if now.Sub(w.ticked) > freshEvery || r.joined || r.task.isSealed {
		return
	}
	var nothing state.Batch
	if err := r.task.store.Apply(&nothing, r.pos.encode(now)); err != nil {
		w.log.Warn("freshen state", zap.Int32("partition", r.p), zap.Error(err))
	}
}

const freshEvery = time.Hour

// tick runs about every second.
func (w *worker) tick(now time.Time) {
	for _, r := range w.tasks {
		w.tellAheads(r)
		if now.Sub(time.UnixMilli(r.pos.At)) > freshEvery {
			w.freshen(r, now)
		}
		if st := r.task.store.Stats(); st.Snapshots > r.snapshots || st.Err != nil {
			r.snapshots = st.Snapshots
			w.met.store.Snapshotted(st.SnapshotTime, st.Err)
		}
		for _, q := range r.inputs {
			if q.atEnd() {
				q.lag.SetLag(0, 0)
			}
		}
	}
	w.ticked = now
	w.degraded()
	w.publishStatus()
}

func (w *worker) closeTask(r *running) {
	if err := r.task.store.Close(); err != nil {
		w.log.Warn("close state", zap.Int32("partition", r.p), zap.Error(err))
	}
}

// onRestored takes a restored task into the loop.
func (w *worker) onRestored(res *restore) error {
	if w.restoring[res.p] != res {
		return nil // cancelled meanwhile; whoever did closed it
	}
	delete(w.restoring, res.p)
	if res.err != nil {
		if res.r != nil {
			w.closeTask(res.r)
		}
		return fmt.Errorf("product %s, partition %d: restore: %w", w.def.name, res.p, res.err)
	}
	r := res.r
	w.tasks[r.p] = r
	r.active = time.Now()
	for i, in := range w.def.inputs {
		if int(r.p) >= w.r.parts[in.info.Name] {
			continue
		}
		tp := kafka.TopicPartition{Topic: in.info.Name, Partition: r.p}
		q := &queue{tp: tp, input: i, next: res.from[tp], asked: res.from[tp], end: -1, horizon: &w.horizon, rank: in.rank, lag: w.r.cfg.Metrics.Partition(w.def.group, tp.Topic, tp.Partition)}
		r.inputs = append(r.inputs, q)
		w.byTP[tp] = q
		w.fetch.Add(tp, q.next)
	}
	w.publishStatus()
	return nil
}

// drained remembers whether the sources of re-keyed records are read to their
// ends by all members.
type drained struct {
	at time.Time
	ok bool
}

const drainEvery = time.Second

// quiet says whether nothing more can come for the task: its inputs are at
// their ends and, where it consumes re-keyed records, so are the sources of
// those, here and at the other members.
func (w *worker) quiet(r *running, now time.Time) bool {
	if !r.idle() {
		return false
	}
	if w.fetch != nil {
		if since, ok := w.fetch.Answered(); ok && now.Sub(since) > idleFetch+time.Second {
			return false // nobody knows whether something came
		}
	}
	rekeys := false
	for _, in := range w.def.inputs {
		rekeys = rekeys || len(in.via) > 0
	}
	if !rekeys {
		return true
	}
	if w.inflight != nil || len(w.restoring) > 0 {
		return false
	}
	for _, o := range w.tasks {
		if !o.idle() {
			return false
		}
	}
	if len(w.tasks) == w.r.parts[w.lead] {
		return true
	}
	if now.Sub(w.drainC.at) < drainEvery {
		return w.drainC.ok
	}
	w.drainC = drained{at: now, ok: w.sourcesDrained()}
	return w.drainC.ok
}

// sourcesDrained compares committed offsets with the ends of the re-keyed
// sources. A transaction's end marker is an offset that nobody commits, so a
// difference of one counts as none.
func (w *worker) sourcesDrained() bool {
	ctx, cancel := context.WithTimeout(context.Background(), drainEvery)
	defer cancel()
	var tps []kafka.TopicPartition
	for _, in := range w.def.inputs {
		if len(in.via) == 0 {
			continue
		}
		for p := range w.r.parts[in.info.Name] {
			tps = append(tps, kafka.TopicPartition{Topic: in.info.Name, Partition: int32(p)})
		}
	}
	done, err := w.r.cfg.Kafka.CommittedOffsets(ctx, w.def.group, tps)
	if err != nil {
		return false
	}
	ends, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return false
	}
	for tp, end := range ends {
		if end > 0 && done[tp] < end-1 {
			return false
		}
	}
	return true
}
