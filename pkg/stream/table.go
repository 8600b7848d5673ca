package stream

import (
	"meshwork.dev/pkg/avro"
	"meshwork.dev/schemas"
)

// Dep is a table that reactions read, made by [Join] or [Lookup]. A product
// names every one in Spec.Uses.
type Dep interface{ dep() depInfo }

type depInfo struct {
	ref    TopicRef
	lookup bool
	// reducer makes what is kept of a row; nil where all of it is.
	reducer func(source avro.SchemaSource) (reducer, error)
}

// JoinTable is a table read at event time by the task that owns the same
// partition; see [Join].
type JoinTable[K, V any] struct{ topic *schemas.Topic[K, V] }

// Join reads a compacted topic as a table that is partitioned like the
// product's inputs: a task holds the rows of its own partition, and changes of
// rows are merged with the other inputs by event time.
func Join[K, V any](topic *schemas.Topic[K, V]) *JoinTable[K, V] { return &JoinTable[K, V]{topic} }

func (j *JoinTable[K, V]) dep() depInfo { return depInfo{ref: j.topic} }

// Get reads a row. The key must belong to the partition of the record at hand;
// usually it is that record's key.
func (j *JoinTable[K, V]) Get(c Scope, key K) (V, bool) {
	t := c.task()
	for i := range t.joins {
		if t.def.joins[i].dep == Dep(j) {
			tab := &t.joins[i]
			t.kbuf = j.topic.Keys.Append(append(t.kbuf[:0], tab.prefix...), key)
			b, ok := t.get(t.kbuf)
			return readRow(t, &tab.row, j.topic, b, ok)
		}
	}
	t.misuse("Join(%s) is not in Spec.Uses", j.topic.Info.Name)
	var zero V
	return zero, false
}

// LookupTable is a table of which every process has a full copy; see [Lookup].
type LookupTable[K, V any] struct {
	topic *schemas.Topic[K, V]
	keep  func(row V) V // nil: everything
}

// Lookup reads a compacted topic as a table of which every process keeps a full
// copy, whatever its partitions. It is complete as of the start of the process
// and follows the topic from then on, so a reaction sees the newest row rather
// than the one at the time of its record.
func Lookup[K, V any](topic *schemas.Topic[K, V]) *LookupTable[K, V] {
	return &LookupTable[K, V]{topic: topic}
}

// Keep is the table with less in it: of every row the copy holds what keep
// makes of it, usually a new value with those fields set that the reactions
// look at. A million customers of whom only the names are kept take a third of
// the memory.
//
// keep must depend on the row alone. It is applied when the row is read from
// the topic, and a row that cannot be decoded is kept as it is, to fail whoever
// asks for it. Products and services share one copy of all that is in a topic;
// a table with a Keep has a copy of its own, which those share that use the
// same value.
func (l *LookupTable[K, V]) Keep(keep func(row V) V) *LookupTable[K, V] {
	return &LookupTable[K, V]{topic: l.topic, keep: keep}
}

func (l *LookupTable[K, V]) dep() depInfo {
	d := depInfo{ref: l.topic, lookup: true}
	if l.keep != nil {
		d.reducer = l.reducer
	}
	return d
}

// Get reads a row.
func (l *LookupTable[K, V]) Get(c Scope, key K) (V, bool) {
	t := c.task()
	for i := range t.lookups {
		if t.def.lookups[i].dep == Dep(l) {
			tab := &t.lookups[i]
			t.kbuf = l.topic.Keys.Append(t.kbuf[:0], key)
			var ok bool
			t.vbuf, ok = tab.view.Get(t.vbuf[:0], t.kbuf)
			if ok && l.keep != nil {
				return l.kept(t, tab)
			}
			return readRow(t, &tab.row, l.topic, t.vbuf, ok)
		}
	}
	t.misuse("Lookup(%s) is not in Spec.Uses", l.topic.Info.Name)
	var zero V
	return zero, false
}

// View is a full copy of a topic, shared by all tasks of a process.
type View interface {
	// Get appends the framed value of key to dst, or what a Keep left of it. It
	// is safe for concurrent use.
	Get(dst, key []byte) (value []byte, ok bool)
}

// readRow decodes a framed row.
func readRow[K, V any](t *Task, cached *any, topic *schemas.Topic[K, V], b []byte, ok bool) (V, bool) {
	var zero V
	if !ok {
		return zero, false
	}
	row, _ := (*cached).(*rowDecoder[V])
	if row == nil {
		dec, err := decoderOf(t, topic)
		if err != nil {
			t.misuse("%w", err)
			return zero, false
		}
		row = &rowDecoder[V]{dec: dec}
		*cached = row
	}
	if err := row.dec.Decode(&row.v, b); err != nil {
		t.failed(&undecodable{err})
		return zero, false
	}
	return row.v, true
}
