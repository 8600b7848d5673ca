package registry

import (
	"context"
	"errors"
)

// journal is the totally ordered, durable log behind a server. Of all instances that share one, at most one can
// append at a time: whoever acquired it last.
type journal interface {
	// End is the position after the last settled record: every write that was answered before is below it.
	End(ctx context.Context) (int64, error)
	// Tip is the position after the last record, settled or not. Reading gets there once all of them are settled.
	Tip(ctx context.Context) (int64, error)
	// Read returns the records from position on and the position after them. It waits for at least one, or for the
	// position to move, until ctx is done. It is called by one goroutine, with the position it returned last.
	Read(ctx context.Context, position int64) (records []record, next int64, err error)
	// Acquire makes this instance the only one that can append. What others have appended is below Tip after it.
	Acquire(ctx context.Context) error
	// Append adds all records or none. After errUnsettled it is unknown whether they were added, and Acquire settles
	// it; after errNotWriter and any other error they were not.
	Append(ctx context.Context, records ...record) error
	Close() error
}

type record struct {
	offset     int64
	key, value []byte // a nil value removes the key
}

var (
	errNotWriter = errors.New("another instance writes now")
	errUnsettled = errors.New("it is not known whether the write took place")
)
