package wire

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// AppendLong appends an int or a long: zig-zag, then seven bits to a byte. Small enough to be inlined.
func AppendLong(dst []byte, v int64) []byte {
	u := uint64(v<<1) ^ uint64(v>>63)
	for u >= 0x80 {
		dst = append(dst, byte(u)|0x80)
		u >>= 7
	}
	return append(dst, byte(u))
}

// AppendBool appends one byte, 0 or 1.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendFloat appends four bytes.
func AppendFloat(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

// AppendDouble appends eight bytes.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendString appends the length and the bytes of v.
func AppendString(dst []byte, v string) []byte { return append(AppendLong(dst, int64(len(v))), v...) }

// AppendBytes appends the length and the bytes of v.
func AppendBytes(dst, v []byte) []byte { return append(AppendLong(dst, int64(len(v))), v...) }

// AppendDecimal appends a decimal on bytes: the unscaled number in as few bytes as hold it, big end first.
func AppendDecimal(dst []byte, unscaled int64) []byte {
	n := 1
	for v := unscaled; v < -128 || v > 127; v >>= 8 {
		n++
	}
	dst = append(dst, byte(n<<1))
	for n--; n >= 0; n-- {
		dst = append(dst, byte(unscaled>>(8*n)))
	}
	return dst
}

// AppendDecimalFixed appends a decimal on a fixed type of size bytes, at least 8.
func AppendDecimalFixed(dst []byte, unscaled int64, size int) []byte {
	for range size - 8 {
		dst = append(dst, byte(unscaled>>63))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(unscaled))
}

// SortedKeys gives the keys of a map in the order generated codecs write them, so that equal maps have equal bytes.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Grow returns s with n more zero values at its end.
func Grow[T any](s []T, n int) []T {
	if s == nil {
		return make([]T, n)
	}
	return slices.Grow(s, n)[:len(s)+n]
}
