package kafka

import (
	"encoding/binary"
	"math/bits"
)

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

func varintLen(v int64) int { return (bits.Len64(zigzag(v)|1) + 6) / 7 }

func appendVarint(dst []byte, v int64) []byte {
	u := zigzag(v)
	if u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendUvarint(dst, u)
}

func putVarint(dst []byte, v int64) { binary.PutUvarint(dst, zigzag(v)) }

// appendVarBytes appends a byte string with its length, -1 for nil.
func appendVarBytes(dst, p []byte) []byte {
	if p == nil {
		return append(dst, 1)
	}
	dst = appendVarint(dst, int64(len(p)))
	return append(dst, p...)
}

// varint reads a zigzag number; n <= 0 when p holds none.
func varint(p []byte) (v int64, n int) {
	u, n := binary.Uvarint(p)
	return int64(u>>1) ^ -int64(u&1), n
}
