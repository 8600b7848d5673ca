package stream

import (
	"encoding/binary"

	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/state"
	"meshwork.dev/schemas"
)

// A product that publishes OnCommit tells the last value of its own rows once
// per transaction. What it emits to other compacted topics of states is the
// same kind of thing, so it waits for the commit too: of what is emitted under
// one key only the last record, or tombstone, is published. Events are all
// published.

// isLatest says whether only the last record of a transaction matters in an
// output.
func (d *definition) isLatest(o *outputDef) bool {
	return d.spec.Emit == OnCommit && o.kind == outEvent && o.info.Kind == schemas.State && o.info.Cleanup == schemas.Compact
}

// A kept record begins with what publishing needs: flags, identity, event time,
// and the trace where there is one.
const (
	latestGone  = 1 << 0
	latestTrace = 1 << 1

	latestHead      = 1 + 16 + 8
	latestTraceSize = 16 + 8 + 1
)

// keep sets a record aside until the commit, in place of an earlier one.
func (t *Task) keep(out int, ts int64, key, value []byte, gone bool) {
	o := &t.outs[out]
	if o.latest == nil {
		o.latest = state.NewOverlay(t.seed)
	}
	var flags byte
	if gone {
		flags |= latestGone
	}
	if t.org.trace.Valid() {
		flags |= latestTrace
	}
	id := t.nextID()
	b := append(append(t.tmp[:0], flags), id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(ts))
	if flags&latestTrace != 0 {
		b = append(append(append(b, t.org.trace.TraceID[:]...), t.org.trace.SpanID[:]...), t.org.trace.Flags)
	}
	if !gone {
		b = append(b, value...)
	}
	t.tmp = b
	o.latest.Put(key, b)
}

// publishLatest publishes what has been kept.
func (t *Task) publishLatest(sink Sink) {
	for out := range t.outs {
		kept := t.outs[out].latest
		if kept == nil || kept.Len() == 0 {
			continue
		}
		kept.Range(func(key, b []byte, _ bool) bool {
			var id event.ID
			var trace event.Trace
			flags := b[0]
			copy(id[:], b[1:])
			ts := int64(binary.BigEndian.Uint64(b[17:]))
			b = b[latestHead:]
			if flags&latestTrace != 0 {
				copy(trace.TraceID[:], b)
				copy(trace.SpanID[:], b[16:])
				trace.Flags = b[24]
				b = b[latestTraceSize:]
			}
			if flags&latestGone != 0 {
				b = nil
			}
			t.publishAs(sink, out, t.partitionFor(out, key), ts, key, b, id, &trace)
			return true
		})
		kept.Release()
	}
}

// dropLatest forgets what has been kept.
func (t *Task) dropLatest() {
	for out := range t.outs {
		if kept := t.outs[out].latest; kept != nil {
			kept.Release()
		}
	}
}

// latestBytes is the size of what has been kept.
func (t *Task) latestBytes() int {
	n := 0
	for out := range t.outs {
		if kept := t.outs[out].latest; kept != nil {
			n += kept.Bytes()
		}
	}
	return n
}
