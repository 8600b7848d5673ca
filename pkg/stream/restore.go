package stream

import (
	"errors"
	"fmt"
	"sync"

	"meshwork.dev/pkg/state"
)

// Restore takes over a record of a changelog of the task's partition: out is
// its index in Outputs. Records of other outputs are ignored. Call RestoreFlush
// with the position reached and Restored when all have been taken over.
func (t *Task) Restore(out int, key, value []byte) error {
	var own bool
	switch {
	case out == t.def.side:
	case out == 0 && t.def.ownChangelog:
		own = true
	default:
		return nil
	}
	t.tmp = restoreKey(t.tmp[:0], own, key)
	return t.restore(t.tmp, value)
}

// RestoreJoin takes over a record of a joined topic: input is its index in
// Inputs.
func (t *Task) RestoreJoin(input int, key, value []byte) error {
	j := t.def.inputs[input].join
	if j < 0 {
		return nil
	}
	t.tmp = append(append(t.tmp[:0], t.joins[j].prefix...), key...)
	return t.restore(t.tmp, value)
}

// restoreBatch is how much is taken over at a time: large enough for a store, small enough for hundreds of tasks at once.
const restoreBatch = 128 << 10

func (t *Task) restore(key, value []byte) error {
	if t.batch == nil {
		t.batch = takeBatch()
	}
	if value == nil {
		t.batch.Delete(key)
	} else {
		t.batch.Put(key, value)
	}
	if t.batch.Bytes() >= restoreBatch {
		return t.RestoreFlush(t.store.Position())
	}
	return nil
}

// RestoreFlush applies what has been restored so far, with the position that
// goes with it.
func (t *Task) RestoreFlush(position []byte) error {
	if t.batch == nil {
		t.batch = takeBatch()
	}
	position = append([]byte(nil), position...)
	err := t.store.Apply(t.batch, position)
	giveBatch(t.batch)
	t.batch = nil
	if err != nil && !errors.Is(err, state.ErrNotPersisted) { // readable, as in Committed
		return fmt.Errorf("restore task %d of %s: %w", t.p, t.def.name, err)
	}
	return nil
}

// batches are batches for stores. There are many tasks, and few of them write at a time.
var batches = sync.Pool{New: func() any { return new(state.Batch) }}

func takeBatch() *state.Batch {
	b, _ := batches.Get().(*state.Batch)
	return b
}

func giveBatch(b *state.Batch) {
	b.Reset()
	batches.Put(b)
}
