package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/schemas"
)

// TopicRef is a topic whatever its types; every [schemas.Topic] is one.
type TopicRef interface{ TopicInfo() *schemas.Info }

// EmitMode says when changed rows are published.
type EmitMode uint8

// The emit modes.
const (
	EveryUpdate EmitMode = iota // every change of a row is one record
	OnCommit                    // one record per changed row and transaction, with the last value; so also in states it emits to
	OnClose                     // one record per window, when it closes
)

func (m EmitMode) String() string { return [...]string{"every update", "on commit", "on close"}[m] }

// StoreKind says where the state of a product lives.
type StoreKind uint8

// The kinds of store.
const (
	Memory StoreKind = iota // in memory, with local snapshots
	Disk                    // in Pebble, for state larger than memory
)

func (k StoreKind) String() string { return [...]string{"memory", "disk"}[k] }

// Spec is what a product is beyond its reactions.
type Spec struct {
	Name    string     // short name; default: the name part of the output topic
	Group   string     // consumer group; default <owner>.<context>.<name>-cg, with -v2 after the name for a second major version
	Doc     string     // one sentence for describe; default: the contract's
	OnError Policy     // what happens to records that fail
	Uses    []Dep      // every Join and Lookup table that reactions read
	Window  Windows    // how event time is cut; none by default
	Ahead   AheadMode  // what happens to records from the future; by default they are processed
	Emit    EmitMode   // when rows are published
	Store   StoreKind  // where state lives
	Emits   []TopicRef // every topic that reactions Emit to, besides the output itself
}

// Definition is a product of any types: what runners, test drivers and describe
// take.
type Definition interface{ definition() *definition }

// Product is a data product: a keyed table with typed reactions. It is an
// immutable value, made by [Define].
type Product[K, V any] struct {
	out *schemas.Topic[K, V]
	def *definition
}

func (p *Product[K, V]) definition() *definition { return p.def }

// Output is the topic the product's rows are published to.
func (p *Product[K, V]) Output() *schemas.Topic[K, V] { return p.out }

// Err is what is wrong with the definition, nil if nothing is. Runners and test
// drivers refuse a wrong one with this error.
func (p *Product[K, V]) Err() error { return p.def.err }

// Define declares the product whose rows out publishes. It never fails: a
// mistake is reported by [Product.Err] and by whoever is asked to run it.
func Define[K, V any](out *schemas.Topic[K, V], spec Spec, reactions ...Reaction[K, V]) *Product[K, V] {
	b := &builder[K, V]{def: newDefinition(out, spec), out: out, late: map[string]any{}, gone: map[string]func(*Ctx[K, V]) error{}}
	for _, r := range reactions {
		if r.build == nil {
			b.def.fail("empty reaction")
			continue
		}
		r.build(b)
	}
	b.def.newExec = func(t *Task) error { return newExec(b, t) }
	b.finish()
	return &Product[K, V]{out: out, def: b.def}
}

// definition is a product without its types.
type definition struct {
	name, group, doc string
	out              *schemas.Info
	spec             Spec
	policy           Policy

	inputs  []*inputDef
	outputs []*outputDef // the product's own topic first
	joins   []*tableDef
	lookups []*tableDef
	timers  []string

	outDLQ       int // dead letters of timers: they come from no input; -1 when there are no timers
	side         int // side changelog, -1 when there is none
	ownChangelog bool
	usesClock    bool

	newExec func(t *Task) error
	err     error
}

// inputDef is a topic the product consumes, with everything that reacts to it.
type inputDef struct {
	ref      TopicRef
	info     *schemas.Info
	fold     bool     // reactions consume it: it drives the event clock
	via      []string // the topics that KeyBy stages re-key it to
	join     int      // index of the table it feeds, -1 for none
	internal bool     // written by the product itself (re-keyed)
	dlq      int      // index of its dead-letter output
	distinct bool
	rank     int // place in the declaration, joined tables first: what comes first of records of one time
}

type outputKind uint8

const (
	outTable outputKind = iota
	outEvent
	outVia
	outSide
	outDead
)

func (k outputKind) String() string {
	return [...]string{"table", "event", "re-keyed", "changelog", "dead letter"}[k]
}

type outputDef struct {
	kind outputKind
	ref  TopicRef      // nil for changelog and dead letters
	info *schemas.Info // always set
	raw  bool          // values carry no schema id
}

type tableDef struct {
	dep     Dep
	info    *schemas.Info
	ref     TopicRef
	reducer func(source avro.SchemaSource) (reducer, error) // of a Lookup with a Keep
}

func newDefinition(out TopicRef, spec Spec) *definition {
	d := &definition{spec: spec, out: out.TopicInfo(), policy: spec.OnError.orDefault(), side: -1, outDLQ: -1}
	parts := strings.Split(d.out.Name, ".")
	if len(parts) != 6 {
		d.fail("topic name %q is not (pub|priv).<mesh>.<context>.<name>.<kind>.v<major>", d.out.Name)
		parts = []string{"priv", "ecomm", "unknown", d.out.Name, "state", "v1"}
	}
	d.name, d.group, d.doc = spec.Name, spec.Group, spec.Doc
	if d.name == "" {
		d.name = parts[3]
	}
	if d.group == "" {
		owner := d.out.Owner
		if owner == "" {
			owner = parts[1]
		}
		version := ""
		if parts[5] != "v1" { // a topic of its own is made from all there is, so what the first one has read does not count
			version = "-" + parts[5]
		}
		d.group = owner + "." + parts[2] + "." + d.name + version + "-cg"
	}
	if d.doc == "" {
		d.doc = d.out.Doc
	}
	d.outputs = []*outputDef{{kind: outTable, ref: out, info: d.out}}
	for _, e := range spec.Emits {
		d.output(outEvent, e)
	}
	for _, u := range spec.Uses {
		info := u.dep()
		t := &tableDef{dep: u, info: info.ref.TopicInfo(), ref: info.ref, reducer: info.reducer}
		if info.lookup {
			d.lookups = append(d.lookups, t)
			continue
		}
		in := d.input(info.ref)
		if in.join < 0 {
			in.join = len(d.joins)
		}
		d.joins = append(d.joins, t)
	}
	if spec.Window.err != nil {
		d.err = errors.Join(d.err, spec.Window.err)
	}
	if spec.Emit == OnClose && spec.Window.kind == noWindow {
		d.fail("Emit OnClose needs a Window")
	}
	return d
}

func (d *definition) fail(format string, args ...any) {
	d.err = errors.Join(d.err, fmt.Errorf("product %s: %w", d.name, fmt.Errorf(format, args...)))
}

func (d *definition) input(ref TopicRef) *inputDef {
	info := ref.TopicInfo()
	for _, in := range d.inputs {
		if in.info.Name == info.Name {
			return in
		}
	}
	in := &inputDef{ref: ref, info: info, join: -1, dlq: -1, rank: len(d.inputs)}
	d.inputs = append(d.inputs, in)
	return in
}

func (d *definition) output(kind outputKind, ref TopicRef) int {
	info := ref.TopicInfo()
	for i, o := range d.outputs {
		if o.info.Name == info.Name {
			return i
		}
	}
	d.outputs = append(d.outputs, &outputDef{kind: kind, ref: ref, info: info})
	return len(d.outputs) - 1
}

func (d *definition) rawOutput(kind outputKind, info *schemas.Info) int {
	d.outputs = append(d.outputs, &outputDef{kind: kind, info: info, raw: true})
	return len(d.outputs) - 1
}

// DeadLetterTopic is the name of the dead-letter topic of a topic.
func DeadLetterTopic(topic string) string { return topic + ".dlq" }

// changelogName is priv.<mesh>.<context>.<name>-changelog.state.v1.
func (d *definition) changelogName() string {
	parts := strings.Split(d.out.Name, ".")
	if len(parts) != 6 {
		return d.out.Name + "-changelog"
	}
	return strings.Join([]string{"priv", parts[1], parts[2], d.name + "-changelog", "state", parts[5]}, ".")
}

// complete derives what follows from the collected parts and checks it.
func (d *definition) complete() {
	slices.SortStableFunc(d.inputs, func(a, b *inputDef) int { return strings.Compare(a.info.Name, b.info.Name) })
	windowed := d.spec.Window.kind != noWindow
	distinct := false
	fold := false
	parts := d.out.Partitions
	for _, in := range d.inputs {
		distinct = distinct || in.distinct
		fold = fold || in.fold
		parts = max(parts, in.info.Partitions)
	}
	if !fold && d.err == nil {
		d.fail("no reaction: use stream.On")
	}
	d.usesClock = windowed || distinct || len(d.timers) > 0
	d.ownChangelog = !windowed
	if d.usesClock {
		d.side = d.rawOutput(outSide, &schemas.Info{Name: d.changelogName(), Kind: schemas.State, Partitions: parts, Cleanup: schemas.Compact, Owner: d.out.Owner})
	}
	if d.ownChangelog && d.out.Cleanup != schemas.Compact {
		d.fail("the output %s must be compacted, because it is the changelog too", d.out.Name)
	}
	dead := func(of *schemas.Info) int {
		name := DeadLetterTopic(of.Name)
		for i, o := range d.outputs {
			if o.info.Name == name {
				return i
			}
		}
		return d.rawOutput(outDead, &schemas.Info{Name: name, Kind: schemas.Event, Partitions: of.Partitions, Cleanup: schemas.Delete, Owner: d.out.Owner, PII: of.PII})
	}
	for _, in := range d.inputs {
		in.dlq = dead(in.info)
		if (in.fold || in.join >= 0) && in.info.Partitions != d.out.Partitions && in.info.Partitions > 0 && d.out.Partitions > 0 {
			d.fail("%s has %d partitions and the output %d: they must agree (re-key with stream.KeyBy, or use stream.Lookup)", in.info.Name, in.info.Partitions, d.out.Partitions)
		}
	}
	if len(d.timers) > 0 || windowed { // windows are closed by timers
		d.outDLQ = dead(d.out)
	}
}
