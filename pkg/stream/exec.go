package stream

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/event"
	"meshwork.dev/schemas"
)

// exec is the typed part of a task: it brings rows to reactions and back.
type exec[K, V any] struct {
	t     *Task
	b     *builder[K, V]
	topic *schemas.Topic[K, V]
	dec   *avro.Decoder[V]
	c     Ctx[K, V]
	zero  []byte // the framed zero value: what an untouched new row looks like

	hash                  uint64 // of skey
	live                  bool   // a reaction to the row under skey is running
	kbuf, skey, okey, enc []byte
	spans                 []span
}

// reaction is a call that is ready to be made.
type reaction[K, V any] interface {
	call(c *Ctx[K, V]) error
	callLate(c *Ctx[K, V]) error
}

func newExec[K, V any](b *builder[K, V], t *Task) error {
	dec, err := decoderOf(t, b.out)
	if err != nil {
		return err
	}
	x := &exec[K, V]{t: t, b: b, topic: b.out, dec: dec}
	x.c.x = x
	var v V
	x.zero = x.encode(nil, &v)
	t.exec = x
	for _, h := range b.handlers {
		made, err := h.new(x)
		if err != nil {
			return fmt.Errorf("product %s: %w", b.def.name, err)
		}
		for i, in := range b.def.inputs {
			if in.info.Name == h.topic {
				t.inputs[i].handlers = append(t.inputs[i].handlers, made)
			}
		}
	}
	return nil
}

func (x *exec[K, V]) encode(dst []byte, v *V) []byte {
	return x.topic.Values.Append(append(dst, x.t.outs[0].head[:]...), v)
}

// react runs a reaction on the row, or the window's rows, of a key.
func (x *exec[K, V]) react(k K, at int64, r reaction[K, V]) error {
	x.c.Key = k
	x.kbuf = x.topic.Keys.Append(x.kbuf[:0], k)
	x.c.key = x.kbuf
	switch w := &x.t.def.spec.Window; w.kind {
	case noWindow:
		x.skey = append(append(x.skey[:0], rowState), x.kbuf...)
		return x.row(r.call)
	case sessionWindow:
		return x.session(at, r)
	default:
		x.spans = w.assign(x.spans[:0], at)
		open := false
		for _, s := range x.spans {
			if s.end+w.grace <= x.t.clock {
				continue
			}
			open = true
			if err := x.windowRow(s, r.call); err != nil {
				return err
			}
		}
		if !open {
			return x.tooLate(r)
		}
		return nil
	}
}

func (x *exec[K, V]) tooLate(r reaction[K, V]) error {
	var zero V
	x.c.State, x.c.exists, x.c.deleted = zero, false, false
	x.c.win = span{x.t.org.ts, x.t.org.ts}
	if len(x.spans) > 0 {
		x.c.win = x.spans[len(x.spans)-1]
	}
	x.t.org.late = true
	return r.callLate(&x.c)
}

// load brings the row under skey into the context.
func (x *exec[K, V]) load() (old []byte, ok bool, err error) {
	x.hash = maphash.Bytes(x.t.seed, x.skey)
	old, ok = x.t.getHashed(x.skey, x.hash)
	x.c.exists, x.c.deleted = ok, false
	if !ok {
		var zero V
		x.c.State = zero
		return nil, false, nil
	}
	if err := x.decodeRow(old); err != nil {
		return nil, false, err
	}
	return old, true, nil
}

// decodeRow makes a stored row the one at hand.
func (x *exec[K, V]) decodeRow(value []byte) error {
	err := x.dec.Decode(&x.c.State, value)
	if err == nil || avro.IsRetriable(err) {
		return err
	}
	return &fatal{fmt.Errorf("row of key %q: %w", x.c.key, err)}
}

// row runs a reaction on the row under skey, without windows.
func (x *exec[K, V]) row(call func(*Ctx[K, V]) error) error {
	old, ok, err := x.load()
	if err != nil {
		return err
	}
	if err := x.atHand(call); err != nil {
		return err
	}
	t := x.t
	if x.c.deleted {
		switch {
		case !ok:
		case t.def.spec.Emit == EveryUpdate:
			t.pend.row(t.p, t.org.ts, &x.skey, &x.enc, x.hash, true)
		default:
			t.pend.delete(x.skey)
		}
		return nil
	}
	x.enc = x.encode(x.enc[:0], &x.c.State)
	if !ok {
		old = x.zero
	}
	if bytes.Equal(x.enc, old) {
		return nil
	}
	if t.def.spec.Emit == EveryUpdate {
		t.pend.row(t.p, t.org.ts, &x.skey, &x.enc, x.hash, false)
	} else {
		t.pend.put(x.skey, x.enc)
	}
	return nil
}

// fireTimer runs a timer's reaction.
func (x *exec[K, V]) fireTimer(name string, rest []byte, at int64) error {
	fn := x.b.timers[name]
	if fn == nil {
		return nil // a timer of an earlier version of the product
	}
	call := func(c *Ctx[K, V]) error { return fn(c, time.UnixMilli(at).UTC()) }
	if x.t.def.spec.Window.kind == noWindow {
		if err := x.setKey(rest); err != nil {
			return err
		}
		x.skey = append(append(x.skey[:0], rowState), rest...)
		return x.row(call)
	}
	key, start, err := cutWindow(rest)
	if err != nil {
		return err
	}
	if err := x.setKey(key); err != nil {
		return err
	}
	s, ok := x.spanOf(key, start)
	if ok && s.end+x.t.def.spec.Window.grace <= x.t.clock {
		x.t.kbuf = x.windowKeyOf(x.t.kbuf[:0], closeTimer, start)
		_, ok = x.t.get(x.t.kbuf)
	}
	if !ok {
		return nil // the window has been closed
	}
	return x.windowRow(s, call)
}

func (x *exec[K, V]) setKey(key []byte) error {
	k, err := x.topic.Keys.Parse(key)
	if err != nil {
		return &fatal{fmt.Errorf("stored key %q: %w", key, err)}
	}
	x.c.Key = k
	x.kbuf = append(x.kbuf[:0], key...)
	x.c.key = x.kbuf
	return nil
}

// publishChanged publishes every row changed in the transaction, once.
func (x *exec[K, V]) publishChanged(sink Sink) {
	t := x.t
	last := t.last
	// A row's identity comes from its key and the last record before the commit.
	origin := fmt.Sprintf("%s\x00%d\x00", t.def.name, last.source)
	t.cur.Range(func(key, value []byte, deleted bool) bool {
		if deleted {
			value = nil
		}
		if key[0] != rowState && key[0] != rowWindow {
			return true
		}
		t.org = current{input: -1, offset: last.offset, ts: last.ts, source: event.Source(origin + string(key))}
		switch key[0] {
		case rowState:
			if deleted {
				if _, there := t.base(key); !there {
					return true // it came and went within the transaction
				}
			}
			t.publish(sink, 0, t.p, t.org.ts, key[1:], value)
		case rowWindow:
			k, start, err := cutWindow(key[1:])
			if err != nil || deleted { // see published.go
				return true
			}
			if s, ok := x.spanOf(k, start); ok && x.setKey(k) == nil && x.dec.Decode(&x.c.State, value) == nil {
				okey := x.outKey(s)
				t.publish(sink, 0, t.partitionFor(0, okey), t.org.ts, okey, x.encode(x.enc[:0], &x.c.State))
			}
		}
		return true
	})
}
