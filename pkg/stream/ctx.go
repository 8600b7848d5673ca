package stream

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"meshwork.dev/pkg/event"
	"meshwork.dev/schemas"
)

// Scope is what a reaction is given: a [Ctx] or a [KeyCtx].
type Scope interface{ task() *Task }

// Ctx is what a reaction sees of the row it changes. It belongs to the engine:
// a reaction must not keep it.
type Ctx[K, V any] struct {
	// Key is the key of the record or timer.
	Key K
	// State is the row: the zero value where there is none. What it is when the
	// reaction returns is the new row.
	State V

	x       *exec[K, V]
	exists  bool
	deleted bool
	win     span
	key     []byte // canonical bytes of Key
}

func (c *Ctx[K, V]) task() *Task { return c.x.t }

// Exists says whether there was a row before this reaction.
func (c *Ctx[K, V]) Exists() bool { return c.exists }

// Delete removes the row: a record without value is published for its key.
func (c *Ctx[K, V]) Delete() {
	c.deleted = true
	var zero V
	c.State = zero
}

// Time is the event time: the record's timestamp, or when the timer was due.
func (c *Ctx[K, V]) Time() time.Time { return time.UnixMilli(c.x.t.org.ts).UTC() }

// StreamTime is how far event time has gone in this partition, the record at
// hand included where it moves it: timers up to it have fired. A record that
// comes late has a Time before it, one from the future a Time after it. How
// late one is differs between runs; what a reaction makes of it should not.
//
// It is Time before the first record, and in products that have neither timers
// nor windows nor Distinct: event time does not move in them.
func (c *Ctx[K, V]) StreamTime() time.Time {
	t := c.x.t
	if t.clock == math.MinInt64 {
		return c.Time()
	}
	return time.UnixMilli(t.clock).UTC()
}

// Now is the time of day. A reaction that uses it does not give the same result
// when it is repeated; use Time wherever possible.
func (c *Ctx[K, V]) Now() time.Time { return c.x.t.cfg.Now() }

// Window is the window the row belongs to; the zero value without windows.
func (c *Ctx[K, V]) Window() Window {
	if c.x.t.def.spec.Window.kind == noWindow {
		return Window{}
	}
	return c.win.window()
}

// ID is a new identity for something the reaction makes, such as an event's
// eventId. Repeating the reaction gives the same ones again.
func (c *Ctx[K, V]) ID() string { return c.x.t.nextID().String() }

// Origin is where the record at hand was read; the zero value for a timer.
func (c *Ctx[K, V]) Origin() Origin { return c.x.t.origin() }

// Timer makes the reaction OnTimer(name) run for this key when event time has
// reached at. A key has one timer of a name and clock: setting it again moves
// it. Timers are part of the state: they survive restarts and fire in quiet
// times too, because idle inputs let event time follow the time of day.
//
// A timer that a timer's reaction sets for now, or before, runs after it, and a
// commit may come between: that is how long work is done in portions.
func (c *Ctx[K, V]) Timer(name string, at time.Time) { c.setTimer(eventTimer, name, at) }

// WallTimer is Timer by the time of day.
func (c *Ctx[K, V]) WallTimer(name string, at time.Time) { c.setTimer(wallTimer, name, at) }

// CancelTimer removes this key's timer of that name from both clocks.
func (c *Ctx[K, V]) CancelTimer(name string) {
	t := c.x.t
	for _, kind := range [...]byte{eventTimer, wallTimer} {
		t.kbuf = c.timerKey(t.kbuf[:0], kind, name)
		if _, ok := t.get(t.kbuf); ok {
			t.pend.delete(t.kbuf)
		}
	}
}

func (c *Ctx[K, V]) setTimer(kind byte, name string, at time.Time) {
	t := c.x.t
	if c.x.b.timers[name] == nil {
		t.misuse("timer %q has no reaction: add stream.OnTimer", name)
		return
	}
	t.kbuf = c.timerKey(t.kbuf[:0], kind, name)
	if kind == wallTimer { // usually one of many records that ask for the same moment: it is queued already
		if v, ok := t.get(t.kbuf); ok {
			if was, _, ok := readDue(v); ok && was == at.UnixMilli() {
				return
			}
		}
	}
	t.setDue(t.kbuf, at.UnixMilli())
}

// timerKey is kind, name and what the timer belongs to: key, or key and window.
func (c *Ctx[K, V]) timerKey(dst []byte, kind byte, name string) []byte {
	dst = appendText(append(dst, kind), name)
	if c.x.t.def.spec.Window.kind == noWindow {
		return append(dst, c.key...)
	}
	return appendTime(appendText(dst, string(c.key)), c.win.start)
}

// Origin is the place of a record.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
}

// KeyCtx is what the mapping of a [KeyBy] sees.
type KeyCtx struct{ t *Task }

func (c *KeyCtx) task() *Task { return c.t }

// Time is the record's event time.
func (c *KeyCtx) Time() time.Time { return time.UnixMilli(c.t.org.ts).UTC() }

// Origin is where the record at hand was read.
func (c *KeyCtx) Origin() Origin { return c.t.origin() }

// ID is a new identity for something the mapping makes; the same when it is
// repeated.
func (c *KeyCtx) ID() string { return c.t.nextID().String() }

// Emit publishes a record besides the product's rows, in the same transaction
// and with the event time of the record at hand. The topic must be named in
// Spec.Emits.
func Emit[K, V any](c Scope, topic *schemas.Topic[K, V], key K, value V) {
	t := c.task()
	for i, o := range t.def.outputs {
		if o.info == &topic.Info {
			if i == 0 {
				break
			}
			emitTo(t, i, topic, key, value)
			return
		}
	}
	t.misuse("Emit to %s, which is not in Spec.Emits", topic.Info.Name)
}

// EmitTombstone publishes a record without value, which removes the key of a
// compacted topic.
func EmitTombstone[K, V any](c Scope, topic *schemas.Topic[K, V], key K) {
	t := c.task()
	for i, o := range t.def.outputs {
		if i > 0 && o.info == &topic.Info {
			t.kbuf = topic.Keys.Append(t.kbuf[:0], key)
			t.pend.emit(i, t.partitionFor(i, t.kbuf), t.org.ts, t.kbuf, nil, true)
			return
		}
	}
	t.misuse("EmitTombstone to %s, which is not in Spec.Emits", topic.Info.Name)
}

func emitTo[K, V any](t *Task, out int, topic *schemas.Topic[K, V], key K, value V) {
	o := &t.outs[out]
	box, _ := o.box.(*V) // a place for the value that is not allocated anew each time
	if box == nil {
		box = new(V)
		o.box = box
	}
	*box = value
	t.kbuf = topic.Keys.Append(t.kbuf[:0], key)
	t.vbuf = topic.Values.Append(append(t.vbuf[:0], o.head[:]...), box)
	t.pend.emit(out, t.partitionFor(out, t.kbuf), t.org.ts, t.kbuf, t.vbuf, false)
}

// misuse remembers a mistake in the program; it stops the product.
func (t *Task) misuse(format string, args ...any) {
	t.failed(&fatal{fmt.Errorf("product %s: %w", t.def.name, fmt.Errorf(format, args...))})
}

// failed makes the reaction at hand fail, whatever it returns.
func (t *Task) failed(err error) {
	if t.sticky == nil {
		t.sticky = err
	}
}

func (t *Task) origin() Origin {
	if t.org.input < 0 {
		return Origin{}
	}
	return Origin{t.def.inputs[t.org.input].info.Name, t.p, t.org.offset}
}

func (t *Task) nextID() event.ID {
	n, source := t.org.n, t.org.source
	t.org.n++
	if more := n >> 16; more > 0 { // Derive counts to 65,535
		source = event.Source(strconv.FormatUint(source, 16) + "+" + strconv.Itoa(more))
	}
	return event.Derive(source, t.p, t.org.offset, n)
}
