package stream

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"meshwork.dev/pkg/avro"
)

// Range calls fn with every row of this task's store, until fn returns false:
// the rows of one partition, and so the whole table where the output has one
// partition. It is for what needs all keys at once, such as quantiles or the
// fit of a model, usually in the reaction to a timer.
//
// What it shows is what the reaction would see of each key: changes of records
// processed before, committed or not, are in it, deleted rows are not, and the
// row at hand is c.State as it is now. Rows come in the byte order of their
// keys, so a repetition gives the same result even where sums of floats depend
// on the order. In a windowed product there is one call per open window; see
// [Ctx.RangeWindows].
//
// key and row belong to fn, which may keep them; changing them changes nothing.
// Inside fn other tables may be read, records emitted and timers set.
//
// It reads and decodes every row: about half a second per million small rows in
// memory, and more on disk. The task does nothing else meanwhile.
//
// The error is that of a row which cannot be decoded, and fails the reaction
// even if it is ignored.
func (c *Ctx[K, V]) Range(fn func(key K, row *V) bool) error {
	return c.x.ascend(func(k K, _ span, row *V) bool { return fn(k, row) })
}

// RangeWindows is Range for windowed products: it tells the window of every row
// as well.
func (c *Ctx[K, V]) RangeWindows(fn func(key K, w Window, row *V) bool) error {
	if c.x.t.def.spec.Window.kind == noWindow {
		return c.x.ascend(func(k K, _ span, row *V) bool { return fn(k, Window{}, row) })
	}
	return c.x.ascend(func(k K, s span, row *V) bool { return fn(k, s.window(), row) })
}

// TimerFor is Timer for another key than the one at hand, such as a key of its
// own that stands for the whole task: a row need not exist under it, and none is
// made unless the timer's reaction fills c.State. The key must belong to this
// partition, which every key does where the output has one partition. Windowed
// products cannot use it.
func (c *Ctx[K, V]) TimerFor(key K, name string, at time.Time) {
	c.timerFor(eventTimer, key, name, at)
}

// WallTimerFor is TimerFor by the time of day.
func (c *Ctx[K, V]) WallTimerFor(key K, name string, at time.Time) {
	c.timerFor(wallTimer, key, name, at)
}

func (c *Ctx[K, V]) timerFor(kind byte, key K, name string, at time.Time) {
	t := c.x.t
	t.kbuf = appendText(append(t.kbuf[:0], kind), name)
	from := len(t.kbuf)
	t.kbuf = c.x.topic.Keys.Append(t.kbuf, key)
	switch p := t.partitionFor(0, t.kbuf[from:]); {
	case c.x.b.timers[name] == nil:
		t.misuse("timer %q has no reaction: add stream.OnTimer", name)
	case t.def.spec.Window.kind != noWindow:
		t.misuse("timer %q for another key: not in a windowed product", name)
	case p != t.p:
		t.misuse("timer %q for key %q: it belongs to partition %d, and this is %d", name, t.kbuf[from:], p, t.p)
	default:
		t.setDue(t.kbuf, at.UnixMilli())
	}
}

// atHand runs a reaction on the row under skey; Range shows c.State for it.
func (x *exec[K, V]) atHand(call func(*Ctx[K, V]) error) error {
	x.live = true
	defer func() { x.live = false }()
	return call(&x.c)
}

// ascend calls fn with the rows of the task in the order of their stored keys.
func (x *exec[K, V]) ascend(fn func(k K, s span, row *V) bool) error {
	ns := rowState
	if x.t.def.spec.Window.kind != noWindow {
		ns = rowWindow
	}
	var current []byte
	if x.live {
		current = x.skey
	}
	var failed error
	err := x.t.ascend(ns, current, func(skey, value []byte) bool {
		more, err := x.show(skey, value, fn)
		failed = err
		return more && err == nil
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		x.t.failed(err)
	}
	return err
}

// show decodes a stored row for fn.
func (x *exec[K, V]) show(skey, value []byte, fn func(k K, s span, row *V) bool) (more bool, err error) {
	isCurrent := x.live && bytes.Equal(skey, x.skey)
	key, s := skey[1:], span{}
	if skey[0] == rowWindow {
		k, start, err := cutWindow(key)
		if err != nil {
			return false, err
		}
		key = k
		if s = x.c.win; !isCurrent {
			open, ok := x.spanOf(k, start)
			if !ok {
				return true, nil // no longer open
			}
			s = open
		}
	}
	if isCurrent {
		if x.c.deleted {
			return true, nil
		}
		if value = x.encode(nil, &x.c.State); !x.c.exists && bytes.Equal(value, x.zero) {
			return true, nil
		}
	}
	if value == nil {
		return true, nil
	}
	k, err := x.topic.Keys.Parse(key)
	if err != nil {
		return false, &fatal{fmt.Errorf("stored key %q: %w", key, err)}
	}
	var row V // a fresh one each time, because fn may keep it
	if err := x.dec.Decode(&row, value); err != nil {
		if avro.IsRetriable(err) {
			return false, err
		}
		return false, &fatal{fmt.Errorf("row of key %q: %w", key, err)}
	}
	return fn(k, s, &row), nil
}

// ascend calls fn with the stored keys of a namespace in byte order, as get
// would give them. The extra key is among them, without a value if it has none.
func (t *Task) ascend(ns byte, extra []byte, fn func(key, value []byte) bool) error {
	var own keyList // keys that the store alone does not tell the truth about
	own.add(extra)
	for _, i := range t.pend.state {
		key, _ := t.pend.of(&t.pend.ops[i])
		own.addIn(ns, key)
	}
	changed := func(key, _ []byte, _ bool) bool { own.addIn(ns, key); return true }
	t.cur.Range(changed)
	if t.isSealed {
		t.sealed.Range(changed)
	}
	collect := func(key, _ []byte) bool { own.add(key); return true }
	more := true
	merge := func(key, value []byte) bool {
		for more && own.next(key) < 0 {
			more = t.tell(own.pop(), fn)
		}
		switch {
		case !more:
		case own.next(key) == 0:
			more = t.tell(own.pop(), fn)
		default:
			more = fn(key, value)
		}
		return more
	}
	var err error
	if t.store.Ordered() {
		own.sort()
		err = t.store.Scan([]byte{ns}, merge)
	} else { // the keys only: values are looked up as they are needed
		own.room(t.store.Len())
		err = t.store.Scan([]byte{ns}, collect)
		own.sort()
	}
	if err != nil {
		return fmt.Errorf("read the rows of task %d: %w", t.p, err)
	}
	for more && len(own.left) > 0 {
		more = t.tell(own.pop(), fn)
	}
	return nil
}

// tell gives fn the key as get knows it.
func (t *Task) tell(key []byte, fn func(key, value []byte) bool) bool {
	value, ok := t.get(key)
	if !ok {
		value = nil
	}
	return fn(key, value)
}

// keyList collects keys in one buffer, to give them back in order.
type keyList struct {
	buf  []byte
	left []keyPlace
}

// keyPlace is where a key lies in the buffer. There are as many as rows, so they are small: keys of all rows together are
// far below 4 GiB.
type keyPlace struct{ from, to uint32 }

// room makes room for n more keys, which are counted and not measured.
func (l *keyList) room(n int) { l.left = slices.Grow(l.left, n) }

func (l *keyList) add(key []byte) {
	if len(key) == 0 {
		return
	}
	from := len(l.buf)
	l.buf = append(l.buf, key...)
	l.left = append(l.left, keyPlace{uint32(from), uint32(len(l.buf))})
}

func (l *keyList) addIn(ns byte, key []byte) {
	if len(key) > 0 && key[0] == ns {
		l.add(key)
	}
}

func (l *keyList) at(p keyPlace) []byte { return l.buf[p.from:p.to:p.to] }

// sort brings the keys into order, each once.
func (l *keyList) sort() {
	slices.SortFunc(l.left, func(a, b keyPlace) int { return bytes.Compare(l.at(a), l.at(b)) })
	l.left = slices.CompactFunc(l.left, func(a, b keyPlace) bool { return bytes.Equal(l.at(a), l.at(b)) })
}

// next compares the first key left with another; none left is above all.
func (l *keyList) next(key []byte) int {
	if len(l.left) == 0 {
		return 1
	}
	return bytes.Compare(l.at(l.left[0]), key)
}

func (l *keyList) pop() []byte {
	p := l.left[0]
	l.left = l.left[1:]
	return l.at(p)
}
