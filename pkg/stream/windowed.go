package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

func cutWindow(b []byte) (key []byte, start int64, err error) {
	key, rest, ok := cutText(b)
	if ok {
		start, ok = readTime(rest)
	}
	if !ok {
		return nil, 0, &fatal{fmt.Errorf("damaged window key %q", b)}
	}
	return key, start, nil
}

func (x *exec[K, V]) windowKeyOf(dst []byte, ns byte, start int64) []byte {
	return appendTime(appendText(append(dst, ns), string(x.kbuf)), start)
}

// spanOf is the open window of a key that starts at start.
func (x *exec[K, V]) spanOf(key []byte, start int64) (span, bool) {
	w := &x.t.def.spec.Window
	if w.kind != sessionWindow {
		return span{start, w.endOf(start)}, true
	}
	for _, s := range x.openSessions(key) {
		if s.start == start {
			return span{s.start, s.end + w.size}, true
		}
	}
	return span{}, false
}

// outKey is the key the row of a window is published under. It may write the
// window into the row, so it comes before encoding.
func (x *exec[K, V]) outKey(s span) []byte {
	x.okey = x.topic.Keys.Append(x.okey[:0], x.b.windowKey(x.c.Key, &x.c.State, s.window()))
	return x.okey
}

// windowRow runs a reaction on the row of one window.
func (x *exec[K, V]) windowRow(s span, call func(*Ctx[K, V]) error) error {
	t := x.t
	x.c.win = s
	x.skey = x.windowKeyOf(x.skey[:0], rowWindow, s.start)
	old, ok, err := x.load()
	if err != nil {
		return err
	}
	if err := x.atHand(call); err != nil {
		return err
	}
	every := t.def.spec.Emit == EveryUpdate
	if x.c.deleted {
		if !ok {
			return nil
		}
		x.dropWindow(s.start)
		if every {
			okey := x.outKey(s)
			t.pend.emit(0, t.partitionFor(0, okey), t.org.ts, okey, nil, true)
			return nil
		}
		return x.unpublish(nil, s)
	}
	if !ok {
		x.enc = x.encode(x.enc[:0], &x.c.State)
		if bytes.Equal(x.enc, x.zero) {
			return nil
		}
		t.kbuf = x.windowKeyOf(t.kbuf[:0], closeTimer, s.start)
		t.setDue(t.kbuf, s.end+t.def.spec.Window.grace)
	}
	okey := x.outKey(s)
	x.enc = x.encode(x.enc[:0], &x.c.State)
	if ok && bytes.Equal(x.enc, old) {
		return nil
	}
	t.pend.put(x.skey, x.enc)
	if every {
		t.pend.emit(0, t.partitionFor(0, okey), t.org.ts, okey, x.enc, false)
	}
	return nil
}

func (x *exec[K, V]) dropWindow(start int64) {
	t := x.t
	t.kbuf = x.windowKeyOf(t.kbuf[:0], rowWindow, start)
	t.pend.delete(t.kbuf)
	t.kbuf = x.windowKeyOf(t.kbuf[:0], closeTimer, start)
	t.pend.delete(t.kbuf)
}

// closeWindow ends a window: its row is published if that has been waiting for
// it, and forgotten.
func (x *exec[K, V]) closeWindow(rest []byte) error {
	key, start, err := cutWindow(rest)
	if err != nil {
		return err
	}
	if err := x.setKey(key); err != nil {
		return err
	}
	s, ok := x.spanOf(key, start)
	if !ok {
		return nil
	}
	x.skey = x.windowKeyOf(x.skey[:0], rowWindow, start)
	t := x.t
	row, ok := t.get(x.skey)
	switch {
	case !ok:
	case t.def.spec.Emit == OnCommit:
		if err := x.publishLast(s); err != nil {
			return err
		}
	case t.def.spec.Emit == OnClose:
		if err := x.decodeRow(row); err != nil {
			return err
		}
		okey := x.outKey(s)
		x.enc = x.encode(x.enc[:0], &x.c.State)
		// The row belongs to its window, not to the moment that closed it.
		t.pend.emit(0, t.partitionFor(0, okey), s.end-1, okey, x.enc, false)
	default: // every update has been published
	}
	x.dropWindow(start)
	if t.def.spec.Window.kind == sessionWindow {
		var left []span
		for _, o := range x.openSessions(key) {
			if o.start != start {
				left = append(left, o)
			}
		}
		x.putSessions(left)
	}
	return nil
}

// openSessions are the open sessions of a key: start and time of the last record.
func (x *exec[K, V]) openSessions(key []byte) []span {
	t := x.t
	t.kbuf = append(append(t.kbuf[:0], sessions), key...)
	b, _ := t.get(t.kbuf)
	return readSessions(b)
}

func readSessions(b []byte) (list []span) {
	for ; len(b) >= 16; b = b[16:] {
		list = append(list, span{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))})
	}
	return list
}

func (x *exec[K, V]) putSessions(list []span) {
	t := x.t
	t.kbuf = append(append(t.kbuf[:0], sessions), x.kbuf...)
	if len(list) == 0 {
		t.pend.delete(t.kbuf)
		return
	}
	t.vbuf = t.vbuf[:0]
	for _, s := range list {
		t.vbuf = binary.BigEndian.AppendUint64(t.vbuf, uint64(s.start))
		t.vbuf = binary.BigEndian.AppendUint64(t.vbuf, uint64(s.end))
	}
	t.pend.put(t.kbuf, t.vbuf)
}

// session runs a reaction on the session that a record belongs to: a new one,
// one it prolongs, or several that it joins.
func (x *exec[K, V]) session(at int64, r reaction[K, V]) error {
	t, w := x.t, &x.t.def.spec.Window
	merged := span{at, at}
	var rest, joined []span
	for _, s := range x.openSessions(x.kbuf) {
		if s.start-w.size <= at && at <= s.end+w.size {
			merged = span{min(merged.start, s.start), max(merged.end, s.end)}
			joined = append(joined, s)
		} else {
			rest = append(rest, s)
		}
	}
	x.spans = x.spans[:0]
	if len(joined) == 0 && at+w.size+w.grace <= t.clock {
		return x.tooLate(r)
	}
	every := t.def.spec.Emit == EveryUpdate
	var state V
	exists := false
	x.c.deleted = false
	for i, s := range joined {
		x.skey = x.windowKeyOf(x.skey[:0], rowWindow, s.start)
		_, ok, err := x.load()
		if err != nil {
			return err
		}
		if ok && every && s.start != merged.start || ok && every && i > 0 {
			row := x.c.State
			okey := x.outKey(span{s.start, s.end + w.size})
			t.pend.emit(0, t.partitionFor(0, okey), t.org.ts, okey, nil, true)
			x.c.State = row
		}
		x.dropWindow(s.start)
		if ok {
			if !exists {
				state, exists = x.c.State, true
			} else {
				later := x.c.State
				x.c.State = state
				x.c.win = span{merged.start, merged.end + w.size}
				if err := x.b.merge(&x.c, later); err != nil {
					return err
				}
				state = x.c.State
			}
		}
	}
	whole := span{merged.start, merged.end + w.size}
	x.c.State, x.c.exists, x.c.deleted, x.c.win = state, exists, false, whole
	x.skey = x.windowKeyOf(x.skey[:0], rowWindow, merged.start)
	if err := x.atHand(r.call); err != nil {
		return err
	}
	if x.c.deleted {
		if every && exists {
			okey := x.outKey(whole)
			t.pend.emit(0, t.partitionFor(0, okey), t.org.ts, okey, nil, true)
		}
		x.putSessions(rest)
		return x.unpublish(nil, joined...)
	}
	okey := x.outKey(whole)
	x.enc = x.encode(x.enc[:0], &x.c.State)
	t.pend.put(x.skey, x.enc)
	if every {
		t.pend.emit(0, t.partitionFor(0, okey), t.org.ts, okey, x.enc, false)
	}
	if err := x.unpublish(okey, joined...); err != nil {
		return err
	}
	t.kbuf = x.windowKeyOf(t.kbuf[:0], closeTimer, merged.start)
	t.setDue(t.kbuf, whole.end+w.grace)
	x.putSessions(insertSession(rest, merged))
	return nil
}

func insertSession(list []span, s span) []span {
	i := 0
	for i < len(list) && list[i].start < s.start {
		i++
	}
	list = append(list, span{})
	copy(list[i+1:], list[i:])
	list[i] = s
	return list
}
