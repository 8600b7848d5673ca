package kafka

import (
	"encoding/binary"
	"errors"
)

// encoder appends protocol values. With flex set, texts, byte strings and arrays take their compact form and tags
// writes the empty tag section, so that one function serves the classic and the flexible versions of an API.
type encoder struct {
	b    []byte
	flex bool
}

func (e *encoder) i8(v int8)   { e.b = append(e.b, byte(v)) }
func (e *encoder) i16(v int16) { e.b = binary.BigEndian.AppendUint16(e.b, uint16(v)) }
func (e *encoder) i32(v int32) { e.b = binary.BigEndian.AppendUint32(e.b, uint32(v)) }
func (e *encoder) i64(v int64) { e.b = binary.BigEndian.AppendUint64(e.b, uint64(v)) }

func (e *encoder) bool(v bool) {
	if v {
		e.i8(1)
	} else {
		e.i8(0)
	}
}
func (e *encoder) uvarint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) uuid(v [16]byte)  { e.b = append(e.b, v[:]...) }

func (e *encoder) str(s string) {
	if e.flex {
		e.uvarint(uint64(len(s)) + 1)
	} else {
		e.i16(int16(len(s)))
	}
	e.b = append(e.b, s...)
}

// nullable writes null for the empty text.
func (e *encoder) nullable(s string) {
	if s == "" {
		e.null()
		return
	}
	e.str(s)
}

// null writes a null text.
func (e *encoder) null() {
	if e.flex {
		e.uvarint(0)
	} else {
		e.i16(-1)
	}
}

func (e *encoder) bytes(p []byte) {
	e.bytesLen(len(p))
	e.b = append(e.b, p...)
}

// bytesLen writes the length of a byte string whose n bytes the caller appends next.
func (e *encoder) bytesLen(n int) {
	if e.flex {
		e.uvarint(uint64(n) + 1)
	} else {
		e.i32(int32(n))
	}
}

// arr writes the length of an array; -1 is the null array.
func (e *encoder) arr(n int) {
	if e.flex {
		e.uvarint(uint64(n + 1))
	} else {
		e.i32(int32(n))
	}
}

// tags ends a structure: an empty tag section in flexible versions, nothing otherwise.
func (e *encoder) tags() {
	if e.flex {
		e.b = append(e.b, 0)
	}
}

var errShort = errors.New("answer is shorter than its fields")

// decoder takes protocol values off b. The first impossible value sets err and every later call returns zero, so
// that callers check once, at the end; loops over d.arr() end by themselves because a failed decoder counts zero.
// Byte strings alias b.
type decoder struct {
	b        []byte
	flex     bool
	err      error
	throttle int32 // milliseconds for which the broker holds the client back
}

// throttled reads for how long the broker holds the client back.
func (d *decoder) throttled() { d.throttle = d.i32() }

func (d *decoder) fail() {
	d.err = errShort
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) i8() int8 {
	if p := d.take(1); p != nil {
		return int8(p[0])
	}
	return 0
}

func (d *decoder) i16() int16 {
	if p := d.take(2); p != nil {
		return int16(binary.BigEndian.Uint16(p))
	}
	return 0
}

func (d *decoder) i32() int32 {
	if p := d.take(4); p != nil {
		return int32(binary.BigEndian.Uint32(p))
	}
	return 0
}

func (d *decoder) i64() int64 {
	if p := d.take(8); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

func (d *decoder) bool() bool { return d.i8() != 0 }

func (d *decoder) uuid() (u [16]byte) {
	copy(u[:], d.take(16))
	return u
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads a compact length (n+1, 0 for null) as n, -1 for null; what exceeds the remaining bytes fails.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.b))+1 {
		d.fail()
		return -1
	}
	return int(v) - 1
}

// raw is a text or null (nil) as bytes.
func (d *decoder) raw() []byte {
	var n int
	if d.flex {
		n = d.length()
	} else {
		n = int(d.i16())
	}
	if n < 0 {
		return nil
	}
	return d.take(n)
}

// str is a text; null reads as "".
func (d *decoder) str() string { return string(d.raw()) }

// bytes is a byte string, nil when null.
func (d *decoder) bytes() []byte {
	var n int
	if d.flex {
		n = d.length()
	} else {
		n = int(d.i32())
	}
	if n < 0 {
		return nil
	}
	return d.take(n)
}

// arr is the length of an array: null counts as empty, and a length that the remaining bytes cannot hold fails.
func (d *decoder) arr() int {
	var n int
	if d.flex {
		n = d.length()
	} else {
		n = int(d.i32())
	}
	if n > len(d.b) {
		d.fail()
		return 0
	}
	return max(n, 0)
}

// tags skips a tag section in flexible versions.
func (d *decoder) tags() {
	if !d.flex {
		return
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		d.uvarint()
		if l := d.uvarint(); l > uint64(len(d.b)) {
			d.fail()
		} else {
			d.take(int(l))
		}
	}
}
