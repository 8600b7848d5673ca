package state

import "encoding/binary"

const noChunk = ^uint32(0)

// compaction is the state of the evacuation of one chunk. It walks the chunk
// twice, in steps: first to take its free records out of the lists, so that
// nothing is put there any more, then to move what lives in it elsewhere.
type compaction struct {
	chunk  uint32 // noChunk when idle
	moving bool   // second walk
	at     uint32 // next word to look at
}

// passed reports whether a record freed at r must not be linked.
func (c *compaction) passed(r ref) bool {
	return r>>chunkShift == ref(c.chunk) && (c.moving || r&(chunkWords-1) < ref(c.at))
}

// slack is how many bytes of free records are tolerated before chunks are
// evacuated: an eighth of the memory, and two chunks for small stores.
func (a *arena) slack() int64 { return a.mapped/8 + 2*int64(a.chunkSize()) }

// compact does about budget bytes worth of evacuation if there is need. moved
// is told the new place of every record that moves.
func (a *arena) compact(budget int64, moved func(from, to ref)) error {
	for budget > 0 {
		if a.victim.chunk == noChunk && !a.pickVictim() {
			return nil
		}
		n, err := a.evacuate(moved)
		if err != nil {
			return err
		}
		budget -= n
	}
	return nil
}

// compactionFactor is how many bytes to evacuate for each byte written: the
// nearer the free space comes to twice its bound, the more. A victim has at
// least the average share of free space, so from an eighth on, writing cannot
// outrun a factor of eight.
func (a *arena) compactionFactor() int64 {
	over := a.free - a.slack()
	if over <= 0 {
		return 1
	}
	return 2 + 14*over/a.slack()
}

func (a *arena) pickVictim() bool {
	if a.free <= a.slack() {
		return false
	}
	best, free := noChunk, uint32(0)
	for i := range a.chunks {
		if c := &a.chunks[i]; c.free > free && uint32(i) != a.current {
			best, free = uint32(i), c.free
		}
	}
	a.victim = compaction{chunk: best}
	return best != noChunk
}

// evacuate handles the next record of the victim and returns its cost.
func (a *arena) evacuate(moved func(from, to ref)) (int64, error) {
	v := &a.victim
	if v.at == a.words(v.chunk) {
		a.turn()
		return 0, nil
	}
	r := ref(v.chunk)<<chunkShift | ref(v.at)
	b := a.at(r)
	head := binary.LittleEndian.Uint16(b)
	words := uint32(head &^ freeFlag)
	isFree := head&freeFlag != 0
	if !v.moving {
		v.at += words
		if isFree && words >= minWords {
			a.unlink(r, words)
		}
		return wordBytes, nil
	}
	if !isFree {
		to, err := a.alloc(words)
		if err != nil {
			return 0, err
		}
		copy(a.at(to)[:words*wordBytes], b)
		moved(r, to)
		a.addFree(r, words)
	}
	v.at += words
	return int64(words) * wordBytes, nil
}

// turn ends a walk over the victim.
func (a *arena) turn() {
	v := &a.victim
	if !v.moving {
		v.moving, v.at = true, 0
		return
	}
	c := &a.chunks[v.chunk]
	a.free -= int64(c.free)
	if a.spare == nil {
		a.spare = c.data
	} else {
		a.mapped -= int64(len(c.data))
		a.pages.unmap(c.data)
	}
	a.unused = append(a.unused, v.chunk)
	*c = chunk{}
	v.chunk = noChunk
}
