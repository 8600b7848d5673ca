package kafka

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"sync"
)

// Chunk is what one fetch brought of one partition: records in order, possibly none. It belongs to the caller of
// [Fetcher.Poll] until Release; records alias its memory. It is for one goroutine at a time.
//
//	for c.Next(&r) { use(r) }
//	if err := c.Err(); err != nil { ... }
//	position = c.NextOffset()
//	c.Release()
type Chunk struct {
	TopicPartition

	from    int64 // first offset wanted
	next    int64
	end     int64
	high    int64
	bytes   int
	short   bool // the answer ended within a batch
	batches []batchRef
	at      int // next batch to open
	it      recordIter
	err     error

	buf      *buffer   // the answer that batches alias
	inflated []*buffer // unpacked batches
	hint     int       // size of the last one, outlives Release: batches are alike

	part    *fetchPart
	aborted map[int64]struct{} // producer ids within an aborted transaction, while scanning
}

// batchRef is a batch to deliver. Its checksum has been verified.
type batchRef struct {
	payload []byte
	base    int64
	ts      int64
	n       int32
	codec   Codec
	append  bool // ts is the broker's, for all records
}

var chunkPool = sync.Pool{New: func() any { return new(Chunk) }}

// Next reads the next record into r; false at the end of the chunk or at an error.
func (c *Chunk) Next(r *Record) bool {
	for {
		for c.it.next(r) {
			if r.Offset >= c.from {
				return true
			}
		}
		if !c.open() {
			return false
		}
	}
}

// open makes the next batch the current one.
func (c *Chunk) open() bool {
	if c.it.bad && c.err == nil {
		c.fail(c.it.base, fmt.Errorf("%w: record of %s near offset %d", ErrCorrupt, c.TopicPartition, c.it.base))
	}
	if c.err != nil || c.at >= len(c.batches) {
		return false
	}
	b := &c.batches[c.at]
	c.at++
	payload := b.payload
	if b.codec != CodecNone {
		buf, err := inflate(payload, b.codec, c.hint, maxInflated)
		if err != nil {
			c.fail(b.base, fmt.Errorf("batch of %s at offset %d: %w", c.TopicPartition, b.base, err))
			return false
		}
		c.inflated = append(c.inflated, buf)
		payload = buf.b
		c.hint = len(payload)
	}
	c.it = recordIter{p: payload, left: b.n, base: b.base, ts: b.ts, append: b.append}
	return true
}

// fail ends the chunk at the damaged place.
func (c *Chunk) fail(offset int64, err error) {
	c.err = err
	c.next = max(c.from, min(c.next, offset))
	c.at = len(c.batches)
}

// Err is why the partition ended or the chunk is damaged: ErrOffsetOutOfRange, ErrUnknownTopic, ErrCorrupt,
// ErrAuth. Ask after Next returned false. The partition cannot be read on: remove it, or add it at another offset;
// chunks of it that are polled before are to be released unread.
func (c *Chunk) Err() error { return c.err }

// NextOffset is the position after the chunk: past its records and past the control records and aborted records
// that are not delivered. Valid once Next has returned false without error.
func (c *Chunk) NextOffset() int64 { return c.next }

// End is the end of the partition when the chunk was fetched: the last stable offset for read-committed, else the
// high watermark. NextOffset() >= End() means that nothing is left to read. -1 with an error.
func (c *Chunk) End() int64 { return c.end }

// HighWatermark is the offset after the last replicated record, open transactions included. -1 with an error.
func (c *Chunk) HighWatermark() int64 { return c.high }

// AtEnd says that the reader has seen all there was when the chunk was fetched.
func (c *Chunk) AtEnd() bool { return c.err == nil && c.next >= c.end }

// Size is the chunk's compressed size in bytes.
func (c *Chunk) Size() int { return c.bytes }

// Release gives the memory back. The chunk and its records must not be used afterwards.
func (c *Chunk) Release() {
	if c.buf != nil {
		c.buf.release()
	}
	for i, b := range c.inflated {
		b.release()
		c.inflated[i] = nil
	}
	clear(c.batches)
	*c = Chunk{batches: c.batches[:0], inflated: c.inflated[:0], aborted: c.aborted, hint: c.hint}
	chunkPool.Put(c)
}

// abortedTxn is an aborted transaction that overlaps the fetched range.
type abortedTxn struct{ pid, first int64 }

// scan walks the batch headers of a partition's answer, verifies the checksums, and keeps the batches to deliver
// from offset from on. Java's algorithm: a transaction is aborted from its first offset to its ABORT marker; only
// that marker, not a COMMIT, ends it.
func (c *Chunk) scan(raw []byte, aborted []abortedTxn, iso Isolation) {
	if len(aborted) > 1 && !slices.IsSortedFunc(aborted, byFirst) {
		slices.SortFunc(aborted, byFirst)
	}
	if len(c.aborted) > 0 {
		clear(c.aborted)
	}
	c.next = c.from
	for {
		b, rest, err := cutBatch(raw)
		if err != nil {
			c.err = fmt.Errorf("batch of %s after offset %d: %w", c.TopicPartition, c.next, err)
			return
		}
		if b == nil {
			c.short = len(rest) > 0
			return
		}
		raw = rest
		be := binary.BigEndian
		attr, base := be.Uint16(b[21:]), int64(be.Uint64(b))
		delta := int32(be.Uint32(b[23:]))
		if base < 0 || delta < 0 || base > math.MaxInt64-1-int64(delta) {
			c.err = fmt.Errorf("batch of %s after offset %d: %w: offsets", c.TopicPartition, c.next, ErrCorrupt)
			return
		}
		last, pid := base+int64(delta), int64(be.Uint64(b[43:]))
		for len(aborted) > 0 && aborted[0].first <= last {
			if c.aborted == nil {
				c.aborted = map[int64]struct{}{}
			}
			c.aborted[aborted[0].pid] = struct{}{}
			aborted = aborted[1:]
		}
		if attr&attrControl != 0 {
			if iso == ReadCommitted && isAbortMarker(b[batchHeaderLen:]) {
				delete(c.aborted, pid)
			}
			c.next = max(c.next, last+1)
			continue
		}
		drop := last < c.from
		if attr&attrTxn != 0 && iso == ReadCommitted && len(c.aborted) > 0 {
			_, dead := c.aborted[pid]
			drop = drop || dead
		}
		if !drop {
			c.batches = append(c.batches, readBatchRef(b, attr, base))
		}
		c.next = max(c.next, last+1)
	}
}

func byFirst(a, b abortedTxn) int { return cmp.Compare(a.first, b.first) }

func readBatchRef(b []byte, attr uint16, base int64) batchRef {
	ref := batchRef{
		payload: b[batchHeaderLen:],
		base:    base,
		ts:      int64(binary.BigEndian.Uint64(b[27:])),
		n:       int32(binary.BigEndian.Uint32(b[57:])),
		codec:   Codec(attr & attrCodec),
	}
	if attr&attrLogAppend != 0 {
		ref.append = true
		ref.ts = int64(binary.BigEndian.Uint64(b[35:]))
	}
	return ref
}

// cutBatch takes one verified batch off raw: nil, and what is left, when no whole one is there.
func cutBatch(raw []byte) (b, rest []byte, err error) {
	if len(raw) < 17 {
		return nil, raw, nil
	}
	size := int64(int32(binary.BigEndian.Uint32(raw[8:]))) + 12
	if size < batchHeaderLen && raw[16] == batchMagic {
		return nil, nil, fmt.Errorf("%w: length", ErrCorrupt)
	}
	if raw[16] != batchMagic {
		return nil, nil, fmt.Errorf("%w: message format v%d: only v2, of Kafka 0.11 and later, is read", ErrUnsupported, raw[16])
	}
	if size > int64(len(raw)) {
		return nil, raw, nil
	}
	b = raw[:size:size]
	if crc32.Checksum(b[21:], castagnoli) != binary.BigEndian.Uint32(b[17:]) {
		return nil, nil, fmt.Errorf("%w: checksum", ErrCorrupt)
	}
	return b, raw[size:], nil
}

// isAbortMarker reads the key of a control record: version, then type, 0 for ABORT.
func isAbortMarker(payload []byte) bool {
	it := recordIter{p: payload, left: 1}
	var r Record
	return it.next(&r) && len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 0
}
