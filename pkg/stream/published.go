package stream

import "bytes"

// With OnCommit the published row of a window is that of the last commit. What
// a reaction does to the window afterwards may leave that row without a place:
// a session becomes part of an earlier one and takes its key, or the row is
// deleted. Then a tombstone goes out, as it does with EveryUpdate at once. A
// window that closes keeps its row; what changed since the last commit is
// published with its end, because there will be nothing left to publish then.

// base reads a key as of the last commit: the transaction that is being
// committed, and the store.
func (t *Task) base(key []byte) ([]byte, bool) {
	if t.isSealed {
		if v, gone, ok := t.sealed.Get(key); ok {
			return v, !gone
		}
	}
	return t.store.Get(key)
}

// publishedKey is the key under which the window that starts at start was
// published by the last commit; nil when it was not. The row at hand stays as it
// is.
func (x *exec[K, V]) publishedKey(start int64) ([]byte, error) {
	t := x.t
	t.kbuf = x.windowKeyOf(t.kbuf[:0], rowWindow, start)
	value, ok := t.base(t.kbuf)
	if !ok {
		return nil, nil
	}
	at := x.c.State
	defer func() { x.c.State = at }()
	var none V
	x.c.State = none
	if err := x.decodeRow(value); err != nil {
		return nil, err
	}
	s, w := span{start, start}, &t.def.spec.Window
	if w.kind != sessionWindow {
		s.end = w.endOf(start)
	} else {
		t.kbuf = append(append(t.kbuf[:0], sessions), x.kbuf...)
		list, _ := t.base(t.kbuf)
		for _, o := range readSessions(list) {
			if o.start == start {
				s.end = o.end + w.size
			}
		}
	}
	return bytes.Clone(x.outKey(s)), nil
}

// unpublish removes the rows of windows that have lost their place from what
// OnCommit has published, but for the one under keep.
func (x *exec[K, V]) unpublish(keep []byte, windows ...span) error {
	t := x.t
	if t.def.spec.Emit != OnCommit {
		return nil
	}
	keep = bytes.Clone(keep)
	for _, s := range windows {
		key, err := x.publishedKey(s.start)
		if err != nil {
			return err
		}
		if key != nil && !bytes.Equal(key, keep) {
			t.pend.emit(0, t.partitionFor(0, key), t.org.ts, key, nil, true)
		}
	}
	return nil
}

// publishLast publishes the row of a window that closes, if it has changed since
// the last commit. It is dated by the last record, like all rows of a commit.
func (x *exec[K, V]) publishLast(s span) error {
	t := x.t
	row, gone, ok := t.cur.Get(x.skey)
	if !ok || gone {
		return nil
	}
	if err := x.decodeRow(row); err != nil {
		return err
	}
	okey := x.outKey(s)
	x.enc = x.encode(x.enc[:0], &x.c.State)
	t.pend.emit(0, t.partitionFor(0, okey), min(t.last.ts, s.end-1), okey, x.enc, false)
	return nil
}
