package streamtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// TB is the part of testing.TB that a driver needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
	Cleanup(fn func())
}

// Driver runs products. See the package documentation.
type Driver struct {
	t        TB
	now      time.Time
	topics   map[string]*topic
	products []*product
	ids      map[string]int32
	schemas  []string
	parts    int
	seen     map[string]int // records of a topic that Run has shown
	show     []string       // topics that Run shows; all where empty
}

// Option adjusts a Driver.
type Option func(*Driver)

// Partitions gives every topic n partitions instead of one, but those whose
// contract says one: they bring everything together.
func Partitions(n int) Option { return func(d *Driver) { d.parts = n } }

// Start sets the clock, which is 2011-12-01T00:00:00Z otherwise.
func Start(at time.Time) Option { return func(d *Driver) { d.now = at.UTC() } }

type record struct {
	ts      int64
	key     []byte
	value   []byte
	headers []byte
	count   int
}

type topic struct {
	info  *schemas.Info
	ref   stream.TopicRef // nil for raw topics
	parts [][]record
	order []place // records of all partitions in the order they were written
}

type place struct {
	part int32
	n    int
}

type product struct {
	d     *Driver
	def   stream.Definition
	ins   []stream.Input
	outs  []stream.Output
	tasks []*task
	decs  *stream.Decoders
}

type task struct {
	p      *product
	part   int32
	store  state.Store
	task   *stream.Task
	pos    []int
	staged []staged
}

type staged struct {
	out  int
	part int32
	rec  record
}

// New makes a driver for the products. A wrong definition fails the test.
func New(t TB, args ...any) *Driver {
	t.Helper()
	d := &Driver{t: t, now: time.Date(2011, 12, 1, 0, 0, 0, 0, time.UTC), topics: map[string]*topic{}, ids: map[string]int32{}, parts: 1, seen: map[string]int{}}
	var defs []stream.Definition
	for _, a := range args {
		switch a := a.(type) {
		case Option:
			a(d)
		case stream.Definition:
			defs = append(defs, a)
		default:
			t.Fatalf("streamtest.New: %T is neither a product nor an option", a)
		}
	}
	for _, def := range defs {
		p := &product{d: d, def: def, ins: stream.Inputs(def), outs: stream.Outputs(def), decs: &stream.Decoders{}}
		for _, in := range p.ins {
			d.topic(in.Info, in.Ref)
		}
		for _, o := range p.outs {
			d.topic(o.Info, o.Ref)
		}
		for _, l := range stream.Lookups(def) {
			d.topic(l.TopicInfo(), l)
		}
		for i := range d.parts {
			p.tasks = append(p.tasks, p.newTask(int32(i), nil))
		}
		d.products = append(d.products, p)
	}
	t.Cleanup(func() {
		for _, p := range d.products {
			for _, k := range p.tasks {
				if err := k.store.Close(); err != nil {
					t.Errorf("close store: %v", err)
				}
			}
		}
	})
	return d
}

func (d *Driver) topic(info *schemas.Info, ref stream.TopicRef) *topic {
	t := d.topics[info.Name]
	if t == nil {
		t = &topic{info: info, parts: make([][]record, d.partsOf(info))}
		d.topics[info.Name] = t
		d.schemas = append(d.schemas, info.Schema)
		d.ids[info.Name] = int32(len(d.schemas))
	}
	if t.ref == nil {
		t.ref = ref
	}
	return t
}

// partsOf is how many partitions a topic has here.
func (d *Driver) partsOf(info *schemas.Info) int {
	if info.Partitions == 1 {
		return 1
	}
	return d.parts
}

// in are the records of a partition, none where the topic has no such one.
func (t *topic) in(part int32) []record {
	if int(part) >= len(t.parts) {
		return nil
	}
	return t.parts[part]
}

func (t *topic) append(part int32, r record) {
	t.order = append(t.order, place{part, len(t.parts[part])})
	t.parts[part] = append(t.parts[part], r)
}

func (p *product) newTask(part int32, pos []int) *task {
	store, err := state.OpenMemory("", state.Options{})
	if err != nil {
		p.d.t.Fatalf("open store: %v", err)
	}
	k := &task{p: p, part: part, store: store, pos: pos}
	if k.pos == nil {
		k.pos = make([]int, len(p.ins))
	}
	k.task, err = stream.NewTask(p.def, stream.TaskConfig{
		Partition: part, Store: store, Schemas: p.d, Decoders: p.decs,
		SchemaID:   func(name string) int32 { return p.d.ids[name] },
		Partitions: func(name string) int { return len(p.d.topics[name].parts) },
		View:       func(name string, _ stream.Dep) stream.View { return view{p.d.topics[name]} },
		Now:        func() time.Time { return p.d.now },
	})
	if err != nil {
		p.d.t.Fatalf("%v", err)
	}
	return k
}

// SchemaByID makes the driver the registry of its products.
func (d *Driver) SchemaByID(_ context.Context, id int) (string, error) {
	if id < 1 || id > len(d.schemas) {
		return "", fmt.Errorf("schema %d: %w", id, avro.ErrUnknownSchema)
	}
	return d.schemas[id-1], nil
}

// SchemaByGUID knows none.
func (d *Driver) SchemaByGUID(_ context.Context, guid [16]byte) (string, error) {
	return "", fmt.Errorf("schema %x: %w", guid, avro.ErrUnknownSchema)
}

// view is the newest row of each key of an in-memory topic.
type view struct{ t *topic }

func (v view) Get(dst, key []byte) ([]byte, bool) {
	for _, part := range v.t.parts {
		for _, p := range slices.Backward(part) {
			if bytes.Equal(p.key, key) {
				return append(dst, p.value...), p.value != nil
			}
		}
	}
	return dst, false
}

// Append makes a task's driver side a stream.Sink.
func (k *task) Append(out int, part int32, ts int64, key, value, headers []byte, count int) {
	k.staged = append(k.staged, staged{out, part, record{ts, slices.Clone(key), slices.Clone(value), slices.Clone(headers), count}})
}

// commit ends the task's transaction.
func (k *task) commit() {
	if err := k.task.Seal(k); err != nil {
		k.p.d.t.Fatalf("%v", err)
	}
	for _, s := range k.staged {
		k.p.d.topics[k.p.outs[s.out].Info.Name].append(s.part, s.rec)
	}
	k.staged = k.staged[:0]
	if _, err := k.task.Committed([]byte{1}); err != nil {
		k.p.d.t.Fatalf("%v", err)
	}
}

// Now is the driver's time of day.
func (d *Driver) Now() time.Time { return d.now }

// At moves the clock to a time, RFC 3339, without firing timers.
func (d *Driver) At(at string) *Driver {
	d.t.Helper()
	v, err := time.Parse(time.RFC3339, at)
	if err != nil {
		d.t.Fatalf("At: %v", err)
	}
	d.now = v.UTC()
	return d
}

// Advance moves the clock on. Inputs count as idle, so event time follows it,
// and everything due fires in order, step by step through all products.
func (d *Driver) Advance(by time.Duration) {
	d.t.Helper()
	until := d.now.Add(by)
	for {
		next := until
		for _, p := range d.products {
			for _, k := range p.tasks {
				e, eok, w, wok := k.task.NextDue()
				if eok && e.Before(next) {
					next = e
				}
				if wok && w.Before(next) {
					next = w
				}
			}
		}
		if next.After(d.now) {
			d.now = next.UTC()
		}
		for _, p := range d.products {
			for _, k := range p.tasks {
				d.drive(k, func() (stream.Outcome, error) { return k.task.Advance(d.now, d.now, k) })
				k.commit()
			}
		}
		d.Pump()
		if !d.now.Before(until) {
			return
		}
	}
}

// drive repeats a call into a task until it is done; waiting moves the clock.
func (d *Driver) drive(k *task, call func() (stream.Outcome, error)) {
	d.t.Helper()
	for {
		out, err := call()
		if err != nil {
			d.t.Fatalf("%v", err)
		}
		switch out {
		case stream.Done:
			return
		case stream.Again:
		case stream.Wait:
			if at := k.task.RetryAt(); at.After(d.now) {
				d.now = at
			}
		}
	}
}

// Pump runs the products until nothing moves any more. Send and Advance do it.
func (d *Driver) Pump() {
	d.t.Helper()
	for moved := true; moved; {
		moved = false
		for _, p := range d.products {
			for _, k := range p.tasks {
				if d.step(k) {
					moved = true
				}
			}
		}
	}
}

// step feeds a task everything there is, oldest first, in one transaction.
func (d *Driver) step(k *task) bool {
	d.t.Helper()
	moved := false
	for {
		best := -1
		var head record
		for i, in := range k.p.ins {
			recs := d.topics[in.Info.Name].in(k.part)
			if k.pos[i] >= len(recs) {
				continue
			}
			ts := recs[k.pos[i]].ts
			if best < 0 || ts < head.ts || ts == head.ts && in.Rank < k.p.ins[best].Rank {
				best, head = i, recs[k.pos[i]]
			}
		}
		if best < 0 {
			break
		}
		r := kafka.Record{Offset: int64(k.pos[best]), Timestamp: head.ts, Key: head.key, Value: head.value}
		d.drive(k, func() (stream.Outcome, error) { return k.task.Process(best, &r, k) })
		k.pos[best]++
		moved = true
	}
	if moved {
		k.commit()
	}
	return moved
}

// Restart drops every task and rebuilds it from its changelog, as another
// instance would.
func (d *Driver) Restart() {
	d.t.Helper()
	for _, p := range d.products {
		for i, k := range p.tasks {
			fresh := p.newTask(k.part, k.pos)
			for o, out := range p.outs {
				for _, r := range d.topics[out.Info.Name].in(k.part) {
					if err := fresh.task.Restore(o, r.key, r.value); err != nil {
						d.t.Fatalf("%v", err)
					}
				}
			}
			for n, in := range p.ins {
				if !in.Join {
					continue
				}
				for _, r := range d.topics[in.Info.Name].in(k.part)[:k.pos[n]] {
					if err := fresh.task.RestoreJoin(n, r.key, r.value); err != nil {
						d.t.Fatalf("%v", err)
					}
				}
			}
			if err := fresh.task.Restored(); err != nil {
				d.t.Fatalf("%v", err)
			}
			if err := k.store.Close(); err != nil {
				d.t.Fatalf("%v", err)
			}
			p.tasks[i] = fresh
		}
	}
}
