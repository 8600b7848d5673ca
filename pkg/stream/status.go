package stream

import (
	"context"
	"fmt"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/telemetry"
)

// State is what a product is doing.
type State uint8

// The states of a product in this process.
const (
	Starting  State = iota
	Restoring       // at least one of its partitions is being restored
	Running         // processing
	CaughtUp        // processed everything there was
	Stopped
)

func (s State) String() string {
	return [...]string{"starting", "restoring", "running", "caught up", "stopped"}[s]
}

// MarshalText writes the state in words.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ProductStatus is how a product is doing in this process.
type ProductStatus struct {
	Name      string
	Group     string
	State     State
	At        time.Time         // when the product said so
	Err       string            `json:",omitempty"` // why it stopped
	Stalled   string            `json:",omitempty"` // why nothing is committed although there is work, or nobody knows
	Tasks     int               // partitions owned, restored ones only
	Restores  []RestoreStatus   `json:",omitempty"`
	Inputs    []PartitionStatus // of the partitions owned
	Timers    int               // pending ones
	TimersDue int               // of which are due by the time of day and wait for idle inputs or their turn
	Pending   bool              // a transaction is open or being committed
	Keys      int               // entries of state: rows, joined rows, timers, ids seen
	Bytes     int64             // their size

	patience time.Duration // how old this may be
}

// RestoreStatus is how far a restore has come.
type RestoreStatus struct {
	Partition int32
	Read      int64         // offsets
	Total     int64         // offsets
	Rate      float64       // offsets per second
	ETA       time.Duration // at that rate
}

// PartitionStatus is how far an input partition has been processed.
type PartitionStatus struct {
	Topic     string
	Partition int32
	Next      int64 // next offset to process
	End       int64 // last known end of committed records, -1 while unknown
}

// Status is how the products are doing, as of their last commit or a moment
// ago.
func (r *Runner) Status() []ProductStatus {
	all := make([]ProductStatus, 0, len(r.workers))
	for _, w := range r.workers {
		all = append(all, *w.state.Load())
	}
	return all
}

// Ready says whether every product is past its restore and commits what there
// is to do; see [ProductStatus.Unready].
func (r *Runner) Ready() bool {
	now := time.Now()
	for _, w := range r.workers {
		if w.state.Load().Unready(now) != "" {
			return false
		}
	}
	return true
}

// CaughtUp says whether everything that is in the inputs has been processed and
// committed, and no timer is due. With all instances of the products in this
// process it is conclusive: nothing will move until something new arrives.
func (r *Runner) CaughtUp(ctx context.Context) (bool, error) {
	next := map[kafka.TopicPartition][]int64{}
	for _, w := range r.workers {
		ask := make(chan ProductStatus, 1)
		select {
		case w.asks <- ask:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		s := <-ask
		if s.State != CaughtUp {
			return false, nil
		}
		for _, in := range s.Inputs {
			tp := kafka.TopicPartition{Topic: in.Topic, Partition: in.Partition}
			next[tp] = append(next[tp], in.Next)
		}
	}
	// The ends are asked for after all products have said they were idle, so whatever one of them published before is
	// in them. High watermarks, not last stable offsets: a broker answers a commit before it has written the markers
	// that make the records of the transaction readable.
	tps := make([]kafka.TopicPartition, 0, len(next))
	for tp := range next {
		tps = append(tps, tp)
	}
	ends, err := r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadUncommitted)
	if err != nil {
		return false, fmt.Errorf("ends of inputs: %w", err)
	}
	for tp, ns := range next {
		for _, n := range ns {
			if n < ends[tp] {
				return false, nil
			}
		}
	}
	return true, nil
}

func (w *worker) setState(s State, err error) {
	st := *w.state.Load()
	st.State = s
	if err != nil {
		st.Err = err.Error()
	}
	w.state.Store(&st)
}

// publishStatus makes the worker's status visible and sets its gauges.
func (w *worker) publishStatus() {
	s := w.status()
	w.state.Store(&s)
	w.met.store.SetSize(s.Keys, s.Bytes)
	w.met.store.SetChangelogLag(w.changelogLag(&s))
	if s.State == CaughtUp {
		w.met.product.SetWatermark(time.Now())
		return
	}
	oldest := int64(0)
	for _, r := range w.tasks {
		for _, q := range r.inputs {
			if q.has && (oldest == 0 || q.head.Timestamp < oldest) {
				oldest = q.head.Timestamp
			}
		}
	}
	if oldest > 0 {
		w.met.product.SetWatermark(time.UnixMilli(oldest))
	}
}

// changelogLag is how many records of the changelogs the stores have not taken
// in: those a restore still has to read, and those of transactions that are not
// known to be committed.
func (w *worker) changelogLag(s *ProductStatus) (n int64) {
	for _, r := range s.Restores {
		n += r.Total - r.Read
	}
	for _, b := range [...]*batch{w.cur, w.inflight} {
		if b != nil {
			n += int64(b.changelog)
		}
	}
	return n
}

// degraded tells under which restrictions the product works at present.
func (w *worker) degraded() {
	state, registry := false, false
	for _, r := range w.tasks {
		state = state || r.task.store.Stats().Err != nil
		registry = registry || r.retry && r.task.asksRegistry
	}
	m, service := w.r.cfg.Metrics, w.r.cfg.Service
	for i, is := range [...]bool{state, registry, w.failures > 0} {
		if is != w.restricted[i] { // the gauge is that of the service: see restrict
			w.restricted[i] = is
			w.r.restrict(m, service, i, is)
		}
	}
}

// Restrictions, as reasons of the degraded gauge.
var restrictions = [...]string{"state_not_persisted", "registry_unreachable", "commits_failing"}

// restrict counts the products under a restriction; the service works under it
// while there is one.
func (r *Runner) restrict(m *telemetry.Metrics, service string, i int, is bool) {
	n := int32(-1)
	if is {
		n = 1
	}
	m.SetDegraded(service, restrictions[i], r.restricted[i].Add(n) > 0)
}

func (w *worker) status() ProductStatus {
	now := time.Now()
	s := ProductStatus{Name: w.def.name, Group: w.def.group, At: now, State: Running, Tasks: len(w.tasks), Stalled: w.stalled(now), patience: w.r.stallLimit() + StatusEvery, Pending: w.cur != nil || w.inflight != nil}
	idle := len(w.tasks) > 0 && !s.Pending
	for _, r := range w.tasks {
		idle = idle && r.idle()
		for _, q := range r.inputs {
			s.Inputs = append(s.Inputs, PartitionStatus{q.tp.Topic, q.tp.Partition, q.next, q.known()})
		}
		s.Timers += r.task.Timers()
		e, eok, wall, wok := r.task.NextDue()
		if eok && !e.After(now) || wok && !wall.After(now) {
			s.TimersDue++
		}
		s.Keys += r.task.keys()
		s.Bytes += r.task.store.Bytes()
	}
	for _, res := range w.restoring {
		rate, eta := res.progress(now)
		s.Restores = append(s.Restores, RestoreStatus{res.p, res.read.Load(), res.total.Load(), rate, eta})
	}
	switch {
	case len(w.restoring) > 0:
		s.State = Restoring
	case len(w.tasks) == 0 && (w.group == nil || w.group.meta().Epoch <= 0):
		s.State = Starting
	case idle && s.TimersDue == 0:
		s.State = CaughtUp
	}
	return s
}
