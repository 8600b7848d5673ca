package event

import (
	"encoding/binary"
	"time"
)

// Envelope is the encoded headers of one record without trace context, made for
// being used again: from record to record only the identity and the time are
// written over. It belongs to one goroutine.
type Envelope struct {
	b            []byte
	idAt, timeAt int
	ms, day      int64 // what the time says; days since 1970
}

// Envelope prepares headers that Append would give, for Set.
func (t *Template) Envelope() *Envelope {
	b, _ := t.Append(nil, ID{}, time.Unix(0, 0), Trace{})
	e := &Envelope{b: b, timeAt: len(b) - len(TimeLayout)}
	e.idAt = len(t.prefix) + len(idKey) + 1 // one byte of length
	return e
}

// Set gives the headers of a record, as [Template.Append] would write them, and
// their count. They are valid until the next Set. ms is in milliseconds since
// 1970.
func (e *Envelope) Set(id ID, ms int64) (headers []byte, count int) {
	id.put((*[idLen]byte)(e.b[e.idAt:]))
	if ms != e.ms {
		e.setTime(ms)
	}
	return e.b, fixedHeaders + 2
}

const (
	msPerDay = 24 * 60 * 60 * 1000
	lastDay  = 2_932_896 // 9999-12-31, the last that can be written
)

func (e *Envelope) setTime(ms int64) {
	day := ms / msPerDay
	if ms < 0 || day != e.day {
		appendTime(e.b[e.timeAt:e.timeAt], time.UnixMilli(ms))
		e.ms, e.day = ms, day
		if ms < 0 || day > lastDay {
			e.day = -1 // such days are written out each time
		}
		return
	}
	e.ms = ms
	n := int(ms - day*msPerDay)
	sec := n / 1000
	put := e.b[e.timeAt+len("2006-01-02T"):]
	_ = put[11]
	h, m, s, f := sec/3600, sec/60%60, sec%60, n%1000
	put[0], put[1] = digit(h/10), digit(h%10)
	put[3], put[4] = digit(m/10), digit(m%10)
	put[6], put[7] = digit(s/10), digit(s%10)
	put[9], put[10], put[11] = digit(f/100), digit(f/10%10), digit(f%10)
}

// put writes the canonical text of id.
func (id *ID) put(b *[idLen]byte) {
	be := binary.BigEndian
	var d [8]byte
	be.PutUint64(b[0:], hexDigits(be.Uint32(id[0:])))
	be.PutUint64(d[:], hexDigits(be.Uint32(id[4:])))
	b[8] = '-'
	copy(b[9:13], d[:4])
	b[13] = '-'
	copy(b[14:18], d[4:])
	be.PutUint64(d[:], hexDigits(be.Uint32(id[8:])))
	b[18] = '-'
	copy(b[19:23], d[:4])
	b[23] = '-'
	copy(b[24:28], d[4:])
	be.PutUint64(b[28:], hexDigits(be.Uint32(id[12:])))
}

// hexDigits is the eight hexadecimal digits of x, the first in the highest byte,
// without a table: each nibble is spread to a byte, and those above nine are
// lifted to the letters.
func hexDigits(x uint32) uint64 {
	v := uint64(x)
	v = (v | v<<16) & 0x0000ffff0000ffff
	v = (v | v<<8) & 0x00ff00ff00ff00ff
	v = (v | v<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (v + 0x0606060606060606) >> 4 & 0x0101010101010101
	return v + 0x3030303030303030 + letters*('a'-'0'-10)
}
