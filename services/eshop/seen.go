package eshop

import (
	"encoding/binary"
	"time"

	"meshwork.dev/schemas/shop"
)

// A visitor's row remembers what was taken in, in two generations: when the newer one is a day old or holds 256 ids,
// it becomes the older one. So an id is known for a day, or for 256 further actions of the visitor.
const (
	seenFor  = 24 * time.Hour
	seenMany = 256 * idLen
	idLen    = 8
)

// repeated says whether an action was taken in before, and remembers it. Ids are condensed to 64 bits: among the ids
// of one visitor two alike are as good as impossible.
func repeated(row *shop.Visitor, id string, at time.Time) bool {
	h := condense(id)
	if holds(row.SeenNew, h) || holds(row.SeenOld, h) {
		return true
	}
	if len(row.SeenNew) >= seenMany || at.Sub(row.SeenSince) > seenFor {
		row.SeenOld, row.SeenNew, row.SeenSince = row.SeenNew, nil, at
	}
	row.SeenNew = binary.BigEndian.AppendUint64(row.SeenNew, h)
	return false
}

func holds(ids []byte, h uint64) bool {
	for ; len(ids) >= idLen; ids = ids[idLen:] {
		if binary.BigEndian.Uint64(ids) == h {
			return true
		}
	}
	return false
}

// condense is FNV-1a with its bits well mixed.
func condense(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
