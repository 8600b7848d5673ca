package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// What callers tell apart with errors.Is. A broker's answer is an [Error] that matches the one its code belongs to.
var (
	// ErrUnsupported: no version of the API is spoken by both sides, or the broker lacks the feature. Final.
	ErrUnsupported = errors.New("not supported by the broker")
	// ErrUnreachable: no answer came: nothing listens, the connection broke, or it took too long.
	ErrUnreachable = errors.New("no answer from the broker")
	// ErrClosed: the client, fetcher, producer or group was closed before or during the call.
	ErrClosed = errors.New("closed")
	// ErrFenced: a newer instance with the same transactional id has taken over. Stop the process.
	ErrFenced = errors.New("fenced by a newer instance")
	// ErrStaleMember: the group has moved on: the member id, epoch or generation is no longer its own.
	ErrStaleMember = errors.New("no longer a member of this generation of the group")
	// ErrUnknownTopic: the topic or partition does not exist, or is not known yet.
	ErrUnknownTopic = errors.New("unknown topic or partition")
	// ErrTopicExists: the topic to be created exists already.
	ErrTopicExists = errors.New("topic exists already")
	// ErrOffsetOutOfRange: the offset was deleted by retention or never written; a fetcher has asked for five seconds
	// before it says so, because brokers are wrong about it while leaders move.
	ErrOffsetOutOfRange = errors.New("offset out of range")
	// ErrUnstableOffset: a transaction that moves the group's offsets has not ended.
	ErrUnstableOffset = errors.New("offsets are part of a pending transaction")
	// ErrAuth: authentication failed or authorization was denied. Final.
	ErrAuth = errors.New("not allowed")
	// ErrTooLarge: a record or batch exceeds max.message.bytes of the topic or of the broker.
	ErrTooLarge = errors.New("record too large")
	// ErrCorrupt: bytes that are not a valid record batch or answer.
	ErrCorrupt = errors.New("corrupt data")
	// ErrGroupBusy: the group has live members, so its offsets cannot be reset nor the group deleted.
	ErrGroupBusy = errors.New("group has active members")
	// ErrUnknownGroup: no such consumer group.
	ErrUnknownGroup = errors.New("unknown group")
)

// Error is an error code answered by a broker, with where it was answered.
type Error struct {
	API       string // "Fetch"
	Code      int16  // Kafka's error code, never 0
	Topic     string // "" when the code is not about a topic
	Partition int32  // meaningful when Topic is set; -1 for the whole topic
	Msg       string // the broker's own words, if it sent any
}

// Name is Kafka's name for the code: "NOT_LEADER_OR_FOLLOWER".
func (e *Error) Name() string {
	if c, ok := codes[e.Code]; ok {
		return c.name
	}
	return "UNKNOWN_CODE"
}

// Error names the API, the place, the code and what to do about it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.API)
	if e.Topic != "" {
		b.WriteString(" " + e.Topic)
		if e.Partition >= 0 {
			fmt.Fprintf(&b, "/%d", e.Partition)
		}
	}
	fmt.Fprintf(&b, ": %s (%d)", e.Name(), e.Code)
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if hint := codes[e.Code].hint; hint != "" {
		b.WriteString("; " + hint)
	}
	return b.String()
}

// Is matches the sentinel the code belongs to.
func (e *Error) Is(target error) bool { return target == codes[e.Code].is && target != nil }

// Retriable says whether the same request may succeed later or at another broker.
func (e *Error) Retriable() bool { return codes[e.Code].retry }

// NetError is a request that got no answer. It matches [ErrUnreachable].
type NetError struct {
	API    string
	Broker string // the address or addresses asked
	Sent   bool   // the request may have reached the broker and been carried out
	Err    error
	Hint   string // what to look at
}

// Error names the addresses, the last cause and what to look at.
func (e *NetError) Error() string {
	s := fmt.Sprintf("%s: no answer from %s: %v", e.API, e.Broker, e.Err)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap is the cause.
func (e *NetError) Unwrap() error { return e.Err }

// Is matches ErrUnreachable.
func (e *NetError) Is(target error) bool { return target == ErrUnreachable }

// Code is the broker's error code in err's chain, 0 when there is none.
func Code(err error) int16 {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return 0
}

// MaybeSent says whether the request behind err may have been carried out although no answer came.
func MaybeSent(err error) bool {
	var e *NetError
	return errors.As(err, &e) && e.Sent
}

// IsRetriable says whether trying again, after a pause, can help. A cancelled context, a fenced producer, a denied
// or unsupported request are final; lost connections, moved leaders and loading coordinators are not.
// Whether a request that may have been carried out can be sent twice is the caller's knowledge: see [MaybeSent].
func IsRetriable(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Retriable()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrUnsupported) || errors.Is(err, context.Canceled) {
		return false
	}
	var n *NetError
	return errors.As(err, &n)
}
