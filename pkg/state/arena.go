package state

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// ref is the place of a record in an arena: its chunk number and the offset in
// it, in words of eight bytes. It takes 38 bits, enough for 2 TiB.
type ref uint64

const (
	wordBytes  = 8
	chunkShift = 18 // words per chunk, as a power of two
	chunkWords = 1 << chunkShift
	chunkBytes = chunkWords * wordBytes // 2 MiB, the most a chunk has

	// Chunks of a small store are small: a process has hundreds of stores, and
	// what a chunk may grow to counts against Pages from the beginning.
	leastBytes = maxSmallWords * wordBytes // 128 KiB
	refBits    = 38
	maxChunks  = 1 << (refBits - chunkShift)

	// Larger records get a mapping of their own, which takes a chunk number.
	maxSmallWords = chunkWords / 16
	pageBytes     = 4096

	hugeFrom = 32 << 20 // an arena of this size asks for memory in huge pages

	// Up to exactWords there is a free list for every size, above that sixteen
	// per power of two.
	exactWords = 512
	numClasses = exactWords + 16*6

	minWords = 2       // a free record needs its header and two links
	freeFlag = 1 << 15 // in the first two bytes of a record
)

var errArenaFull = errors.New("state: more than 2 TiB in one store")

// arena keeps records of any size in memory outside the Go heap.
//
// Chunks are filled from start to end. A record that is given up joins the free
// list of its size and is taken again by the next record of that size, which is
// the usual case for values that are updated. Where sizes shift, space would
// collect in lists that nobody asks for: then the chunk with most of it is
// evacuated, a few records per step, and given back (see compact.go).
//
//	live record:  uint16 words   uvarint(len(key)) uvarint(len(value)) key value
//	free record:  uint16 words|freeFlag   40-bit next   40-bit previous
//	large record: as a live one with words = 0, alone in its mapping
//
// A free record of one word is a filler and in no list.
type arena struct {
	pages  *Pages
	chunks []chunk
	unused []uint32 // numbers of released chunks
	spare  []byte   // one released chunk kept for the next need

	current uint32 // chunk being filled
	next    uint32 // first unused word of it

	heads [numClasses]ref

	mapped int64 // bytes of memory taken from the system
	free   int64 // bytes of free records

	victim compaction
}

type chunk struct {
	data []byte
	free uint32 // bytes of free records in it
}

func newArena(pages *Pages) (*arena, error) {
	a := &arena{pages: pages, chunks: make([]chunk, 1)} // there is no chunk 0, so no record has a ref below chunkWords
	a.victim.chunk = noChunk
	if err := a.addChunk(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *arena) close() {
	for _, c := range a.chunks {
		if c.data != nil {
			a.pages.unmap(c.data)
		}
	}
	if a.spare != nil {
		a.pages.unmap(a.spare)
	}
	*a = arena{}
}

// at returns the memory from r to the end of its chunk.
func (a *arena) at(r ref) []byte {
	return a.chunks[r>>chunkShift].data[(r&(chunkWords-1))*wordBytes:]
}

// record returns key and value of the live record r.
func (a *arena) record(r ref) (key, value []byte) {
	b := a.at(r)
	klen, n := uvarint(b, 2)
	vlen, n := uvarint(b, n)
	end := n + klen
	return b[n:end:end], b[end : end+vlen : end+vlen]
}

// key returns the key of the live record r.
func (a *arena) key(r ref) []byte {
	b := a.at(r)
	klen, n := uvarint(b, 2)
	_, n = uvarint(b, n)
	return b[n : n+klen : n+klen]
}

// put stores a record and returns its place.
func (a *arena) put(key, value []byte) (ref, error) {
	need := recordBytes(len(key), len(value))
	words := roundWords((need + wordBytes - 1) / wordBytes)
	if words > maxSmallWords {
		return a.putLarge(need, key, value)
	}
	r, err := a.alloc(uint32(words))
	if err != nil {
		return 0, err
	}
	writeRecord(a.at(r), uint16(words), key, value)
	return r, nil
}

// replace overwrites the value of record r in place if it fits without wasting
// much, and reports whether it did.
func (a *arena) replace(r ref, key, value []byte) bool {
	b := a.at(r)
	words := binary.LittleEndian.Uint16(b)
	have := int(words) * wordBytes
	if words == 0 {
		have = len(b)
	}
	need := recordBytes(len(key), len(value))
	if need > have || have-need >= max(2*wordBytes, have/16) {
		return false
	}
	writeRecord(b, words, key, value)
	return true
}

// release gives up the live record r.
func (a *arena) release(r ref) {
	words := uint32(binary.LittleEndian.Uint16(a.at(r)))
	if words == 0 {
		n := uint32(r >> chunkShift)
		a.mapped -= int64(len(a.chunks[n].data))
		a.pages.unmap(a.chunks[n].data)
		a.chunks[n] = chunk{}
		a.unused = append(a.unused, n)
		return
	}
	a.addFree(r, words)
}

func (a *arena) putLarge(need int, key, value []byte) (ref, error) {
	need = (need + pageBytes - 1) &^ (pageBytes - 1)
	data, err := a.pages.mapRecords(need, false)
	if err != nil {
		return 0, err
	}
	n, err := a.number(chunk{data: data})
	if err != nil {
		a.pages.unmap(data)
		return 0, err
	}
	a.mapped += int64(need)
	writeRecord(data, 0, key, value)
	return ref(n) << chunkShift, nil
}

// alloc returns room for words, a size roundWords has returned.
func (a *arena) alloc(words uint32) (ref, error) {
	if r := a.heads[class(words)]; r != 0 {
		a.unlink(r, words)
		a.chunks[r>>chunkShift].free -= words * wordBytes
		a.free -= int64(words) * wordBytes
		return r, nil
	}
	if a.words(a.current)-a.next < words {
		a.retire()
		if err := a.addChunk(); err != nil {
			return 0, err
		}
	}
	r := ref(a.current)<<chunkShift | ref(a.next)
	a.next += words
	return r, nil
}

// retire turns the rest of the current chunk into free records.
func (a *arena) retire() {
	for end := a.words(a.current); a.next < end; {
		words := floorWords(min(end-a.next, maxSmallWords))
		r := ref(a.current)<<chunkShift | ref(a.next)
		a.next += words
		a.addFree(r, words)
	}
}

// words is the size of a chunk.
func (a *arena) words(n uint32) uint32 { return uint32(len(a.chunks[n].data) / wordBytes) }

// chunkSize is how many bytes the next chunk gets: as many as there are, within
// bounds.
func (a *arena) chunkSize() int {
	size := leastBytes
	for size < chunkBytes && int64(size) < a.mapped {
		size *= 2
	}
	return size
}

func (a *arena) addChunk() error {
	data := a.spare
	a.spare = nil
	if data == nil {
		var err error
		if data, err = a.pages.mapRecords(a.chunkSize(), a.mapped >= hugeFrom); err != nil {
			return err
		}
		a.mapped += int64(len(data))
	}
	n, err := a.number(chunk{data: data})
	if err != nil {
		a.spare = data
		return err
	}
	a.current, a.next = n, 0
	return nil
}

// number gives c the number of a released chunk, or a new one.
func (a *arena) number(c chunk) (uint32, error) {
	if n := len(a.unused); n > 0 {
		id := a.unused[n-1]
		a.unused = a.unused[:n-1]
		a.chunks[id] = c
		return id, nil
	}
	if len(a.chunks) == maxChunks {
		return 0, errArenaFull
	}
	a.chunks = append(a.chunks, c)
	return uint32(len(a.chunks) - 1), nil
}

// addFree makes a free record of words at r and links it, unless it lies where
// the running evacuation has already passed.
func (a *arena) addFree(r ref, words uint32) {
	b := a.at(r)
	binary.LittleEndian.PutUint16(b, uint16(words)|freeFlag)
	a.chunks[r>>chunkShift].free += words * wordBytes
	a.free += int64(words) * wordBytes
	if words < minWords || a.victim.passed(r) {
		return
	}
	c := class(words)
	head := a.heads[c]
	putRef(b[2:], head)
	putRef(b[7:], 0)
	if head != 0 {
		putRef(a.at(head)[7:], r)
	}
	a.heads[c] = r
}

// unlink takes the free record r of the given size out of its list.
func (a *arena) unlink(r ref, words uint32) {
	b := a.at(r)
	next, prev := getRef(b[2:]), getRef(b[7:])
	if prev == 0 {
		a.heads[class(words)] = next
	} else {
		putRef(a.at(prev)[2:], next)
	}
	if next != 0 {
		putRef(a.at(next)[7:], prev)
	}
}

func writeRecord(b []byte, words uint16, key, value []byte) {
	binary.LittleEndian.PutUint16(b, words)
	n := 2 + binary.PutUvarint(b[2:], uint64(len(key)))
	n += binary.PutUvarint(b[n:], uint64(len(value)))
	n += copy(b[n:], key)
	copy(b[n:], value)
}

// recordBytes is the size of a record before rounding.
func recordBytes(klen, vlen int) int {
	return 2 + uvarintLen(klen) + uvarintLen(vlen) + klen + vlen
}

func uvarintLen(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }

// uvarint reads a length the arena has written at b[at:] and returns it with
// the offset after it.
func uvarint(b []byte, at int) (v, next int) {
	if c := b[at]; c < 0x80 {
		return int(c), at + 1
	}
	u, n := binary.Uvarint(b[at:])
	return int(u), at + n
}

// roundWords rounds a size up to one that has a free list.
func roundWords(words int) int {
	if words <= exactWords {
		return max(words, minWords)
	}
	step := 1 << (bits.Len(uint(words)) - 5)
	return (words + step - 1) &^ (step - 1)
}

// floorWords rounds a size down to one that has a free list (or is one).
func floorWords(words uint32) uint32 {
	if words <= exactWords {
		return words
	}
	step := uint32(1) << (bits.Len32(words) - 5)
	return words &^ (step - 1)
}

// class is the free list of a size returned by roundWords or floorWords.
func class(words uint32) int {
	if words < exactWords {
		return int(words)
	}
	k := bits.Len32(words) - 1 // 9 and more
	return exactWords + (k-9)*16 + int(words-1<<k)>>(k-4)
}

func putRef(b []byte, r ref) {
	binary.LittleEndian.PutUint32(b, uint32(r))
	b[4] = byte(r >> 32)
}

func getRef(b []byte) ref {
	return ref(binary.LittleEndian.Uint32(b)) | ref(b[4])<<32
}
