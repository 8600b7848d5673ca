package event

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/fnv"
	"time"
)

// ID is the identity of an event, a UUID.
type ID [16]byte

// ErrMalformed is returned for a text that is not an identity or a trace
// context.
var ErrMalformed = errors.New("malformed")

// New returns a UUID of version 7: milliseconds since 1970 of at, then random
// bits.
func New(at time.Time) ID {
	var id ID
	// rand.Read never fails: it ends the process when the system has no
	// randomness.
	_, _ = rand.Read(id[6:])
	ms := uint64(max(at.UnixMilli(), 0))
	binary.BigEndian.PutUint16(id[0:], uint16(ms>>32))
	binary.BigEndian.PutUint32(id[2:], uint32(ms))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Source condenses a name, such as a data product and its input topic, to the
// 42 bits that Derive uses. Two of a thousand names collide with a probability
// of about one in ten million.
func Source(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	sum := h.Sum64()
	return (sum ^ sum>>42) & (1<<42 - 1)
}

// Derive returns the identity of the n-th event that source makes of the
// record at an offset, a UUID of version 8. It is injective within a source
// for partitions and n below 65,536 and offsets below 2^48.
func Derive(source uint64, partition int32, offset int64, n int) ID {
	// 122 free bits: source 42 | partition 16 | offset 48 | n 16, laid around
	// the version and variant bits.
	source &= 1<<42 - 1
	var id ID
	binary.BigEndian.PutUint16(id[0:], uint16(source>>26))
	binary.BigEndian.PutUint32(id[2:], uint32(source<<6)|uint32(partition>>10&0x3f))
	binary.BigEndian.PutUint16(id[6:], 0x8000|uint16(partition&0x3ff)<<2|uint16(offset>>46&3))
	binary.BigEndian.PutUint64(id[8:], 2<<62|uint64(offset)&(1<<46-1)<<16|uint64(uint16(n)))
	return id
}

const idLen = 36

// AppendTo appends the canonical text of id, 36 characters.
func (id ID) AppendTo(dst []byte) []byte {
	var b [idLen]byte
	id.put(&b)
	return append(dst, b[:]...)
}

// String is the canonical text of id.
func (id ID) String() string { return string(id.AppendTo(nil)) }

// Time is the time in a version 7 identity; ok is false for other versions.
func (id ID) Time() (t time.Time, ok bool) {
	if id[6]>>4 != 7 {
		return time.Time{}, false
	}
	ms := int64(binary.BigEndian.Uint16(id[0:]))<<32 | int64(binary.BigEndian.Uint32(id[2:]))
	return time.UnixMilli(ms).UTC(), true
}

// ParseID reads the canonical text of a UUID. It returns ErrMalformed for
// anything else.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != idLen || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, ErrMalformed
	}
	digits := make([]byte, 0, 32)
	digits = append(digits, s[0:8]...)
	digits = append(digits, s[9:13]...)
	digits = append(digits, s[14:18]...)
	digits = append(digits, s[19:23]...)
	digits = append(digits, s[24:36]...)
	if _, err := hex.Decode(id[:], digits); err != nil {
		return ID{}, ErrMalformed
	}
	return id, nil
}
