package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
)

// restore brings a task's store up to what is committed, beside the loop.
type restore struct {
	w      *worker
	p      int32
	r      *running // nil at first: the store is to be opened
	cancel context.CancelFunc
	done   chan struct{}

	from    map[kafka.TopicPartition]int64 // where the inputs go on
	err     error
	started time.Time
	total   atomic.Int64 // offsets to be read
	read    atomic.Int64 // offsets read
	rebuilt bool
}

// startRestore begins to restore a task; r is nil for one that is new here.
func (w *worker) startRestore(ctx context.Context, p int32, r *running) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	res := &restore{w: w, p: p, r: r, cancel: cancel, done: make(chan struct{}), started: time.Now()}
	w.restoring[p] = res
	failures := w.failures
	w.wg.Go(func() {
		defer close(res.done)
		if failures > 1 { // the broker has trouble: do not add to it
			select {
			case <-time.After(min(time.Duration(failures)*50*time.Millisecond, 5*time.Second)):
			case <-ctx.Done():
			}
		}
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			res.total.Store(0)
			res.read.Store(0)
			if res.err = res.run(ctx); !kafka.IsRetriable(res.err) || ctx.Err() != nil {
				break
			}
			w.log.Warn("restore interrupted; trying again", zap.Int32("partition", p), zap.Error(res.err))
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return
		}
		select {
		case w.restored <- res:
		case <-ctx.Done():
		}
	})
}

// cancelRestore ends a restore that is under way and closes its store.
func (w *worker) cancelRestore(p int32) {
	res := w.restoring[p]
	if res == nil {
		return
	}
	delete(w.restoring, p)
	res.cancel()
	<-res.done
	if res.r != nil {
		w.closeTask(res.r)
	}
}

func (res *restore) run(ctx context.Context) error {
	w := res.w
	if res.r == nil {
		if err := res.open(ctx); err != nil {
			return err
		}
	}
	// The barrier: stable offsets are there only when the transaction of the previous owner has ended.
	tps := res.inputs()
	committed, err := w.r.cfg.Kafka.CommittedOffsets(ctx, w.def.group, tps)
	if err != nil {
		return fmt.Errorf("committed offsets: %w", err)
	}
	earliest, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadCommitted)
	if err != nil {
		return fmt.Errorf("beginning of inputs: %w", err)
	}
	res.from = map[kafka.TopicPartition]int64{}
	for _, tp := range tps {
		if res.from[tp] = committed[tp]; committed[tp] < 0 {
			res.from[tp] = earliest[tp]
		}
	}
	goals, err := res.goals(ctx, earliest)
	if err != nil {
		return err
	}
	if err := res.follow(ctx, goals); err != nil {
		return err
	}
	if err := w.crash(crashInRestore); err != nil {
		return err
	}
	if err := res.r.task.RestoreFlush(res.r.pos.encode(time.Now())); err != nil {
		return err
	}
	if err := res.r.task.Restored(); err != nil {
		return err
	}
	took := time.Since(res.started)
	w.met.store.Restored(took)
	w.log.Info("restored", zap.Int32("partition", res.p), zap.Int64("offsets", res.read.Load()), zap.Duration("took", took), zap.Bool("rebuilt", res.rebuilt))
	return nil
}

func (res *restore) inputs() (tps []kafka.TopicPartition) {
	for _, in := range res.w.def.inputs {
		if int(res.p) < res.w.r.parts[in.info.Name] {
			tps = append(tps, kafka.TopicPartition{Topic: in.info.Name, Partition: res.p})
		}
	}
	return tps
}

// open opens the store and makes the task.
func (res *restore) open(ctx context.Context) error {
	w := res.w
	dir := ""
	if w.r.cfg.StateDir != "" {
		dir = filepath.Join(w.dir(), strconv.Itoa(int(res.p)))
	}
	store, err := w.openStore(dir)
	for deadline := time.Now().Add(10 * time.Second); errors.Is(err, state.ErrLocked); store, err = w.openStore(dir) {
		// The previous owner may be another runner of this machine that is just closing.
		if time.Now().After(deadline) {
			w.log.Warn("the state folder is in use by another process; going on without", zap.String("dir", dir))
			dir = ""
			continue
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	return res.attach(store, dir)
}

// attach makes the task over a store.
func (res *restore) attach(store state.Store, dir string) error {
	w := res.w
	r := &running{p: res.p, dir: dir, pos: readPosition(store.Position()), appended: map[int]int{}}
	var err error
	r.task, err = NewTask(defined{w.def}, TaskConfig{
		Partition: res.p, Store: store, Schemas: w.r.cfg.Registry, Decoders: &w.r.decs, Now: time.Now, MaxAhead: w.r.cfg.MaxAhead,
		MaxRecord:  w.maxRecord,
		SchemaID:   func(topic string) int32 { return w.r.ids[topic] },
		Partitions: func(topic string) int { return w.r.parts[topic] },
		View:       w.r.view,
	})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	res.r = r
	return nil
}

type defined struct{ def *definition }

func (d defined) definition() *definition { return d.def }

func (w *worker) openStore(dir string) (state.Store, error) {
	open := state.OpenMemory
	if w.def.spec.Store == Disk {
		open = state.OpenDisk
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("make the state folder: %w", err)
		}
	}
	opts := w.r.cfg.State
	if w.r.cfg.crash != nil {
		opts.Crash = w.crashBeside
	}
	s, err := open(dir, opts)
	if errors.Is(err, state.ErrCorrupt) && dir != "" {
		w.log.Error("local state is damaged; rebuilding it from the changelog", zap.String("dir", dir), zap.Error(err))
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("remove damaged state: %w", err)
		}
		return w.openStore(dir)
	}
	return s, err
}

// goal is a partition to be read up to an offset.
type goal struct {
	from, to int64
	out      int // index of the changelog output, -1 for a joined topic
	input    int
}

// goals says what is to be read: the changelogs up to their ends, joined topics
// up to where the group has read them.
func (res *restore) goals(ctx context.Context, earliest map[kafka.TopicPartition]int64) (map[kafka.TopicPartition]*goal, error) {
	w := res.w
	logs := map[kafka.TopicPartition]int{}
	for i, o := range w.def.outputs {
		if w.isChangelog(i) && int(res.p) < w.r.parts[o.info.Name] {
			logs[kafka.TopicPartition{Topic: o.info.Name, Partition: res.p}] = i
		}
	}
	tps := make([]kafka.TopicPartition, 0, len(logs))
	for tp := range logs {
		tps = append(tps, tp)
	}
	if len(tps) == 0 {
		return res.joinGoals(map[kafka.TopicPartition]*goal{}, earliest), nil
	}
	// Up to the high watermark, not the last stable offset: what is below it and still open belongs to a transaction
	// that is being ended, and must be waited for.
	ends, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("ends of changelogs: %w", err)
	}
	starts, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadUncommitted)
	if err != nil {
		return nil, fmt.Errorf("beginnings of changelogs: %w", err)
	}
	if why := res.unusable(logs, starts, ends); why != "" {
		w.log.Error("local state cannot be brought up to date; rebuilding it from the changelog", zap.Int32("partition", res.p), zap.String("because", why))
		if err := res.wipe(); err != nil {
			return nil, err
		}
	}
	goals := map[kafka.TopicPartition]*goal{}
	for tp, out := range logs {
		res.goal(goals, tp, goal{to: ends[tp], out: out}, starts[tp])
	}
	return res.joinGoals(goals, earliest), nil
}

// joinGoals adds the joined topics.
func (res *restore) joinGoals(goals map[kafka.TopicPartition]*goal, earliest map[kafka.TopicPartition]int64) map[kafka.TopicPartition]*goal {
	for i, in := range res.w.def.inputs {
		tp := kafka.TopicPartition{Topic: in.info.Name, Partition: res.p}
		if at, ok := res.from[tp]; ok && in.join >= 0 {
			res.goal(goals, tp, goal{to: at, out: -1, input: i}, earliest[tp])
		}
	}
	return goals
}

// goal adds a partition to be read from where the store has it, at least from
// start.
func (res *restore) goal(goals map[kafka.TopicPartition]*goal, tp kafka.TopicPartition, g goal, start int64) {
	p, ok := res.r.pos.Topics[tp.Topic]
	if !ok {
		p = place{ID: res.w.r.topicID[tp.Topic], Next: start}
	}
	g.from = max(p.Next, start)
	p.Next = g.from
	res.r.pos.Topics[tp.Topic] = p
	if g.from < g.to {
		goals[tp] = &g
		res.total.Add(g.to - g.from)
	}
}

// unusable says why the store cannot be continued; empty if it can.
func (res *restore) unusable(logs map[kafka.TopicPartition]int, starts, ends map[kafka.TopicPartition]int64) string {
	pos := res.r.pos
	if len(pos.Topics) == 0 {
		return ""
	}
	if age := time.Since(time.UnixMilli(pos.At)); age > maxAbsence {
		return fmt.Sprintf("it is %v old, and deletions may have been forgotten", age.Round(time.Minute))
	}
	for name, p := range pos.Topics {
		if p.ID != res.w.r.topicID[name] {
			return name + " is not the topic it was"
		}
	}
	for tp := range logs {
		p, ok := pos.Topics[tp.Topic]
		switch {
		case !ok:
			return "it knows nothing of " + tp.Topic
		case p.Next < starts[tp]:
			return fmt.Sprintf("%s begins at %d, after the %d it has", tp, starts[tp], p.Next)
		case p.Next > ends[tp]+1: // a marker may be on its way
			return fmt.Sprintf("%s ends at %d, before the %d it has", tp, ends[tp], p.Next)
		}
	}
	return ""
}

// wipe empties the store.
func (res *restore) wipe() error {
	res.rebuilt = true
	dir := res.r.dir
	if err := res.r.task.store.Close(); err != nil {
		return fmt.Errorf("close the state: %w", err)
	}
	res.r = nil
	if dir != "" {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove the state: %w", err)
		}
	}
	store, err := res.w.openStore(dir)
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	return res.attach(store, dir)
}

// follow reads every goal to its end.
func (res *restore) follow(ctx context.Context, goals map[kafka.TopicPartition]*goal) (err error) {
	if len(goals) == 0 {
		return nil
	}
	w := res.w
	behind := int64(0)
	for _, g := range goals {
		behind += g.to - g.from
	}
	leave, err := w.r.cfg.Tables.turn(ctx, behind)
	if err != nil {
		return err
	}
	defer leave()
	if store, ok := res.r.task.store.(state.Restorer); ok && behind >= longRead {
		if err := store.Restoring(true); err != nil {
			return fmt.Errorf("make the state ready for a long restore: %w", err)
		}
		defer func() {
			if err == nil {
				err = res.r.task.RestoreFlush(res.r.pos.encode(time.Now()))
			}
			if rerr := store.Restoring(false); err == nil {
				err = rerr
			}
		}()
	}
	f := w.r.cfg.Kafka.NewFetcher(w.limits.copying(0))
	defer f.Close()
	for tp, g := range goals {
		f.Add(tp, g.from)
	}
	logged := time.Now()
	var rec kafka.Record
	for len(goals) > 0 {
		chunks, err := f.Poll(ctx)
		if err != nil {
			return err
		}
		for i, c := range chunks {
			g := goals[c.TopicPartition]
			if g == nil {
				c.Release()
				continue
			}
			n := 0
			for err == nil && c.Next(&rec) && rec.Offset < g.to {
				n++
				if g.out >= 0 {
					err = res.r.task.Restore(g.out, rec.Key, rec.Value)
				} else {
					err = res.r.task.RestoreJoin(g.input, rec.Key, rec.Value)
				}
			}
			if err == nil {
				err = c.Err()
			}
			if err != nil {
				for _, c := range chunks[i:] {
					c.Release()
				}
				return fmt.Errorf("%s: %w", c.TopicPartition, err)
			}
			next := max(c.NextOffset(), g.from)
			if g.out < 0 {
				next = min(next, g.to)
			}
			res.read.Add(next - g.from)
			w.met.store.AddRestored(n)
			w.restoredRecords.Add(int64(n))
			w.met.store.SetRestoreRemaining(res.total.Load() - res.read.Load())
			g.from = next
			res.r.pos.Topics[c.Topic] = place{w.r.topicID[c.Topic], next}
			if next >= g.to {
				delete(goals, c.TopicPartition)
				f.Remove(c.TopicPartition)
			}
			c.Release()
		}
		if time.Since(logged) > 5*time.Second {
			logged = time.Now()
			rate, eta := res.progress(logged)
			w.log.Info("restoring", zap.Int32("partition", res.p), zap.Int64("of", res.total.Load()), zap.Int64("read", res.read.Load()), zap.Float64("per second", rate), zap.Duration("remaining", eta))
		}
	}
	return nil
}

// progress is offsets per second so far, and the time left at that rate.
func (res *restore) progress(now time.Time) (rate float64, eta time.Duration) {
	if d := now.Sub(res.started).Seconds(); d > 0 {
		rate = float64(res.read.Load()) / d
	}
	if left := res.total.Load() - res.read.Load(); rate > 0 && left > 0 {
		eta = time.Duration(float64(left) / rate * float64(time.Second))
	}
	return rate, eta
}
