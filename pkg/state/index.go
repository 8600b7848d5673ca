package state

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

// A slot of the index holds the place of a record and some bits of its key's
// hash, so that other records are rarely looked at.
//
//	bits 0..37  ref       bits 38..63  tag
const (
	emptySlot   = 0
	deletedSlot = 1
	refMask     = 1<<refBits - 1

	segmentSlots = 1024
	maxUsed      = segmentSlots * 13 / 16 // split or clean up beyond
	segmentBytes = segmentSlots * 8
	groupSize    = 256 // segments per mapping, in the first 256 segments fewer
	firstGroups  = 6   // mappings of the first 256 segments: 8, 8, 16, 32, 64, 128
)

// index finds records by key. It is an extendible hash table: a directory,
// addressed by the leading bits of the hash, of small open-addressing segments.
// A full segment is split alone, so growing takes many short steps and never a
// long one.
type index struct {
	seed     maphash.Seed
	depth    uint8    // leading hash bits that address dir
	dir      []uint32 // segment numbers
	segments []segment
	groups   [][]byte // memory of the segments
	mapped   int64    // bytes of them
	pages    *Pages
	arena    *arena
}

// segment describes the slots of one segment.
type segment struct {
	live  uint16 // slots with a record
	used  uint16 // slots that are not empty
	depth uint8  // leading hash bits its keys have in common
}

type slots = [segmentSlots]uint64

func newIndex(a *arena) (*index, error) {
	x := &index{seed: maphash.MakeSeed(), arena: a, pages: a.pages}
	if _, err := x.addSegment(0); err != nil {
		return nil, err
	}
	x.dir = []uint32{0}
	return x, nil
}

func (x *index) close() {
	for _, g := range x.groups {
		x.pages.unmap(g)
	}
	*x = index{}
}

func (x *index) bytes() int64 {
	return x.mapped + int64(len(x.dir))*4 + int64(cap(x.segments))*6
}

func (x *index) hash(key []byte) uint64 { return maphash.Bytes(x.seed, key) }

func tagOf(hash uint64) uint64 { return hash >> 10 << refBits }

func (x *index) segmentOf(hash uint64) uint32 { return x.dir[hash>>(64-x.depth)] }

func (x *index) slots(id uint32) *slots {
	g, at := groupOf(id)
	b := x.groups[g][at*segmentBytes:]
	return (*slots)(unsafe.Pointer(unsafe.SliceData(b))) //nolint:gosec // b is as long as a segment and outlives it
}

// groupOf says which mapping a segment lies in, and as the how manieth.
func groupOf(id uint32) (group, at uint32) {
	if id >= groupSize {
		return firstGroups + id/groupSize - 1, id % groupSize
	}
	if id < 8 {
		return 0, id
	}
	n := uint32(bits.Len32(id)) // 4 for 8 to 15
	return n - 3, id - 1<<(n-1)
}

// find returns the slot of key, or nil. The slot is valid until the next insert.
func (x *index) find(key []byte, hash uint64) *uint64 {
	s := x.slots(x.segmentOf(hash))
	tag := tagOf(hash)
	for i := hash % segmentSlots; ; i = (i + 1) % segmentSlots {
		v := s[i]
		if v == emptySlot {
			return nil
		}
		if v&^refMask == tag && v != deletedSlot && bytes.Equal(x.arena.key(ref(v&refMask)), key) {
			return &s[i]
		}
	}
}

// insert adds a record whose key is known to be absent.
func (x *index) insert(hash uint64, r ref) error {
	id := x.segmentOf(hash)
	for x.segments[id].used >= maxUsed {
		if err := x.makeRoom(hash); err != nil {
			return err
		}
		id = x.segmentOf(hash)
	}
	x.place(id, hash, r)
	return nil
}

// place puts a record into the first slot free for it in segment id.
func (x *index) place(id uint32, hash uint64, r ref) {
	s := x.slots(id)
	i := hash % segmentSlots
	for s[i] != emptySlot && s[i] != deletedSlot {
		i = (i + 1) % segmentSlots
	}
	if s[i] == emptySlot {
		x.segments[id].used++
	}
	x.segments[id].live++
	s[i] = tagOf(hash) | uint64(r)
}

// remove empties a slot found by find with the same hash.
func (x *index) remove(hash uint64, slot *uint64) {
	*slot = deletedSlot
	x.segments[x.segmentOf(hash)].live--
}

// moved gives the record that was at from its new place.
func (x *index) moved(from, to ref) {
	hash := x.hash(x.arena.key(to))
	s := x.slots(x.segmentOf(hash))
	old := tagOf(hash) | uint64(from)
	i := hash % segmentSlots
	for s[i] != old {
		i = (i + 1) % segmentSlots
	}
	s[i] = tagOf(hash) | uint64(to)
}

// makeRoom splits the segment of hash in two, or only drops the marks of
// removed records if there are many.
func (x *index) makeRoom(hash uint64) error {
	id := x.segmentOf(hash)
	depth := x.segments[id].depth
	if int(x.segments[id].live) > maxUsed/2 {
		if depth == x.depth {
			x.double()
		}
		depth++
		other, err := x.addSegment(depth)
		if err != nil {
			return err
		}
		span := 1 << (x.depth - depth) // directory entries of each half
		first := int(hash>>(64-x.depth)) &^ (2*span - 1)
		for i := range span {
			x.dir[first+span+i] = other
		}
	}
	s := x.slots(id)
	old := *s
	*s = slots{}
	x.segments[id] = segment{depth: depth}
	for _, v := range old {
		if v == emptySlot || v == deletedSlot {
			continue
		}
		r := ref(v & refMask)
		h := x.hash(x.arena.key(r))
		x.place(x.segmentOf(h), h, r)
	}
	return nil
}

func (x *index) double() {
	dir := make([]uint32, 2*len(x.dir))
	for i, id := range x.dir {
		dir[2*i], dir[2*i+1] = id, id
	}
	x.dir = dir
	x.depth++
}

func (x *index) addSegment(depth uint8) (uint32, error) {
	id := len(x.segments)
	if g, _ := groupOf(uint32(id)); int(g) == len(x.groups) {
		n := min(max(id, 8), groupSize) * segmentBytes
		m, err := x.pages.mapIndex(n, id >= groupSize)
		if err != nil {
			return 0, err
		}
		x.groups = append(x.groups, m)
		x.mapped += int64(n)
	}
	x.segments = append(x.segments, segment{depth: depth})
	return uint32(id), nil
}

// visit calls fn with the records whose hash lies in [from, from+width), a
// range inside one segment, until fn returns false, and reports whether all
// were visited. With a width of 0 the range reaches to the end of the segment
// that from is in.
func (x *index) visit(from, width uint64, fn func(r ref) bool) (next uint64, all bool) {
	id := x.segmentOf(from)
	room := uint64(0) // the whole hash space, 1<<64
	if d := x.segments[id].depth; d > 0 {
		room = 1 << (64 - d)
	}
	end := (from &^ (room - 1)) + room // 0 after the last segment
	whole := from&(room-1) == 0
	if width != 0 && width-1 < end-from-1 { // a difference of 0 stands for 1<<64
		end, whole = from+width, false
	}
	for _, v := range x.slots(id) {
		if v == emptySlot || v == deletedSlot {
			continue
		}
		r := ref(v & refMask)
		if !whole && x.hash(x.arena.key(r))-from >= end-from {
			continue
		}
		if !fn(r) {
			return end, false
		}
	}
	return end, true
}
