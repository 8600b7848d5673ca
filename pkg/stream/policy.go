package stream

import (
	"errors"
	"fmt"
	"time"
)

// Policy says what happens to a record whose reaction fails: how often it is
// tried again, and what follows when it keeps failing. The zero value is
// Retry(3, 100ms).ThenDeadLetter().
type Policy struct {
	retries int
	backoff time.Duration
	stop    bool
	set     bool
}

// Retry tries a failed record up to n times more, waiting backoff before the
// first repetition and twice as long before each further one, up to 30 s. Other
// partitions go on meanwhile.
func Retry(n int, backoff time.Duration) Policy {
	return Policy{retries: max(n, 0), backoff: max(backoff, 0), set: true}
}

// ThenDeadLetter writes the record, with its original bytes and the reason, to
// the dead-letter topic of its input and goes on with the next one.
func (p Policy) ThenDeadLetter() Policy { p.stop, p.set = false, true; return p }

// ThenStop stops the product with the error: nothing is lost, and nothing goes
// on until somebody acts.
func (p Policy) ThenStop() Policy { p.stop, p.set = true, true; return p }

// String is the policy in words, as describe prints it.
func (p Policy) String() string {
	p = p.orDefault()
	then := "dead letter"
	if p.stop {
		then = "stop"
	}
	return fmt.Sprintf("retry %d times from %v, then %s", p.retries, p.backoff, then)
}

func (p Policy) orDefault() Policy {
	if !p.set {
		return Policy{retries: 3, backoff: 100 * time.Millisecond, set: true}
	}
	return p
}

const maxBackoff = 30 * time.Second

func (p Policy) wait(attempt int) time.Duration {
	d := p.backoff
	for i := 1; i < attempt && d < maxBackoff; i++ {
		d *= 2
	}
	return min(d, maxBackoff)
}

// Reject makes an error that no repetition can heal, such as a violated
// contract: the record goes to its dead-letter topic at once (or stops the
// product, where the policy says so) with the reason "validation".
func Reject(err error) error { return &rejected{err} }

// Skip makes an error that says the record is of no interest after all. What
// the reaction did with it leaves no trace; it is counted as skipped.
func Skip(err error) error { return &skipped{err} }

type rejected struct{ err error }

func (e *rejected) Error() string { return e.err.Error() }
func (e *rejected) Unwrap() error { return e.err }

type skipped struct{ err error }

func (e *skipped) Error() string { return "skipped: " + e.err.Error() }
func (e *skipped) Unwrap() error { return e.err }

// ErrLate is why a record is in the dead-letter topic with the reason "late":
// its window had been closed.
var ErrLate = errors.New("the record's window is closed")

// panicked is a panic of a reaction, turned into an error.
type panicked struct{ value any }

func (e *panicked) Error() string { return fmt.Sprintf("the reaction panicked: %v", e.value) }

// undecodable is an input record that cannot be turned into its Go value.
type undecodable struct{ err error }

func (e *undecodable) Error() string { return e.err.Error() }
func (e *undecodable) Unwrap() error { return e.err }

// fatal is a fault of the program or of the machine: neither a repetition nor a
// dead letter is an answer to it.
type fatal struct{ err error }

func (e *fatal) Error() string { return e.err.Error() }
func (e *fatal) Unwrap() error { return e.err }
