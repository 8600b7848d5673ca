package stream

import (
	"context"
	"errors"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
)

// keptMark begins a row that a Keep was applied to, in the contract as it is
// here. Framed values begin with 0 or 1.
const keptMark = 0xff

// registryAgain is the wait before a registry that cannot be reached is asked
// again.
const registryAgain = time.Second

// reducer appends to dst what is to be kept of a record. It waits for a registry
// that cannot be reached; its only error is that ctx ended.
type reducer func(ctx context.Context, dst []byte, rec *kafka.Record) ([]byte, error)

func (l *LookupTable[K, V]) reducer(source avro.SchemaSource) (reducer, error) {
	dec, err := avro.NewTopicDecoder(l.topic, source)
	if err != nil {
		return nil, err
	}
	var row V // decoded into again and again; keep gets a copy
	return func(ctx context.Context, dst []byte, rec *kafka.Record) ([]byte, error) {
		err := dec.DecodeRecord(ctx, &row, rec.Value, rec)
		for errors.Is(err, avro.ErrUnavailable) {
			wait := time.NewTimer(registryAgain)
			select {
			case <-ctx.Done():
				wait.Stop()
				return dst, ctx.Err()
			case <-wait.C:
			}
			err = dec.DecodeRecord(ctx, &row, rec.Value, rec)
		}
		if err != nil {
			return append(dst, rec.Value...), nil //nolint:nilerr // whoever asks for it is told
		}
		kept := l.keep(row)
		return l.topic.Values.Append(append(dst, keptMark), &kept), nil
	}, nil
}

// kept reads the row in t.vbuf, whether Keep has been applied to it already or,
// where the copy is of everything, as in tests, is to be applied now.
func (l *LookupTable[K, V]) kept(t *Task, tab *taskTable) (V, bool) {
	if b := t.vbuf; len(b) > 0 && b[0] == keptMark {
		var row V
		if err := l.topic.Values.Decode(&row, b[1:]); err != nil {
			t.failed(&undecodable{err})
			return row, false
		}
		return row, true
	}
	row, ok := readRow(t, &tab.row, l.topic, t.vbuf, true)
	if ok {
		row = l.keep(row)
	}
	return row, ok
}
