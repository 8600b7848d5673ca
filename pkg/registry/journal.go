package registry

import (
	"context"
	"errors"
)

// journal is the totally ordered, durable log behind a server. Of all instances that share one, at most one can
// append at a time: whoever acquired it last.
type journal interface {
	// End is the position after the last settled record.
	End(ctx context.Context) (int64, error)
	// Read returns the records from position on and the position after them. It waits for at least one, or for the
	// position to move, until ctx is done. It is called by one goroutine, with the position it returned last.
	Read(ctx context.Context, position int64) (records []record, next int64, err error)
	// Acquire makes this instance the only one that can append. What others have appended is settled after it.
	Acquire(ctx context.Context) error
	// Append adds all records or none. After errNotWriter nothing was added. After any other error it is unknown
	// whether they were, and Acquire is needed to settle it.
	Append(ctx context.Context, records ...record) error
	Close() error
}

type record struct {
	offset     int64
	key, value []byte // a nil value removes the key
}

var (
	errNotWriter = errors.New("another instance writes now")
	errClosed    = errors.New("registry is closed")
)
