package state

import "hash/maphash"

// recent holds rows of a disk store that were read or written of late, absent ones included, as they are committed: a
// row that is changed again soon, as those of a visit are, is not looked up in Pebble's tables again. Rows are
// forgotten in two generations: when the younger one is full it becomes the older, and what is still read moves back.
type recent struct {
	seed       maphash.Seed
	young, old *Overlay
}

func (r *recent) hash(key []byte) uint64 {
	if r.young == nil {
		r.seed = maphash.MakeSeed()
		r.young, r.old = NewOverlay(r.seed), NewOverlay(r.seed)
	}
	return maphash.Bytes(r.seed, key)
}

// get is the row under key. The value is valid until the next age or forget, or until key is written.
func (r *recent) get(key []byte, hash uint64) (value []byte, deleted, ok bool) {
	if value, deleted, ok = r.young.GetHashed(key, hash); ok {
		return value, deleted, true
	}
	if value, deleted, ok = r.old.GetHashed(key, hash); !ok {
		return nil, false, false
	}
	if deleted {
		r.young.DeleteHashed(key, hash)
		return nil, true, true
	}
	r.young.PutHashed(key, value, hash)
	return value, false, true
}

// age ends the validity of what get has returned, and forgets the older half of what is more than room bytes.
func (r *recent) age(room int) {
	if r.young == nil || r.young.size() <= room/2 {
		return
	}
	r.old, r.young = r.young, r.old
	r.young.Reset()
	if r.old.size() > room { // a transaction that read very much
		r.old.Reset()
	}
}

// forget forgets everything and gives the memory back.
func (r *recent) forget() { *r = recent{} }
