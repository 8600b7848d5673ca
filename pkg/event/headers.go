package event

import (
	"encoding/binary"
	"time"

	"meshwork.dev/schemas/wire"
)

// Names of the record headers, CloudEvents 1.0 Kafka binding in binary mode
// and W3C trace context.
const (
	HeaderSpecVersion = "ce_specversion"
	HeaderID          = "ce_id"
	HeaderSource      = "ce_source"
	HeaderType        = "ce_type"
	HeaderTime        = "ce_time"
	HeaderTraceParent = "traceparent"
)

// SpecVersion is the version of CloudEvents that the headers follow.
const SpecVersion = "1.0"

// TimeLayout is how ce_time is written: RFC 3339 in UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Header is one record header.
type Header struct {
	Key   string
	Value []byte
}

// Template holds the headers that all records of one source and type share,
// encoded as a Kafka record batch (version 2) wants them. It is immutable and
// may be shared.
type Template struct {
	source, typ string
	prefix      []byte // the encoded fixed headers
}

// Encoded header names, length first.
var (
	idKey    = appendField(nil, HeaderID)
	timeKey  = appendField(nil, HeaderTime)
	traceKey = appendField(nil, HeaderTraceParent)
)

const fixedHeaders = 3

// NewTemplate prepares the headers for records from source (a URI reference
// such as "/product/product-sales") of type typ (such as
// "ecomm.product.product-sales.state.v1").
func NewTemplate(source, typ string) *Template {
	t := &Template{source: source, typ: typ}
	for _, h := range [fixedHeaders][2]string{{HeaderSpecVersion, SpecVersion}, {HeaderSource, source}, {HeaderType, typ}} {
		t.prefix = appendField(appendField(t.prefix, h[0]), h[1])
	}
	return t
}

// Append appends the encoded headers of one record to dst, without the count
// that precedes them in a record, and returns that count. The trace header is
// left out when trace is not valid. at is the time the event happened or was
// made.
func (t *Template) Append(dst []byte, id ID, at time.Time, trace Trace) (out []byte, count int) {
	dst = append(dst, t.prefix...)
	dst = append(dst, idKey...)
	dst = binary.AppendVarint(dst, idLen)
	dst = id.AppendTo(dst)
	dst = append(dst, timeKey...)
	dst = binary.AppendVarint(dst, int64(len(TimeLayout)))
	dst = appendTime(dst, at)
	count = fixedHeaders + 2
	if trace.Valid() {
		dst = append(dst, traceKey...)
		dst = binary.AppendVarint(dst, traceLen)
		dst = trace.AppendTo(dst)
		count++
	}
	return dst, count
}

// Size is the most that Append appends.
func (t *Template) Size() int {
	const text = idLen + len(TimeLayout) + traceLen
	return len(t.prefix) + len(idKey) + len(timeKey) + len(traceKey) + text + 6
}

// Headers gives the same headers as values, for producers that take them one
// by one.
func (t *Template) Headers(id ID, at time.Time, trace Trace) []Header {
	return t.HeadersText(id.String(), at, trace)
}

// HeadersText is Headers for an event that brings an identity of its own,
// which may be any text.
func (t *Template) HeadersText(id string, at time.Time, trace Trace) []Header {
	hs := []Header{
		{HeaderSpecVersion, []byte(SpecVersion)},
		{HeaderSource, []byte(t.source)},
		{HeaderType, []byte(t.typ)},
		{HeaderID, []byte(id)},
		{HeaderTime, appendTime(nil, at)},
	}
	if trace.Valid() {
		hs = append(hs, Header{HeaderTraceParent, trace.AppendTo(nil)})
	}
	return hs
}

// ParseTime reads a ce_time header, any RFC 3339 time. It returns ErrMalformed
// for anything else.
func ParseTime(s []byte) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil {
		return time.Time{}, ErrMalformed
	}
	return t.UTC(), nil
}

// appendField appends a string as Kafka's records do: zigzag varint length,
// then the bytes.
func appendField(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

// appendTime appends at in TimeLayout.
func appendTime(dst []byte, at time.Time) []byte {
	at = at.UTC()
	if year := at.Year(); year < 0 || year > 9999 {
		return append(dst, "0000-01-01T00:00:00.000Z"...)
	}
	return wire.AppendMillis(dst, at)
}

func digit(n int) byte { return '0' + byte(n) }
