package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/telemetry"
)

// Outcome is what became of a call into a task.
type Outcome uint8

// The outcomes.
const (
	Done  Outcome = iota // finished
	Again                // call again with the same record; there is more to do, a commit may come between
	Wait                 // call again with the same record, not before Task.RetryAt
)

// Sink takes what a task publishes, in order. The slices are valid during the
// call. out is an index of Task.Outputs. A value of nil is a tombstone.
type Sink interface {
	Append(out int, partition int32, ts int64, key, value, headers []byte, headerCount int)
}

// TaskConfig is what a task needs from its surroundings.
type TaskConfig struct {
	Partition  int32
	Store      state.Store
	Schemas    avro.SchemaSource        // the schemas of inputs
	SchemaID   func(topic string) int32 // the id that a topic's contract is registered under
	Partitions func(topic string) int   // the partitions an output has
	// View is the copy of a Lookup topic, whole or what the table's Keep leaves; may be nil without Lookup tables.
	View      func(topic string, table Dep) View
	Now       func() time.Time       // the time of day
	MaxRecord func(topic string) int // the largest record an output takes, with all around it; 0 or a nil function: any
	Decoders  *Decoders              // shared by the tasks of a process; nil for its own
	MaxAhead  time.Duration          // how far ahead of Now a record may move event time; below 1: without bound
}

// Task is one partition of a product: the engine without Kafka. It is a state
// machine without goroutines: records go in by Process, what it publishes comes
// out through a Sink, and its changes of state wait in an overlay until
// Committed. Not safe for concurrent use.
type Task struct {
	def   *definition
	cfg   TaskConfig
	p     int32
	store state.Store
	hashd state.Hashed // the store, where it takes hashes
	seed  maphash.Seed // of overlays and store
	exec  executor

	cur, sealed *state.Overlay // the open transaction's changes; those of the one being committed
	isSealed    bool
	batch       *state.Batch

	inputs  []taskInput
	outs    []taskOutput
	joins   []taskTable
	lookups []taskTable

	event, wall           dueQueue
	popped, sealedPopped  []due
	atOnce                bool // a timer was set that is due already
	clock, savedClock     int64
	horizon               *horizon
	aheads                int   // records beyond it, since they were told of
	farthest              int64 // the largest time of those
	pend                  pending
	org, last             current
	sticky                error
	attempts              int    // of the record at hand
	firing                string // the stored key of the timer that fired last, or is to be tried again
	firingTries           int    // of that timer; records may be processed between two of them
	unfired               int64  // up to when timers were being fired for a record when it was put off; the least time when none were
	asksRegistry          bool   // the record at hand waits for the registry
	retryAt               time.Time
	kbuf, vbuf, hbuf, tmp []byte
	counts, sealedCounts  []Counts
	limited               bool // some output has a limit
	keeps                 bool // some output takes the last record of a transaction only
}

// current is the record or timer at hand.
type current struct {
	input  int // -1 for a timer
	offset int64
	ts     int64
	source uint64
	n      int // identities given out
	trace  event.Trace
	skip   bool // nothing to do with it
	late   bool // no window was open for it
	framed bool // the schema of its value is named by a header

	generation uint32 // of a timer; see setDue
}

type taskInput struct {
	handlers []handler
	source   uint64
	drives   bool // its records move event time
}

type taskOutput struct {
	head       [avro.HeaderLen]byte
	partitions int
	tmpl       *event.Template
	limit      int             // of a record's bytes; 0 for none
	envelope   *event.Envelope // for records without trace
	box        any
	last       bool           // only the last record under a key is published in a transaction
	latest     *state.Overlay // those; nil before the first
}

type taskTable struct {
	prefix []byte
	row    any
	view   View
}

// Counts is how the records of one input ended, since the last commit.
type Counts struct {
	Outcomes [5]int // by telemetry.Outcome
	Reasons  [6]int // dead letters by telemetry.Reason
}

// executor is a product's typed part for one task.
type executor interface {
	closeWindow(key []byte) error
	fireTimer(name string, key []byte, at int64) error
	publishChanged(sink Sink)
}

// handler is one reaction to one input, for one task.
type handler interface{ handle(r *kafka.Record) error }

// NewTask makes the task of one partition over its store.
func NewTask(d Definition, cfg TaskConfig) (*Task, error) {
	def := d.definition()
	if def.err != nil {
		return nil, def.err
	}
	if cfg.Decoders == nil {
		cfg.Decoders = &Decoders{}
	}
	t := &Task{
		def: def, cfg: cfg, p: cfg.Partition, store: cfg.Store, clock: math.MinInt64, savedClock: math.MinInt64,
		unfired: math.MinInt64,
		inputs:  make([]taskInput, len(def.inputs)), outs: make([]taskOutput, len(def.outputs)),
		joins: make([]taskTable, len(def.joins)), lookups: make([]taskTable, len(def.lookups)),
		counts: make([]Counts, len(def.inputs)), sealedCounts: make([]Counts, len(def.inputs)),
	}
	t.horizon = &horizon{now: cfg.Now, ahead: cfg.MaxAhead}
	if h, ok := cfg.Store.(state.Hashed); ok {
		t.hashd, t.seed = h, h.Seed()
	} else {
		t.seed = maphash.MakeSeed()
	}
	t.cur, t.sealed = state.NewOverlay(t.seed), state.NewOverlay(t.seed)
	reacts := false // whether there is anything to react to in this partition, or only to re-key
	for _, in := range def.inputs {
		reacts = reacts || in.fold && int(t.p) < cfg.Partitions(in.info.Name)
	}
	for i, in := range def.inputs {
		t.inputs[i].source = event.Source(in.info.Name)
		t.inputs[i].drives = def.usesClock && (in.fold || !reacts)
	}
	for i, o := range def.outputs {
		t.outs[i].partitions = max(cfg.Partitions(o.info.Name), 1)
		t.outs[i].last = def.isLatest(o)
		t.keeps = t.keeps || t.outs[i].last
		if !o.raw {
			avro.AppendHeader(t.outs[i].head[:0], cfg.SchemaID(o.info.Name))
			t.outs[i].tmpl = event.NewTemplate("/"+o.info.Owner+"/"+def.name, eventType(o.info.Name))
			t.outs[i].envelope = t.outs[i].tmpl.Envelope()
		}
	}
	for i, j := range def.joins {
		t.joins[i].prefix = joinPrefix(j.info)
	}
	for i, l := range def.lookups {
		if t.lookups[i].view = cfg.View(l.info.Name, l.dep); t.lookups[i].view == nil {
			return nil, fmt.Errorf("product %s: no copy of %s", def.name, l.info.Name)
		}
	}
	t.learnLimits()
	if err := def.newExec(t); err != nil {
		return nil, err
	}
	if err := t.loadTimers(); err != nil {
		return nil, err
	}
	return t, nil
}

// eventType is a topic's name without its visibility.
func eventType(topic string) string {
	for _, p := range [...]string{"pub.", "priv."} {
		if len(topic) > len(p) && topic[:len(p)] == p {
			return topic[len(p):]
		}
	}
	return topic
}

func timerSource(product, key string, generation uint32) uint64 {
	if generation > 0 {
		key += "\x00" + strconv.FormatUint(uint64(generation), 10)
	}
	return event.Source(product + "\x00" + key)
}

// Process handles one record of an input, an index of [Inputs]. An error stops
// the product; every other failure has been dealt with by its policy.
func (t *Task) Process(input int, r *kafka.Record, sink Sink) (Outcome, error) {
	in := t.def.inputs[input]
	if moves := t.moves(input, r.Timestamp); moves || t.unfired > math.MinInt64 {
		// What was due when a record was put off comes first, whichever record is next: time has gone on to it.
		until := t.unfired
		if moves {
			until = max(until, r.Timestamp)
		}
		if t.event.next() <= until {
			if out, err := t.fire(until, math.MinInt64, fireAtOnce, sink); out != Done || err != nil {
				t.unfired = until
				return out, err
			}
		}
		t.unfired = math.MinInt64
		t.clock = max(t.clock, until)
	}
	t.org = current{input: input, offset: r.Offset, ts: r.Timestamp, source: t.inputs[input].source}
	if raw, n := r.RawHeaders(); n > 0 {
		t.headers(raw, n)
	}
	if t.refuses(in, r.Timestamp) {
		return t.failure(r, &rejected{ErrAhead}, sink)
	}
	if in.join >= 0 {
		t.joinRow(in.join, r)
	}
	return t.attempt(r, sink, nil)
}

// headers looks for what concerns the engine among a record's headers.
func (t *Task) headers(raw []byte, n int) {
	for range n {
		key, rest, ok := cutHeaderText(raw)
		if !ok {
			return
		}
		value, rest, ok := cutHeaderText(rest)
		if !ok {
			return
		}
		switch string(key) {
		case event.HeaderTraceParent:
			t.org.trace, _ = event.ParseTrace(value)
		case avro.ValueHeader:
			t.org.framed = true
		}
		raw = rest
	}
}

// cutHeaderText takes a key or value off encoded headers. The length of a null
// value is -1.
func cutHeaderText(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Varint(b)
	if size <= 0 || n > int64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(max(n, 0))
	return b[size:end:end], b[end:], true
}

// fireAtOnce bounds the timers between two looks at the clock of the runner.
const fireAtOnce = 4096

// Advance moves event time and the time of day on and fires what is due.
func (t *Task) Advance(event, wall time.Time, sink Sink) (Outcome, error) {
	if !t.def.usesClock {
		return Done, nil
	}
	out, err := t.fire(event.UnixMilli(), wall.UnixMilli(), fireAtOnce, sink)
	if out == Done && err == nil && len(t.def.inputs) > 0 && t.clock != math.MinInt64 {
		t.clock = max(t.clock, event.UnixMilli())
	}
	return out, err
}

// NextDue is when the next timer is due in event time and by the time of day;
// ok says whether there is one.
func (t *Task) NextDue() (event time.Time, eventOK bool, wall time.Time, wallOK bool) {
	e, w := t.event.next(), t.wall.next()
	return time.UnixMilli(e), e != math.MaxInt64, time.UnixMilli(w), w != math.MaxInt64
}

// keys is the number of entries of state; the event clock is none.
func (t *Task) keys() int {
	n := t.store.Len()
	if t.def.usesClock && n > 0 {
		if _, ok := t.store.Get([]byte{clockState}); ok {
			n--
		}
	}
	return n
}

// Timers is the number of entries in the timer queues, stale ones included.
func (t *Task) Timers() int { return len(t.event) + len(t.wall) }

// Clock is the task's event time; ok is false before the first record, and in
// products that do not use it.
func (t *Task) Clock() (at time.Time, ok bool) {
	return time.UnixMilli(t.clock), t.clock != math.MinInt64
}

// RetryAt is when a record that was answered with Wait may be tried again.
func (t *Task) RetryAt() time.Time { return t.retryAt }

// joinRow takes a joined table's change over. It cannot fail: an undecodable
// row is noticed by whoever reads it.
func (t *Task) joinRow(i int, r *kafka.Record) {
	t.kbuf = append(append(t.kbuf[:0], t.joins[i].prefix...), r.Key...)
	if r.Value == nil {
		t.pend.delete(t.kbuf)
	} else {
		t.pend.put(t.kbuf, r.Value)
	}
}

// stillJoined takes the row of a record over whose reaction did not go through, and whose changes have been thrown
// away: what a joined topic holds does not depend on whether somebody could react to it, as little as after a restart.
func (t *Task) stillJoined(r *kafka.Record, sink Sink) {
	if r == nil {
		return
	}
	if in := t.def.inputs[t.org.input]; in.join >= 0 {
		t.joinRow(in.join, r)
		t.flush(sink)
	}
}

// attempt runs the reactions to the record at hand, or fn for a timer, and
// carries out what they did or what the policy says.
func (t *Task) attempt(r *kafka.Record, sink Sink, fn func() error) (Outcome, error) {
	t.sticky = nil
	err := t.call(r, fn)
	if t.sticky != nil {
		err = t.sticky
	}
	if err == nil && t.limited {
		err = t.fits()
	}
	if err == nil {
		t.flush(sink)
		t.last = t.org
		t.count(telemetry.OutcomeOK)
		*t.tries() = 0
		return Done, nil
	}
	t.pend.reset()
	if _, ok := errors.AsType[*skipped](err); ok {
		*t.tries() = 0
		t.count(telemetry.OutcomeSkipped)
		t.stillJoined(r, sink)
		return Done, nil
	}
	return t.failure(r, err, sink)
}

func (t *Task) call(r *kafka.Record, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w\n%s", &panicked{p}, debug.Stack())
		}
	}()
	if fn != nil {
		return fn()
	}
	for _, h := range t.inputs[t.org.input].handlers {
		if err := h.handle(r); err != nil {
			return err
		}
	}
	return nil
}

// tries counts the failures of the record or timer at hand.
func (t *Task) tries() *int {
	if t.org.input < 0 {
		return &t.firingTries
	}
	return &t.attempts
}

func (t *Task) count(o telemetry.Outcome) {
	if t.org.input < 0 {
		return
	}
	if o == telemetry.OutcomeOK && t.org.skip {
		o = telemetry.OutcomeSkipped
	}
	t.counts[t.org.input].Outcomes[o]++
}

// flush carries out what the reaction did.
func (t *Task) flush(sink Sink) {
	for i := range t.pend.ops {
		o := &t.pend.ops[i]
		key, value := t.pend.of(o)
		if o.row {
			if o.gone {
				t.cur.DeleteHashed(key, o.hash)
				value = nil
			} else {
				t.cur.PutHashed(key, value, o.hash)
			}
			t.publish(sink, 0, o.partition, o.ts, key[1:], value)
			continue
		}
		if o.out >= 0 {
			if t.outs[o.out].last {
				t.keep(int(o.out), o.ts, key, value, o.gone)
				continue
			}
			if o.gone {
				value = nil
			}
			t.publish(sink, int(o.out), o.partition, o.ts, key, value)
			continue
		}
		if o.gone {
			t.cur.Delete(key)
			continue
		}
		t.cur.Put(key, value)
		if isDue(key[0]) {
			if at, _, ok := readDue(value); ok {
				t.queue(key).push(due{at, string(key)})
				t.atOnce = t.atOnce || at <= t.clock || at <= t.org.ts && t.org.input < 0
			}
		}
	}
	t.pend.reset()
}

// publish sends a record with its envelope.
func (t *Task) publish(sink Sink, out int, partition int32, ts int64, key, value []byte) {
	t.publishAs(sink, out, partition, ts, key, value, t.nextID(), &t.org.trace)
}

func (t *Task) publishAs(sink Sink, out int, partition int32, ts int64, key, value []byte, id event.ID, trace *event.Trace) {
	if trace.Valid() {
		var n int
		t.hbuf, n = t.outs[out].tmpl.Append(t.hbuf[:0], id, time.UnixMilli(ts), trace.ChildOf(id))
		sink.Append(out, partition, ts, key, value, t.hbuf, n)
		return
	}
	headers, n := t.outs[out].envelope.Set(id, ts)
	sink.Append(out, partition, ts, key, value, headers, n)
}

func (t *Task) partitionFor(out int, key []byte) int32 {
	return kafka.Partition(key, t.outs[out].partitions)
}

// get reads through the reaction's own changes, the open transaction, the one
// being committed, and the store.
func (t *Task) get(key []byte) ([]byte, bool) {
	return t.getHashed(key, maphash.Bytes(t.seed, key))
}

func (t *Task) getHashed(key []byte, hash uint64) ([]byte, bool) {
	if len(t.pend.ops) > 0 {
		if v, gone, ok := t.pend.get(key); ok {
			return v, !gone
		}
	}
	if v, gone, ok := t.cur.GetHashed(key, hash); ok {
		return v, !gone
	}
	if t.isSealed {
		if v, gone, ok := t.sealed.GetHashed(key, hash); ok {
			return v, !gone
		}
	}
	if t.hashd != nil {
		return t.hashd.GetHashed(key, hash)
	}
	return t.store.Get(key)
}

// Dirty says whether there is anything to commit besides positions.
func (t *Task) Dirty() bool { return t.cur.Len() > 0 }

// PendingBytes is the size of what the open transaction holds back: changes,
// and records that are published with the commit.
func (t *Task) PendingBytes() int {
	n := t.cur.Bytes()
	if t.keeps {
		n += t.latestBytes()
	}
	return n
}

// Seal ends the transaction: it publishes what is published per transaction,
// writes the changelog, and sets the changes aside until Committed or Rollback.
// The next transaction may be begun meanwhile; it reads through them. At most
// one transaction is sealed at a time.
func (t *Task) Seal(sink Sink) error {
	if err := t.store.Err(); err != nil {
		return fmt.Errorf("task %d of %s: the state cannot be read: %w", t.p, t.def.name, err)
	}
	if t.def.usesClock && t.clock != t.savedClock { // records that change nothing else move it too, and it must not go back
		var b [8]byte
		t.cur.Put([]byte{clockState}, appendTime(b[:0], t.clock))
		t.savedClock = t.clock
	}
	if t.def.spec.Emit == OnCommit {
		t.exec.publishChanged(sink)
		t.publishLatest(sink)
	}
	if t.def.side >= 0 {
		ts := t.cfg.Now().UnixMilli()
		t.cur.Range(func(key, value []byte, deleted bool) bool {
			if key[0] == joinRow || key[0] == rowState && t.def.ownChangelog {
				return true
			}
			if deleted {
				value = nil
			} else if value == nil {
				value = []byte{}
			}
			sink.Append(t.def.side, t.p, ts, key, value, nil, 0)
			return true
		})
	}
	t.cur, t.sealed = t.sealed, t.cur
	t.isSealed = true
	t.sealedPopped, t.popped = t.popped, t.sealedPopped[:0]
	t.counts, t.sealedCounts = t.sealedCounts, t.counts
	clear(t.counts)
	return nil
}

// Committed takes the sealed transaction into the store, together with the
// position, and returns how its records ended.
func (t *Task) Committed(position []byte) ([]Counts, error) {
	b := takeBatch()
	t.sealed.AppendTo(b)
	err := t.store.Apply(b, position)
	giveBatch(b)
	t.sealed.Release()
	t.isSealed = false
	clear(t.sealedPopped)
	t.sealedPopped = t.sealedPopped[:0]
	if errors.Is(err, state.ErrNotPersisted) {
		err = nil // readable; a restart replays more of the changelog. The store reports it in its Stats.
	}
	return t.sealedCounts, err
}

// Rollback forgets the sealed and the open transaction.
func (t *Task) Rollback() {
	for _, d := range slices.Concat(t.sealedPopped, t.popped) {
		t.queue([]byte(d.key)).push(d)
	}
	t.popped, t.sealedPopped = t.popped[:0], t.sealedPopped[:0]
	t.dropLatest()
	t.cur.Release()
	t.sealed.Release()
	t.isSealed = false
	t.attempts, t.firing, t.firingTries, t.unfired = 0, "", 0, math.MinInt64
	clear(t.counts)
	clear(t.sealedCounts)
	t.readClock()
}

// Restored tells the task that its store was changed from outside, by a
// restore.
func (t *Task) Restored() error {
	if t.batch != nil && t.batch.Len() > 0 {
		if err := t.RestoreFlush(t.store.Position()); err != nil {
			return err
		}
	}
	t.Rollback()
	t.learnLimits()
	return t.loadTimers()
}

// RestoreKey is the store key of a changelog record: of the output topic (own)
// or of the side changelog.
func restoreKey(dst []byte, own bool, key []byte) []byte {
	if own {
		dst = append(dst, rowState)
	}
	return append(dst, key...)
}
