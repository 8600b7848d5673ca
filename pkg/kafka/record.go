package kafka

// Record is one record of a chunk. Key, Value and the headers alias the chunk's memory: they are valid until the
// chunk is released. A nil Key or Value is a null.
type Record struct {
	Offset    int64
	Timestamp int64 // milliseconds since 1970: set by the producer, or by the broker where the topic says so
	Key       []byte
	Value     []byte

	headers     []byte
	headerCount int32
}

// HeaderCount is the number of headers.
func (r *Record) HeaderCount() int { return int(r.headerCount) }

// RawHeaders is the headers in wire form, as AppendHeader writes them: to copy them to another record as they are.
func (r *Record) RawHeaders() (headers []byte, count int) { return r.headers, int(r.headerCount) }

// Headers yields name and value of every header in order. Damaged headers end the sequence early.
func (r *Record) Headers() func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		p := r.headers
		for range r.headerCount {
			key, rest, ok := cutVarBytes(p)
			if !ok {
				return
			}
			value, rest, ok := cutVarBytes(rest)
			if !ok || !yield(key, value) {
				return
			}
			p = rest
		}
	}
}

// Header is the value of the last header with the name, as Kafka's own lastHeader.
func (r *Record) Header(name string) (value []byte, ok bool) {
	if r.headerCount == 0 {
		return nil, false
	}
	for k, v := range r.Headers() {
		if string(k) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// cutVarBytes takes a byte string off p; nil for null.
func cutVarBytes(p []byte) (s, rest []byte, ok bool) {
	l, n := varint(p)
	if n <= 0 || l > int64(len(p)-n) {
		return nil, nil, false
	}
	if l < 0 {
		return nil, p[n:], true
	}
	end := n + int(l)
	return p[n:end:end], p[end:], true
}

// recordIter walks the records of one batch.
type recordIter struct {
	p      []byte
	left   int32
	base   int64 // offset
	ts     int64 // timestamp
	append bool  // ts holds for every record
	bad    bool  // the bytes ended early or made no sense
}

// next reads the next record into r; false at the end and, with bad set, at damaged bytes.
//
// It walks by index over one slice, and reads numbers of one byte in line: this loop is where a reader that only
// looks at its records spends its time.
func (it *recordIter) next(r *Record) bool {
	if it.left <= 0 {
		return false
	}
	p := it.p
	l, i := varintAt(p, 0)
	if i < 0 || l < 6 || l > int64(len(p)-i) {
		return it.fail()
	}
	end := i + int(l)
	it.p = p[end:]
	p = p[:end:end]
	it.left--
	i++ // attributes are unused
	var d int64
	if uint(i) < uint(len(p)) && p[i] < 0x80 {
		d, i = unzig(p[i]), i+1
	} else {
		d, i = varintAt(p, i)
	}
	if r.Timestamp = it.ts; !it.append {
		r.Timestamp += d
	}
	if uint(i) < uint(len(p)) && p[i] < 0x80 {
		d, i = unzig(p[i]), i+1
	} else {
		d, i = varintAt(p, i)
	}
	r.Offset = it.base + d
	if uint(i) < uint(len(p)) && p[i] < 0x80 {
		d, i = unzig(p[i]), i+1
	} else {
		d, i = varintAt(p, i)
	}
	if i < 0 || d > int64(len(p)-i) {
		return it.fail()
	}
	r.Key = nil
	if d >= 0 {
		r.Key = p[i : i+int(d) : i+int(d)]
		i += int(d)
	}
	if uint(i) < uint(len(p)) && p[i] < 0x80 {
		d, i = unzig(p[i]), i+1
	} else {
		d, i = varintAt(p, i)
	}
	if i < 0 || d > int64(len(p)-i) {
		return it.fail()
	}
	r.Value = nil
	if d >= 0 {
		r.Value = p[i : i+int(d) : i+int(d)]
		i += int(d)
	}
	if uint(i) < uint(len(p)) && p[i] < 0x80 {
		d, i = unzig(p[i]), i+1
	} else {
		d, i = varintAt(p, i)
	}
	if i < 0 || d < 0 || d > int64(len(p)-i) {
		return it.fail()
	}
	r.headerCount, r.headers = int32(d), p[i:]
	return true
}

// unzig is a number of one byte.
func unzig(b byte) int64 { return int64(b>>1) ^ -int64(b&1) }

// varintAt reads the number at p[i] and returns the index after it; -1, which it takes as well, says that there was
// none.
func varintAt(p []byte, i int) (int64, int) {
	if uint(i) < uint(len(p)) && i+1 < len(p) {
		if b, c := p[i], p[i+1]; b >= 0x80 && c < 0x80 { // two bytes: most lengths and deltas that are not one
			u := uint64(b&0x7f) | uint64(c)<<7
			return int64(u>>1) ^ -int64(u&1), i + 2
		}
	}
	if i < 0 || i >= len(p) {
		return 0, -1
	}
	v, n := varint(p[i:])
	if n <= 0 {
		return 0, -1
	}
	return v, i + n
}

func (it *recordIter) fail() bool {
	it.bad, it.left = true, 0
	return false
}
