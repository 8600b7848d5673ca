package stream

import (
	"fmt"
	"slices"
	"time"

	"meshwork.dev/schemas"
)

// Reaction is one part of a product's behaviour; see [On], [OnTimer],
// [OnTombstone], [OnLate], [OnMerge] and [WindowKey].
type Reaction[K, V any] struct{ build func(*builder[K, V]) }

// builder gathers the reactions of one product.
type builder[K, V any] struct {
	def       *definition
	out       *schemas.Topic[K, V]
	handlers  []handlerDef[K, V]
	timers    map[string]func(*Ctx[K, V], time.Time) error
	late      map[string]any // func(*Ctx[K,V], E) error by topic
	gone      map[string]func(*Ctx[K, V]) error
	merge     func(*Ctx[K, V], V) error
	windowKey func(K, *V, Window) K
	mapped    []string
}

// handlerDef makes a handler of one input for a task.
type handlerDef[K, V any] struct {
	topic string
	new   func(x *exec[K, V]) (handler, error)
}

// On reacts to every record of src: fn sees the row of the record's key in
// c.State and changes it. The changed row is published; an unchanged one is
// not. An error leaves no trace of what fn did and is handled by Spec.OnError.
func On[K, V, E any](src Source[K, E], fn func(c *Ctx[K, V], e E) error) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) {
		topic := src.SourceTopic()
		keyed, unique := flatten(src)
		in := b.def.input(topic)
		in.fold = true
		if unique != nil {
			b.def.once(in)
			if unique.within <= 0 {
				b.def.fail("Distinct(%s): within must be positive", in.info.Name)
			}
		}
		if keyed != nil {
			in.internal = true
			addMappings(b, keyed)
		}
		b.handlers = append(b.handlers, handlerDef[K, V]{topic: topic.Info.Name, new: func(x *exec[K, V]) (handler, error) {
			dec, err := decoderOf(x.t, topic)
			if err != nil {
				return nil, err
			}
			h := &onHandler[K, V, E]{x: x, topic: topic, dec: dec, fn: fn, gone: b.gone[topic.Info.Name]}
			if late, ok := b.late[topic.Info.Name]; ok {
				if h.late, ok = late.(func(*Ctx[K, V], E) error); !ok {
					return nil, fmt.Errorf("OnLate(%s): not the record type of On", topic.Info.Name)
				}
			}
			if unique != nil {
				h.seen = seen[E]{unique.id, topic.Info.Name, unique.within.Milliseconds()}
			}
			return h, nil
		}})
	}}
}

func addMappings[K, V, E any](b *builder[K, V], keyed *Keyed[K, E]) {
	via := keyed.via
	if slices.Contains(b.mapped, via.Info.Name) {
		return // several reactions to one re-keyed topic
	}
	b.mapped = append(b.mapped, via.Info.Name)
	out := b.def.output(outVia, via)
	if len(keyed.maps) == 0 {
		b.def.fail("KeyBy(%s) without a From", via.Info.Name)
	}
	for _, m := range keyed.maps {
		in := b.def.input(m.ref)
		in.via = append(in.via, via.Info.Name)
		if m.unique {
			b.def.once(in)
		}
		if m.nested {
			b.def.fail("From(%s): what KeyBy gives cannot be re-keyed again; publish it and make another product of it", in.info.Name)
		}
		if m.unique && m.within <= 0 {
			b.def.fail("Distinct(%s): within must be positive", in.info.Name)
		}
		b.handlers = append(b.handlers, handlerDef[K, V]{topic: in.info.Name, new: func(x *exec[K, V]) (handler, error) {
			return m.new(x.t, func(k K, e E) { emitTo(x.t, out, via, k, e) })
		}})
	}
}

// once notes that records of an input are told from repetitions. What has been seen is remembered for the product, so a
// second reaction would find that the first one has seen everything.
func (d *definition) once(in *inputDef) {
	if in.distinct {
		d.fail("%s is Distinct twice: let one reaction take it, or make another product", in.info.Name)
	}
	in.distinct = true
}

// OnTimer runs when a timer of that name is due; see [Ctx.Timer].
func OnTimer[K, V any](name string, fn func(c *Ctx[K, V], at time.Time) error) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) {
		if b.timers == nil {
			b.timers = map[string]func(*Ctx[K, V], time.Time) error{}
		}
		if b.timers[name] != nil {
			b.def.fail("two reactions to timer %q", name)
		}
		b.timers[name] = fn
		b.def.timers = append(b.def.timers, name)
	}}
}

// OnTombstone reacts to records of src without a value: the key is gone. Without
// it they are skipped.
func OnTombstone[K, V, E any](src Source[K, E], fn func(c *Ctx[K, V]) error) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) { b.gone[src.SourceTopic().Info.Name] = fn }}
}

// OnLate takes records of src whose every window is closed; c.State is the zero
// value there and is not kept. Without it they go to the dead-letter topic with
// the reason "late".
func OnLate[K, V, E any](src Source[K, E], fn func(c *Ctx[K, V], e E) error) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) { b.late[src.SourceTopic().Info.Name] = fn }}
}

// OnMerge says how the row of a later session becomes part of c.State, that of
// an earlier one, when a record joins the two.
func OnMerge[K, V any](fn func(c *Ctx[K, V], later V) error) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) { b.merge = fn }}
}

// WindowKey says under which key the row of a window is published, and may
// write the window into the row. Without it the key of a product with plain
// string keys is followed by "|" and the start of the window in RFC 3339.
func WindowKey[K, V any](fn func(k K, v *V, w Window) K) Reaction[K, V] {
	return Reaction[K, V]{func(b *builder[K, V]) { b.windowKey = fn }}
}

func (b *builder[K, V]) finish() {
	d := b.def
	windowed := d.spec.Window.kind != noWindow
	if windowed && b.windowKey == nil {
		if def, ok := any(func(k string, _ *V, w Window) string {
			return k + "|" + w.Start.Format("2006-01-02T15:04:05.999Z07:00")
		}).(func(K, *V, Window) K); ok {
			b.windowKey = def
		} else {
			d.fail("a windowed product with composed keys needs stream.WindowKey")
		}
	}
	if d.spec.Window.kind == sessionWindow && b.merge == nil {
		d.fail("sessions need stream.OnMerge")
	}
	d.complete()
}
