package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// What Finish's error wraps.
var (
	ErrTruncated = errors.New("message ends too early")
	ErrMalformed = errors.New("malformed value")
	ErrTrailing  = errors.New("bytes left over")
)

// MaxEmptyItems bounds how many array items that take no bytes (null, empty records) one message may hold: their
// number is not bounded by the message's length.
const MaxEmptyItems = 1 << 16

// Reader reads one message from start to end.
type Reader struct {
	buf   []byte
	pos   int
	text  string // private copy of buf[base:], once a string was read
	base  int
	empty int // items without bytes so far
	at    int // where err was found
	err   error
}

// NewReader starts reading src, which it does not change and does not keep beyond Finish.
func NewReader(src []byte) Reader { return Reader{buf: src} }

// Finish reports the first fault of the message of the named type, or bytes that are left over.
func (r *Reader) Finish(typeName string) error {
	if r.err == nil && r.pos == len(r.buf) {
		return nil
	}
	return r.finish(typeName)
}

func (r *Reader) finish(typeName string) error {
	if r.err == nil {
		return fmt.Errorf("avro %s: %w: %d of %d", typeName, ErrTrailing, len(r.buf)-r.pos, len(r.buf))
	}
	return fmt.Errorf("avro %s: %w at byte %d of %d", typeName, r.err, r.at, len(r.buf))
}

// Failed reports whether a fault was found; values read since are zero.
func (r *Reader) Failed() bool { return r.err != nil }

// fail keeps the first fault and moves to the end, so that all later reads fail without a check of their own.
//
//go:noinline
func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err, r.at = err, r.pos
	}
	r.pos = len(r.buf)
}

// Long reads a long.
func (r *Reader) Long() int64 {
	if i := r.pos; i < len(r.buf) {
		if c := r.buf[i]; c < 0x80 {
			r.pos = i + 1
			return int64(c>>1) ^ -int64(c&1)
		}
	}
	return r.long()
}

func (r *Reader) long() int64 {
	b := r.buf[r.pos:]
	var u uint64
	for i, c := range b {
		if c < 0x80 {
			if i == 9 && c > 1 {
				break
			}
			u |= uint64(c) << (7 * i)
			r.pos += i + 1
			return int64(u>>1) ^ -int64(u&1)
		}
		if i == 9 {
			break
		}
		u |= uint64(c&0x7f) << (7 * i)
	}
	if len(b) < 10 {
		r.fail(ErrTruncated)
	} else {
		r.fail(ErrMalformed)
	}
	return 0
}

// Int reads an int.
func (r *Reader) Int() int32 {
	v := r.Long()
	if v != int64(int32(v)) {
		r.fail(ErrMalformed)
		return 0
	}
	return int32(v)
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	if r.pos >= len(r.buf) {
		r.fail(ErrTruncated)
		return false
	}
	c := r.buf[r.pos]
	if c > 1 {
		r.fail(ErrMalformed)
		return false
	}
	r.pos++
	return c == 1
}

// Float reads a float.
func (r *Reader) Float() float32 {
	if len(r.buf)-r.pos < 4 {
		r.fail(ErrTruncated)
		return 0
	}
	v := binary.LittleEndian.Uint32(r.buf[r.pos:])
	r.pos += 4
	return math.Float32frombits(v)
}

// Double reads a double.
func (r *Reader) Double() float64 {
	if len(r.buf)-r.pos < 8 {
		r.fail(ErrTruncated)
		return 0
	}
	v := binary.LittleEndian.Uint64(r.buf[r.pos:])
	r.pos += 8
	return math.Float64frombits(v)
}

// take reads a length and steps over that many bytes; they are buf[from:pos].
func (r *Reader) take() (from int) {
	n := r.Long()
	if n < 0 {
		r.fail(ErrMalformed)
		return r.pos
	}
	if n > int64(len(r.buf)-r.pos) {
		r.fail(ErrTruncated)
		return r.pos
	}
	from = r.pos
	r.pos += int(n)
	return from
}

// String reads a string.
func (r *Reader) String() string {
	from := r.take()
	if from == r.pos {
		return ""
	}
	if r.text == "" {
		r.text, r.base = string(r.buf[from:]), from
	}
	return r.text[from-r.base : r.pos-r.base]
}

// Bytes reads bytes into a slice of their own; nil where there are none.
func (r *Reader) Bytes() []byte {
	from := r.take()
	if from == r.pos {
		return nil
	}
	return append([]byte(nil), r.buf[from:r.pos]...)
}

// Fixed fills dst.
func (r *Reader) Fixed(dst []byte) {
	if len(r.buf)-r.pos < len(dst) {
		r.fail(ErrTruncated)
		clear(dst)
		return
	}
	r.pos += copy(dst, r.buf[r.pos:])
}

// Decimal reads the unscaled number of a decimal on bytes. It may be longer than needed but must fit 64 bits.
func (r *Reader) Decimal() int64 {
	from := r.take()
	return r.unscaled(r.buf[from:r.pos])
}

// DecimalFixed reads the unscaled number of a decimal on a fixed type of size bytes.
func (r *Reader) DecimalFixed(size int) int64 {
	if len(r.buf)-r.pos < size {
		r.fail(ErrTruncated)
		return 0
	}
	b := r.buf[r.pos : r.pos+size]
	r.pos += size
	return r.unscaled(b)
}

func (r *Reader) unscaled(b []byte) int64 {
	if len(b) == 0 { // some writers give zero no bytes at all
		return 0
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		if v>>55 != v>>63 { // the next byte would push out a bit that is not just sign
			r.fail(ErrMalformed)
			return 0
		}
		v = v<<8 | int64(c)
	}
	return v
}

// Index reads which of n branches or symbols follows.
func (r *Reader) Index(n int) int {
	v := r.Long()
	if uint64(v) >= uint64(n) {
		r.fail(ErrMalformed)
		return 0
	}
	return int(v)
}

// Present reads the branch of an optional value whose null comes first.
func (r *Reader) Present() bool { return r.Index(2) == 1 }

// PresentFirst reads the branch of an optional value whose null comes last.
func (r *Reader) PresentFirst() bool { return r.Index(2) == 0 && r.err == nil }

// Block reads the head of the next block of an array or map and returns its number of items, 0 after the last
// block. minSize is the least number of bytes that an item takes: a count that the rest of the message cannot hold
// is a fault, so callers may allocate what it says.
func (r *Reader) Block(minSize int) int {
	n := r.Long()
	if n == 0 {
		return 0
	}
	if n < 0 {
		n = -n
		if size := r.Long(); size < 0 || size > int64(len(r.buf)-r.pos) {
			r.fail(ErrMalformed)
		}
	}
	left := int64(len(r.buf) - r.pos)
	if minSize == 0 {
		left, minSize = int64(MaxEmptyItems-r.empty), 1
		r.empty += int(min(max(n, 0), left))
	}
	if n < 0 || n > left/int64(minSize) || r.err != nil {
		r.fail(ErrMalformed)
		return 0
	}
	return int(n)
}
