package kafka

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
)

// Record batch v2: the unit Kafka stores, checksums and compresses.
const (
	batchHeaderLen = 61
	batchMagic     = 2

	attrCodec     = 0x07
	attrLogAppend = 1 << 3 // the broker stamped the batch: MaxTimestamp holds for every record
	attrTxn       = 1 << 4
	attrControl   = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DefaultMaxBatchBytes is the size of uncompressed records at which a builder starts another batch. It stays below
// the broker's default max.message.bytes (1 MiB and a little), which bounds the compressed batch.
const DefaultMaxBatchBytes = 1_000_000

// BatchBuilder gathers records of one partition in wire form, without allocating once its buffers have grown. When
// the open batch would exceed MaxBytes it is sealed and another one begun; a single larger record has a batch of
// its own. What is sealed is compressed at once, so that a large transaction takes little memory. Not safe for
// concurrent use. The zero value is ready.
type BatchBuilder struct {
	Codec    Codec // set before the first record
	MaxBytes int   // of uncompressed records per batch; default DefaultMaxBatchBytes

	rec    []byte  // records of the open batch
	room   *buffer // whose memory rec lies in, unless rec has grown out of it; nil before the first record
	usual  int     // bytes that rec needed last
	packed []byte  // sealed batches, compressed
	before int     // size of the sealed records uncompressed
	failed error   // why a batch could not be compressed
	sealed []span
	open   span
	n      int

	// between Begin and Finish
	at       int // where the record starts in rec
	valueAt  int // where its value starts
	lenSize  int // bytes kept for the record's length
	valSize  int // bytes kept for the value's length
	ts       int64
	building bool
}

// span is one batch: a sealed one within packed, the open one all of rec.
type span struct {
	start, end int
	n          int32
	first, max int64 // timestamps
}

// Reset forgets all records and keeps the memory.
func (b *BatchBuilder) Reset() {
	b.rec, b.packed, b.sealed, b.open, b.n, b.building = b.rec[:0], b.packed[:0], b.sealed[:0], span{}, 0, false
	b.before, b.failed = 0, nil
}

// release is Reset that gives the memory of the records to other builders.
func (b *BatchBuilder) release() {
	b.usual = len(b.rec)
	if b.room != nil {
		b.room.b = b.rec
		b.room.release()
	}
	b.room, b.rec, b.packed, b.sealed = nil, nil, nil, b.sealed[:0]
	b.Reset()
}

// reserve makes room for n more bytes of records, at once for as many as were needed last time. The memory that was too
// small goes to another builder.
func (b *BatchBuilder) reserve(n int) {
	if cap(b.rec)-len(b.rec) >= n {
		return
	}
	next := getBuffer(max(len(b.rec)+n, b.usual))
	next.b = append(next.b, b.rec...)
	if b.room != nil {
		b.room.b = b.rec
		b.room.release()
	}
	b.room, b.rec = next, next.b
}

// Len is the number of records.
func (b *BatchBuilder) Len() int { return b.n }

// Bytes is the size of all records, uncompressed.
func (b *BatchBuilder) Bytes() int { return b.before + len(b.rec) }

// Cap is the memory the builder holds.
func (b *BatchBuilder) Cap() int { return cap(b.rec) + cap(b.packed) }

// Batches is the number of batches the records make. A produce request carries one batch per partition.
func (b *BatchBuilder) Batches() int {
	if b.open.n > 0 {
		return len(b.sealed) + 1
	}
	return len(b.sealed)
}

// BatchLen is the number of records in batch i: the sequence number of batch i+1 is that of batch i plus this.
func (b *BatchBuilder) BatchLen(i int) int { return int(b.batch(i).n) }

func (b *BatchBuilder) batch(i int) span {
	if i < len(b.sealed) {
		return b.sealed[i]
	}
	return b.open
}

// AppendHeader appends a record header in wire form; the result of several goes to Append or Finish with their count.
func AppendHeader(dst []byte, key string, value []byte) []byte {
	dst = appendVarint(dst, int64(len(key)))
	dst = append(dst, key...)
	return appendVarBytes(dst, value)
}

// Append adds a record. ts is in milliseconds since 1970; a nil key or value is a null. headers is count headers as
// written by AppendHeader.
func (b *BatchBuilder) Append(ts int64, key, value, headers []byte, count int) {
	n := b.size(ts, key, len(value), len(headers), count)
	if b.open.n > 0 && len(b.rec)+n+varintLen(int64(n)) > b.maxBytes() {
		b.seal()
		n = b.size(ts, key, len(value), len(headers), count)
	}
	b.reserve(n + binary.MaxVarintLen64)
	r := appendVarint(b.rec, int64(n))
	r = b.appendFront(r, ts, key)
	r = appendVarBytes(r, value)
	r = appendVarint(r, int64(count))
	r = append(r, headers...)
	b.rec = r
	b.count(ts)
}

// size is the length of a record's body. Null and empty values take the same room.
func (b *BatchBuilder) size(ts int64, key []byte, value, headers, count int) int {
	return 1 + varintLen(b.delta(ts)) + varintLen(int64(b.open.n)) + varintLen(int64(len(key))) + len(key) +
		varintLen(int64(value)) + value + varintLen(int64(count)) + headers
}

func (b *BatchBuilder) delta(ts int64) int64 {
	if b.open.n == 0 {
		return 0
	}
	return ts - b.open.first
}

func (b *BatchBuilder) appendFront(r []byte, ts int64, key []byte) []byte {
	r = append(r, 0) // attributes
	r = appendVarint(r, b.delta(ts))
	r = appendVarint(r, int64(b.open.n))
	return appendVarBytes(r, key)
}

func (b *BatchBuilder) count(ts int64) {
	if b.open.n == 0 {
		b.open.first, b.open.max = ts, ts
	}
	b.open.max = max(b.open.max, ts)
	b.open.n++
	b.n++
}

// seal ends the open batch.
func (b *BatchBuilder) seal() {
	b.open.start = len(b.packed)
	packed, err := compress(b.packed, b.rec, b.Codec)
	if err != nil {
		b.failed = cmp.Or(b.failed, err)
	} else {
		b.packed = packed
	}
	b.open.end = len(b.packed)
	b.sealed = append(b.sealed, b.open)
	b.before += len(b.rec)
	b.rec, b.open = b.rec[:0], span{}
}

func (b *BatchBuilder) maxBytes() int {
	if b.MaxBytes > 0 {
		return b.MaxBytes
	}
	return DefaultMaxBatchBytes
}

// Begin starts a record whose value the caller appends to the returned slice, in place, and hands back to Finish.
// A begun record that is not finished is dropped by the next Begin or by Cancel.
func (b *BatchBuilder) Begin(ts int64, key []byte) []byte {
	b.Cancel()
	b.at, b.ts, b.building = len(b.rec), ts, true
	// Room for the two lengths is guessed as that of a record of 64 to 8191 bytes; Finish moves bytes when wrong.
	b.lenSize, b.valSize = 2, 2
	b.reserve(64 + len(key))
	b.rec = append(b.rec, 0, 0)
	r := b.appendFront(b.rec, ts, key)
	r = append(r, 0, 0)
	b.valueAt = len(r)
	return r
}

// Cancel drops a record begun and not finished.
func (b *BatchBuilder) Cancel() {
	if b.building {
		b.rec, b.building = b.rec[:b.at], false
	}
}

// Finish ends the record begun last. buf is what Begin returned with the value appended.
func (b *BatchBuilder) Finish(buf, headers []byte, count int) {
	if !b.building {
		return
	}
	b.building = false
	value := len(buf) - b.valueAt
	if size := varintLen(int64(value)); size != b.valSize {
		buf = shift(buf, b.valueAt, size-b.valSize)
		b.valueAt += size - b.valSize
		b.valSize = size
	}
	putVarint(buf[b.valueAt-b.valSize:], int64(value))
	buf = appendVarint(buf, int64(count))
	buf = append(buf, headers...)
	body := len(buf) - b.at - b.lenSize
	if size := varintLen(int64(body)); size != b.lenSize {
		buf = shift(buf, b.at+b.lenSize, size-b.lenSize)
		b.valueAt += size - b.lenSize
		b.lenSize = size
	}
	putVarint(buf[b.at:], int64(body))
	b.rec = buf
	if b.open.n > 0 && len(b.rec) > b.maxBytes() {
		b.moveToNextBatch()
		return
	}
	b.count(b.ts)
}

// moveToNextBatch writes the last record anew as the first of another batch: its deltas change.
func (b *BatchBuilder) moveToNextBatch() {
	last := append([]byte(nil), b.rec[b.at:]...)
	b.rec = b.rec[:b.at]
	b.seal()
	it := recordIter{p: last, left: 1}
	var r Record
	if !it.next(&r) {
		return // not possible: the bytes were just written
	}
	b.Append(b.ts, r.Key, r.Value, r.headers, int(r.headerCount))
}

// shift moves buf[at:] by d bytes.
func shift(buf []byte, at, d int) []byte {
	if d < 0 {
		return append(buf[:at+d], buf[at:]...)
	}
	n := len(buf)
	for range d {
		buf = append(buf, 0)
	}
	copy(buf[at+d:], buf[at:n])
	return buf
}

// BatchMeta is what a producer writes into a batch. A batch of no idempotent producer has PID, Epoch and Seq -1.
type BatchMeta struct {
	PID   int64
	Epoch int16
	Seq   int32 // of the batch's first record
	Txn   bool
}

// AppendBatch appends batch i to dst, compressed and checksummed. The error is that of the compression, of this or
// another batch.
func (b *BatchBuilder) AppendBatch(dst []byte, i int, m BatchMeta) ([]byte, error) {
	if b.failed != nil {
		return nil, b.failed
	}
	s := b.batch(i)
	start := len(dst)
	var head [batchHeaderLen]byte
	dst = append(dst, head[:]...)
	if i < len(b.sealed) {
		dst = append(dst, b.packed[s.start:s.end]...)
	} else {
		rec := b.rec
		if b.building {
			rec = rec[:b.at]
		}
		var err error
		if dst, err = compress(dst, rec, b.Codec); err != nil {
			return nil, err
		}
	}
	attr := uint16(b.Codec)
	if m.Txn {
		attr |= attrTxn
	}
	h, be := dst[start:], binary.BigEndian
	be.PutUint32(h[8:], uint32(len(h)-12)) // base offset stays 0: the broker sets it
	be.PutUint32(h[12:], ^uint32(0))       // leader epoch: unknown
	h[16] = batchMagic
	be.PutUint16(h[21:], attr)
	be.PutUint32(h[23:], uint32(s.n-1))
	be.PutUint64(h[27:], uint64(s.first))
	be.PutUint64(h[35:], uint64(s.max))
	be.PutUint64(h[43:], uint64(m.PID))
	be.PutUint16(h[51:], uint16(m.Epoch))
	be.PutUint32(h[53:], uint32(m.Seq))
	be.PutUint32(h[57:], uint32(s.n))
	be.PutUint32(h[17:], crc32.Checksum(h[21:], castagnoli))
	return dst, nil
}
