package state

import "encoding/binary"

// Batch is a list of changes in the order they were made; where a key occurs
// more than once, the last change wins. The zero value is an empty batch.
//
// The changes lie one behind another in a single buffer:
//
//	uvarint(len(key)<<1 | deleted) [uvarint(len(value))] key [value]
//
// which is also their form in the log and in snapshots.
type Batch struct {
	buf []byte
	n   int
	big bool // some key or value exceeds its limit; Apply refuses
}

// Put sets key to value. Both are copied.
func (b *Batch) Put(key, value []byte) {
	b.big = b.big || len(key) > MaxKeyBytes || len(value) > MaxValueBytes
	b.buf = appendPut(b.buf, key, value)
	b.n++
}

// Delete removes key, which is copied.
func (b *Batch) Delete(key []byte) {
	b.big = b.big || len(key) > MaxKeyBytes
	b.buf = appendDelete(b.buf, key)
	b.n++
}

// Len returns the number of changes.
func (b *Batch) Len() int { return b.n }

// Bytes returns the encoded size.
func (b *Batch) Bytes() int { return len(b.buf) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.buf, b.n, b.big = b.buf[:0], 0, false }

// Range calls fn with every change in order until fn returns false. value is
// nil for a deletion.
func (b *Batch) Range(fn func(key, value []byte, deleted bool) bool) {
	for rest := b.buf; len(rest) > 0; {
		c, n := parseChange(rest)
		if n <= 0 || !fn(c.key, c.value, c.deleted) {
			return
		}
		rest = rest[n:]
	}
}

func (b *Batch) check() error {
	if b.big || len(b.buf) > MaxBatchBytes {
		return ErrTooLarge
	}
	return nil
}

// change is one parsed entry of a batch.
type change struct {
	key, value []byte
	deleted    bool
}

func appendPut(dst, key, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key))<<1)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	dst = append(dst, key...)
	return append(dst, value...)
}

func appendDelete(dst, key []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key))<<1|1)
	return append(dst, key...)
}

// parseChange reads the change at the start of src and returns its length, or 0
// if src does not start with a whole one.
func parseChange(src []byte) (c change, n int) {
	head, n := binary.Uvarint(src)
	if n <= 0 || head>>1 > MaxKeyBytes {
		return change{}, 0
	}
	klen, vlen := int(head>>1), 0
	c.deleted = head&1 != 0
	if !c.deleted {
		v, m := binary.Uvarint(src[n:])
		if m <= 0 || v > MaxValueBytes {
			return change{}, 0
		}
		n, vlen = n+m, int(v)
	}
	if len(src)-n < klen+vlen {
		return change{}, 0
	}
	c.key = src[n : n+klen : n+klen]
	n += klen
	if !c.deleted {
		c.value = src[n : n+vlen : n+vlen]
		n += vlen
	}
	return c, n
}
