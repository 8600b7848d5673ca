package state

import (
	"bytes"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unsafe"
)

// Overlay holds the pending writes of a transaction: the newest value, or the
// deletion, of every key written since Reset. The zero value is empty and ready
// to use.
//
// It is an open-addressing hash table over one buffer and holds no pointer per
// key. It keeps its memory over Reset, so a steady load allocates nothing; what
// a single large transaction needed is given back by a smaller one after it.
// Release hands the memory on to other overlays.
//
// An overlay holds somewhat below 4 GiB. Further writes are not kept, and Apply
// refuses the batch made from it with ErrTooLarge; MaxBatchBytes is reached
// long before.
type Overlay struct {
	seed  maphash.Seed
	given bool     // the seed is the caller's
	slots []uint32 // 1-based index into items; 0 is free; a power of two long
	items []item   // in the order in which keys were first written
	data  []byte   // keys and values
	bytes int
	usual int          // len(data) at the last Release
	room  *overlayRoom // what the memory came in, to be handed on in; nil for memory of its own
	over  bool         // a write was refused for want of room
}

// item is one written key. Key and value lie in data.
type item struct {
	hash     uint32
	key      uint32 // offset
	keyLen   uint32
	value    uint32 // offset
	valueLen uint32 // deletedLen marks a deletion
	valueCap uint32 // room at value
}

const (
	deletedLen      = math.MaxUint32
	minOverlaySlots = 64
)

// NewOverlay makes an overlay whose keys are hashed with a seed that others,
// such as a store, use too: what is known as maphash.Bytes of the key and that
// seed may then be given to GetHashed, PutHashed and DeleteHashed.
func NewOverlay(seed maphash.Seed) *Overlay { return &Overlay{seed: seed, given: true} }

// Get returns what was written to key. ok is false if nothing was: ask the
// store. deleted is true, and the value nil, if the key was deleted. The value
// is read only and valid until the next Put, Delete or Reset.
func (o *Overlay) Get(key []byte) (value []byte, deleted, ok bool) {
	if len(o.items) == 0 {
		return nil, false, false
	}
	return o.GetHashed(key, maphash.Bytes(o.seed, key))
}

// GetHashed is Get for a key whose hash is known; see NewOverlay.
func (o *Overlay) GetHashed(key []byte, hash uint64) (value []byte, deleted, ok bool) {
	if len(o.items) == 0 {
		return nil, false, false
	}
	it := o.find(key, uint32(hash))
	if it == nil {
		return nil, false, false
	}
	if it.valueLen == deletedLen {
		return nil, true, true
	}
	end := it.value + it.valueLen
	return o.data[it.value:end:end], false, true
}

// Put sets key to value. Both are copied.
func (o *Overlay) Put(key, value []byte) { o.PutHashed(key, value, o.hash(key)) }

// hash is that of key; the first one fixes the seed.
func (o *Overlay) hash(key []byte) uint64 {
	if len(o.slots) == 0 {
		o.grow()
	}
	return maphash.Bytes(o.seed, key)
}

// PutHashed is Put for a key whose hash is known; see NewOverlay.
func (o *Overlay) PutHashed(key, value []byte, hash uint64) {
	if uint64(len(o.data)+len(key))+2*uint64(len(value)) > math.MaxUint32 {
		o.over = true
		return
	}
	it := o.upsert(key, uint32(hash))
	n := uint32(len(value))
	if it.valueLen != deletedLen {
		o.bytes -= int(it.valueLen)
	}
	o.bytes += len(value)
	it.valueLen = n
	if n <= it.valueCap {
		copy(o.data[it.value:], value)
		return
	}
	room := n
	if it.valueCap > 0 {
		room += n / 4 // a value that keeps growing moves a logarithmic number of times
	}
	it.value, it.valueCap = uint32(len(o.data)), room
	o.data = append(o.data, value...)
	o.data = slices.Grow(o.data, int(room-n))[:len(o.data)+int(room-n)]
}

// Delete marks key as deleted; the key is copied.
func (o *Overlay) Delete(key []byte) { o.DeleteHashed(key, o.hash(key)) }

// DeleteHashed is Delete for a key whose hash is known; see NewOverlay.
func (o *Overlay) DeleteHashed(key []byte, hash uint64) {
	if uint64(len(o.data)+len(key)) > math.MaxUint32 {
		o.over = true
		return
	}
	it := o.upsert(key, uint32(hash))
	if it.valueLen != deletedLen {
		o.bytes -= int(it.valueLen)
	}
	it.valueLen = deletedLen
}

// Len returns the number of keys written.
func (o *Overlay) Len() int { return len(o.items) }

// Bytes returns the bytes of the written keys and their newest values.
func (o *Overlay) Bytes() int { return o.bytes }

// Range calls fn once for every written key, in the order of first writing,
// until fn returns false. fn must not write to the overlay. value is nil for a
// deletion.
func (o *Overlay) Range(fn func(key, value []byte, deleted bool) bool) {
	for i := range o.items {
		it := &o.items[i]
		key := o.data[it.key : it.key+it.keyLen : it.key+it.keyLen]
		if it.valueLen == deletedLen {
			if !fn(key, nil, true) {
				return
			}
			continue
		}
		end := it.value + it.valueLen
		if !fn(key, o.data[it.value:end:end], false) {
			return
		}
	}
}

// AppendTo adds the newest change of every written key to b.
func (o *Overlay) AppendTo(b *Batch) {
	b.big = b.big || o.over
	for i := range o.items {
		it := &o.items[i]
		key := o.data[it.key : it.key+it.keyLen]
		if it.valueLen == deletedLen {
			b.Delete(key)
		} else {
			b.Put(key, o.data[it.value:it.value+it.valueLen])
		}
	}
}

// size is about the memory that what was written takes, former values included.
func (o *Overlay) size() int { return len(o.data) + len(o.items)*int(unsafe.Sizeof(item{})) }

// idleOverlay is how much memory an overlay keeps however little of it is used.
const idleOverlay = 64 << 10

// Reset forgets all writes and keeps the memory, of much memory only what was
// used to a quarter.
func (o *Overlay) Reset() {
	const perItem = int(unsafe.Sizeof(item{}))
	if all := cap(o.data) + cap(o.items)*perItem; all > idleOverlay && o.size() < all/4 {
		o.slots, o.items, o.data = nil, nil, nil
	}
	o.empty()
}

// empty forgets all writes.
func (o *Overlay) empty() {
	if len(o.items)*8 > len(o.slots) {
		clear(o.slots)
	} else { // a small transaction after a large one need not clear it all
		mask := uint32(len(o.slots) - 1)
		for i := range o.items {
			s := o.items[i].hash & mask
			for o.slots[s] != uint32(i+1) {
				s = (s + 1) & mask
			}
			// Emptying a slot would cut the probe chains of later items that
			// pass over it; a marker keeps them whole until all are visited.
			o.slots[s] = math.MaxUint32
		}
		for i := range o.items {
			s := o.items[i].hash & mask
			for o.slots[s] == math.MaxUint32 {
				o.slots[s] = 0
				s = (s + 1) & mask
			}
		}
	}
	o.items, o.data, o.bytes = o.items[:0], o.data[:0], 0
	o.over = false
}

// overlayRoom is memory of overlays that is handed on: slots are zero.
type overlayRoom struct {
	slots []uint32
	items []item
	data  []byte
}

// overlayRooms are spare memory by the power of two of its data. They are caches without meaning, hence shared by all
// overlays of the process.
var overlayRooms [32]sync.Pool

// leastRoom is what an overlay keeps for itself, in bytes of data.
const leastRoom = 4 << 10

// Release is Reset that hands much memory on to other overlays. A process has hundreds of overlays, of which few are
// being written at a time.
func (o *Overlay) Release() {
	o.usual = len(o.data)
	o.empty()
	if cap(o.data) <= leastRoom {
		return
	}
	r := o.room
	if r == nil {
		r = &overlayRoom{}
	}
	r.slots, r.items, r.data = o.slots, o.items, o.data
	o.slots, o.items, o.data, o.room = nil, nil, nil, nil
	overlayRooms[min(bits.Len(uint(cap(r.data)))-1, len(overlayRooms)-1)].Put(r)
}

// begin takes memory for the first write, as much as was needed last time.
func (o *Overlay) begin() {
	if !o.given {
		o.seed = maphash.MakeSeed()
	}
	if o.usual > leastRoom {
		if r, ok := overlayRooms[min(bits.Len(uint(o.usual-1)), len(overlayRooms)-1)].Get().(*overlayRoom); ok {
			o.slots, o.items, o.data, o.room = r.slots, r.items, r.data, r
			r.slots, r.items, r.data = nil, nil, nil
			return
		}
		o.data = make([]byte, 0, 1<<bits.Len(uint(o.usual-1)))
	}
	o.slots = make([]uint32, minOverlaySlots)
}

func (o *Overlay) find(key []byte, hash uint32) *item {
	mask := uint32(len(o.slots) - 1)
	for s := hash & mask; ; s = (s + 1) & mask {
		i := o.slots[s]
		if i == 0 {
			return nil
		}
		it := &o.items[i-1]
		if it.hash == hash && bytes.Equal(o.data[it.key:it.key+it.keyLen], key) {
			return it
		}
	}
}

// upsert returns the item of key, adding one that is marked deleted and has no
// room if there is none.
func (o *Overlay) upsert(key []byte, hash uint32) *item {
	if len(o.items)*4 >= len(o.slots)*3 {
		o.grow()
	}
	mask := uint32(len(o.slots) - 1)
	s := hash & mask
	for ; o.slots[s] != 0; s = (s + 1) & mask {
		it := &o.items[o.slots[s]-1]
		if it.hash == hash && bytes.Equal(o.data[it.key:it.key+it.keyLen], key) {
			return it
		}
	}
	at := uint32(len(o.data))
	o.data = append(o.data, key...)
	o.items = append(o.items, item{hash: hash, key: at, keyLen: uint32(len(key)), valueLen: deletedLen})
	o.slots[s] = uint32(len(o.items))
	o.bytes += len(key)
	return &o.items[len(o.items)-1]
}

func (o *Overlay) grow() {
	if len(o.slots) == 0 {
		o.begin()
		return
	}
	n := 2 * len(o.slots)
	o.slots = make([]uint32, n)
	mask := uint32(n - 1)
	for i := range o.items {
		s := o.items[i].hash & mask
		for o.slots[s] != 0 {
			s = (s + 1) & mask
		}
		o.slots[s] = uint32(i + 1)
	}
}
