package event

import (
	"crypto/rand"
	"encoding/hex"
)

// Trace is a W3C trace context (traceparent). The zero value means none.
type Trace struct {
	TraceID [16]byte
	SpanID  [8]byte
	Flags   byte // bit 0: sampled
}

const traceLen = 55

// NewTrace starts a trace.
func NewTrace(sampled bool) Trace {
	var t Trace
	_, _ = rand.Read(t.TraceID[:]) // never fails
	_, _ = rand.Read(t.SpanID[:])
	if sampled {
		t.Flags = 1
	}
	return t
}

// Valid reports whether t is a trace context: neither id is zero.
func (t Trace) Valid() bool { return t.TraceID != [16]byte{} && t.SpanID != [8]byte{} }

// Child continues t with a new random span. The child of no trace is no
// trace.
func (t Trace) Child() Trace {
	if t.Valid() {
		_, _ = rand.Read(t.SpanID[:])
	}
	return t
}

// ChildOf continues t with the span that belongs to an event's identity, so
// that repeating a reaction repeats the span. The child of no trace is no
// trace.
func (t Trace) ChildOf(id ID) Trace {
	if !t.Valid() {
		return t
	}
	for i := range t.SpanID {
		t.SpanID[i] = id[i] ^ id[i+8]
	}
	if t.SpanID == [8]byte{} {
		t.SpanID[7] = 1
	}
	return t
}

// AppendTo appends the traceparent text of t, 55 characters, or nothing when t
// is not valid.
func (t Trace) AppendTo(dst []byte) []byte {
	if !t.Valid() {
		return dst
	}
	var b [traceLen]byte
	copy(b[:], "00-")
	hex.Encode(b[3:35], t.TraceID[:])
	b[35] = '-'
	hex.Encode(b[36:52], t.SpanID[:])
	b[52] = '-'
	hex.Encode(b[53:55], []byte{t.Flags})
	return append(dst, b[:]...)
}

// String is the traceparent text of t.
func (t Trace) String() string { return string(t.AppendTo(nil)) }

// ParseTrace reads a traceparent of version 00, or of a later version whose
// first fields are the same. It returns false, and no trace, for anything
// else: a bad trace context is ignored, never an error.
func ParseTrace(s []byte) (Trace, bool) {
	if len(s) < traceLen || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[0] == 'f' && s[1] == 'f' {
		return Trace{}, false
	}
	if later := len(s) > traceLen; later && (s[0] == '0' && s[1] == '0' || s[traceLen] != '-') {
		return Trace{}, false
	}
	for _, c := range s[:traceLen] {
		if c >= 'A' && c <= 'F' { // upper case is forbidden
			return Trace{}, false
		}
	}
	var t Trace
	var version, flags [1]byte
	_, e0 := hex.Decode(version[:], s[0:2])
	_, e1 := hex.Decode(t.TraceID[:], s[3:35])
	_, e2 := hex.Decode(t.SpanID[:], s[36:52])
	_, e3 := hex.Decode(flags[:], s[53:55])
	t.Flags = flags[0] & 1
	if e0 != nil || e1 != nil || e2 != nil || e3 != nil || !t.Valid() {
		return Trace{}, false
	}
	return t, true
}
