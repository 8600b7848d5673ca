package stream

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/telemetry"
)

// worker runs one product in this process. Its loop is one goroutine that owns
// the tasks and everything about them; fetching, committing and restoring run
// beside it and report over channels.
type worker struct {
	r   *Runner
	def *definition
	log *zap.Logger

	prod  producer
	group membership
	fetch *kafka.Fetcher
	lead  string

	member  string
	limits  fetchLimits
	purge   purge
	horizon horizon // for the merge of inputs

	tasks     map[int32]*running
	byTP      map[kafka.TopicPartition]*queue
	restoring map[int32]*restore

	cur      *batch
	inflight *batch
	hold     txnHold // what both take
	sample   []int64 // memory for the next batch's
	failures int     // commits that failed in a row
	stall    stallWatch

	life     context.Context //nolint:containedctx // the commits' own lifetime: from run to the end of the stop
	chunks   chan []*kafka.Chunk
	results  chan error
	restored chan *restore
	asks     chan chan ProductStatus
	killed   chan error // by a test
	wg       sync.WaitGroup

	state           atomic.Pointer[ProductStatus]
	restoredRecords atomic.Int64 // changelog records read by restores
	drainC          drained
	ticked          time.Time
	passed          time.Time // when fireTimers ran last
	restricted      [len(restrictions)]bool
	met             workerMetrics
}

type workerMetrics struct {
	product *telemetry.Product
	proc    []*telemetry.Processor
	dlq     []*telemetry.DeadLetters
	outs    []*telemetry.Output
	store   *telemetry.Store
	group   *telemetry.Group
}

// batch is a transaction being built or committed.
type batch struct {
	txn       transaction
	tasks     []*running
	after     []position // by task: the position that holds once committed
	started   time.Time
	sealed    time.Time
	builders  [][]*kafka.BatchBuilder
	outs      []outCount
	records   int
	sample    []int64                        // event times, ms, of some of them
	changelog int                            // records
	rekeyed   map[kafka.TopicPartition]int64 // positions in topics that only this product reads
}

type outCount struct {
	upserts, tombstones int
	upBytes, tombBytes  int64
}

func newWorker(r *Runner, def *definition) *worker {
	w := &worker{
		r: r, def: def, log: r.cfg.Log.With(zap.String("product", def.name)),
		tasks: map[int32]*running{}, byTP: map[kafka.TopicPartition]*queue{}, restoring: map[int32]*restore{},
		chunks: make(chan []*kafka.Chunk), results: make(chan error, 1), restored: make(chan *restore),
		asks: make(chan chan ProductStatus), killed: make(chan error, 1),
		purge: purge{read: map[kafka.TopicPartition]int64{}, results: make(chan error, 1)},
		hold:  txnHold{m: r.cfg.TxnMemory}, limits: newFetchLimits(r.cfg.MaxFetchBytes), horizon: horizon{now: time.Now, ahead: r.cfg.MaxAhead},
	}
	m := r.cfg.Metrics
	w.met = workerMetrics{
		product: m.Product(def.name), store: m.Store(r.cfg.Service, def.name), group: m.Group(def.group),
	}
	for _, in := range def.inputs {
		w.met.proc = append(w.met.proc, m.Processor(r.cfg.Service, def.name, in.info.Name))
		w.met.dlq = append(w.met.dlq, m.DeadLetters(r.cfg.Service, in.info.Name))
	}
	for _, o := range def.outputs {
		w.met.outs = append(w.met.outs, m.Output(def.name, o.info.Name))
	}
	w.state.Store(&ProductStatus{Name: def.name, Group: def.group, State: Starting})
	return w
}

// leadTopic is the input whose partitions are the tasks: the one with most of
// them, the first by name among equals.
func (w *worker) leadTopic() string {
	lead := ""
	for _, in := range w.def.inputs { // sorted by name
		if lead == "" || w.r.parts[in.info.Name] > w.r.parts[lead] {
			lead = in.info.Name
		}
	}
	return lead
}

func (w *worker) run(ctx context.Context) (err error) {
	// Profiles tell the products of a process apart.
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, pprof.Labels("service", w.r.cfg.Service, "product", w.def.name)))
	slot, err := w.instance()
	if err != nil {
		return err
	}
	if w.member, err = w.note("member-id"); err != nil {
		return err
	}
	w.lead = w.leadTopic()
	if w.prod, err = w.connectProducer(ctx, w.def.group+"-"+slot); err != nil {
		return fmt.Errorf("product %s: %w", w.def.name, err)
	}
	if w.r.cfg.wrap != nil {
		w.prod = w.r.cfg.wrap(w.prod)
	}
	w.fetch = w.r.cfg.Kafka.NewFetcher(kafka.FetchConfig{MaxWait: idleFetch, MaxBufferedBytes: w.limits.buffered, MaxPartitionBytes: w.limits.partition})
	w.group = w.joinGroup(w.member) //nolint:contextcheck // a membership outlives ctx: it ends by leaving, when the tasks have been closed
	side, stopSide := context.WithCancel(context.WithoutCancel(ctx))
	w.life = side
	w.wg.Go(func() { w.poll(side) })
	err = w.loop(ctx)
	w.hold.committed()
	w.hold.dropped()
	stopSide()
	w.fetch.Close()
	for p := range w.restoring {
		w.cancelRestore(p)
	}
	if errors.Is(err, errCrashed) {
		w.wg.Wait() // neither left nor closed: as after a kill
		w.closeTasks(false)
		return err
	}
	if err != nil {
		w.log.Error("product stopped", zap.Error(err))
	}
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.r.cfg.StopTimeout)
	defer cancel()
	w.closeTasks(err == nil)
	if lerr := w.group.leave(leave); lerr != nil {
		w.log.Warn("leave the group", zap.Error(lerr))
	}
	w.wg.Wait()
	w.prod.close()
	return err
}

// idleFetch is how long a broker may wait for records: it answers at once when
// there are some, so this is only how often a product that has nothing to do
// asks again. Processes have dozens of products.
const idleFetch = 3 * time.Second

var errCrashed = errors.New("crashed by a test")

func (w *worker) crash(point string) error {
	if w.r.cfg.crash == nil {
		return nil
	}
	if err := w.r.cfg.crash(point); err != nil {
		return errors.Join(errCrashed, err)
	}
	return nil
}

// crashBeside is crash for goroutines other than the loop, which is told.
func (w *worker) crashBeside(point string) error {
	err := w.crash(point)
	if err != nil {
		select {
		case w.killed <- err:
		default: // it is being told already
		}
	}
	return err
}

// poll hands fetched chunks to the loop.
func (w *worker) poll(ctx context.Context) {
	for {
		cs, err := w.fetch.Poll(ctx)
		if err != nil {
			return // closed or cancelled: Poll has no other errors
		}
		select {
		case w.chunks <- append([]*kafka.Chunk(nil), cs...):
		case <-ctx.Done():
			for _, c := range cs {
				c.Release()
			}
			return
		}
	}
}

func (w *worker) loop(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		worked, err := w.work() //nolint:contextcheck // it asks what is known already, without waiting
		if err != nil {
			return err
		}
		if err := w.maybeCommit(false); err != nil { //nolint:contextcheck // a commit must end, whatever becomes of ctx
			return err
		}
		if worked {
			timer.Reset(0)
		} else {
			timer.Reset(w.nextWake())
		}
		select {
		case <-ctx.Done():
			return w.stop(ctx)
		case ev := <-w.group.events():
			if err := w.onGroup(ctx, ev); err != nil {
				return err
			}
		case err := <-w.results:
			if err := w.onResult(ctx, err); err != nil {
				return err
			}
		case cs := <-w.chunks:
			w.met.group.Polled(time.Now())
			if err := w.onChunks(cs); err != nil { //nolint:contextcheck // what it may ask has the lifetime of the commits
				return err
			}
		case res := <-w.restored:
			if err := w.onRestored(res); err != nil {
				return err
			}
		case err := <-w.purge.results:
			w.onPurged(err)
		case err := <-w.killed:
			return err
		case ask := <-w.asks:
			w.publishStatus() // who looks next must not see less than the one who asked was told
			ask <- *w.state.Load()
		case <-timer.C:
		}
		if now := time.Now(); now.Sub(w.ticked) >= time.Second {
			w.tick(now)
			w.maybePurge(now) //nolint:contextcheck // it has the lifetime of the commits
		}
	}
}

// stop commits what has been done before a graceful end.
func (w *worker) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.r.cfg.StopTimeout)
	defer cancel()
	if err := w.drain(ctx); err != nil {
		return fmt.Errorf("product %s: commit before the stop: %w", w.def.name, err)
	}
	return nil
}

// drain commits everything and waits for it.
func (w *worker) drain(ctx context.Context) error {
	for w.cur != nil || w.inflight != nil {
		if err := w.maybeCommit(true); err != nil { //nolint:contextcheck // a commit must end, whatever becomes of ctx
			return err
		}
		if w.inflight == nil {
			continue
		}
		select {
		case err := <-w.results:
			if err := w.onResult(ctx, err); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *worker) onChunks(cs []*kafka.Chunk) error {
	for _, c := range cs {
		q := w.byTP[c.TopicPartition]
		if q == nil {
			c.Release()
			continue
		}
		q.push(c)
		if q.err != nil {
			return w.unreadable(q)
		}
		if q.bytes >= w.limits.pause && !q.paused {
			q.paused = true
			w.fetch.Pause(q.tp)
		}
	}
	return w.crash(crashAfterRead)
}

// full says whether the open transaction is to be committed at once. What it
// changes counts as well as what it publishes.
func (w *worker) full() bool {
	if w.cur == nil {
		return false
	}
	n := w.cur.txn.bytes()
	for _, r := range w.cur.tasks {
		n += r.task.PendingBytes()
	}
	return w.hold.grown(n) || n >= w.r.cfg.MaxTxnBytes
}

// quantum is how many records one task may process before the others are looked
// at: event time then stays close together between partitions.
const quantum = 256

// sizeEvery is after how many records the size of the transaction is looked at: a record can bring a thousand timers.
const sizeEvery = 16

// The latency of one record in so many is observed, and of so many in a
// transaction: a quiet product's first records, and a fair part of a busy one's.
const (
	sampleEvery = 64
	maxSample   = 256
)

// work processes some records, or fires timers. It reports whether there may be
// more to do at once.
func (w *worker) work() (bool, error) {
	now := time.Now()
	if w.full() {
		return false, nil // full, and the one before it is not through yet
	}
	var best *running
	var bestQ *queue
	for _, r := range w.tasks {
		if r.retry && now.Before(r.task.RetryAt()) {
			continue
		}
		q, ok := r.pick(func() time.Time { return now }, w.r.cfg.MergeWait)
		if ok && (best == nil || q.at < bestQ.at) {
			best, bestQ = r, q
		}
	}
	if best == nil || now.Sub(w.passed) >= passEvery {
		w.passed = now
		worked, err := w.fireTimers(now)
		switch {
		case err != nil || best == nil:
			return worked, err
		case w.full() || best.retry:
			return true, nil
		}
	}
	best.active = now
	s := w.open(best)
	start := bestQ
	for i := range quantum {
		if i%sizeEvery == sizeEvery-1 && w.full() {
			break
		}
		out, err := best.task.Process(bestQ.input, &bestQ.head, s)
		if err != nil {
			return false, err
		}
		if best.retry = out == Wait; out != Done {
			break
		}
		w.cur.records++
		if w.cur.records%sampleEvery == 1 && len(w.cur.sample) < maxSample {
			w.cur.sample = append(w.cur.sample, bestQ.head.Timestamp)
		}
		bestQ.done()
		if bestQ.err != nil {
			return false, w.unreadable(bestQ)
		}
		if bestQ.paused && bestQ.bytes <= w.limits.resume {
			bestQ.paused = false
			w.fetch.Resume(bestQ.tp)
		}
		var ok bool
		if bestQ, ok = best.pick(func() time.Time { return now }, w.r.cfg.MergeWait); !ok {
			break
		}
	}
	best.live = best.task.isRecent(now)
	if d := time.Since(now); w.met.proc[start.input] != nil {
		w.met.proc[start.input].Observe(d)
	}
	return true, nil
}

// passEvery is how often time passes while there are records to process: one
// task's backlog must not hold up what is due by the time of day, or in others.
const passEvery = time.Second

// fireTimers lets time pass for tasks that have nothing else to do, and fires what is due by the time of day in all.
func (w *worker) fireTimers(now time.Time) (bool, error) {
	worked := false
	for _, r := range w.tasks {
		if r.retry && now.Before(r.task.RetryAt()) {
			continue
		}
		e, eok, wall, wok := r.task.NextDue()
		var until time.Time
		if eok {
			if at, ok := w.idleSince(r, e, now); ok {
				until = at
			}
		}
		if until.IsZero() && (!wok || wall.After(now)) {
			continue
		}
		pass := r.task.FireDue
		if r.live {
			pass = r.task.Advance
		}
		out, err := pass(until, now, w.open(r))
		if err != nil {
			return false, err
		}
		r.retry = out == Wait
		worked = worked || out != Wait
		if w.full() {
			break
		}
	}
	return worked, nil
}

// nextWake is how long the loop may sleep when nothing arrives.
func (w *worker) nextWake() time.Duration {
	now := time.Now()
	wake := now.Add(time.Second) // status and metrics
	sooner := func(t time.Time) {
		if t.Before(wake) {
			wake = t
		}
	}
	if w.cur != nil && w.inflight == nil {
		sooner(w.cur.started.Add(w.interval()))
	}
	if w.full() {
		return max(wake.Sub(now), 0) // nothing is processed before the commit under way ends, which wakes the loop
	}
	for _, r := range w.tasks {
		if r.retry {
			sooner(r.task.RetryAt())
			continue
		}
		if r.waits() {
			sooner(r.blocked.Add(w.r.cfg.MergeWait))
		}
		e, eok, wall, wok := r.task.NextDue()
		if wok {
			sooner(wall)
		}
		if eok && r.idle() {
			if at, ok := w.wakeFor(r, e, now); ok {
				sooner(at)
			}
		}
	}
	return max(wake.Sub(now), 0)
}
