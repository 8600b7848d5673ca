package avro

import (
	"fmt"
	"math"
)

var (
	errShort  = fmt.Errorf("%w: bytes end inside a value", ErrMalformed)
	errVarint = fmt.Errorf("%w: variable-length integer is too long", ErrMalformed)
)

// readLong reads a zig-zag variable-length integer.
func readLong(src []byte) (int64, []byte, error) {
	var u uint64
	for i, b := range src {
		if i == 9 && b > 1 {
			return 0, nil, errVarint
		}
		u |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return int64(u>>1) ^ -int64(u&1), src[i+1:], nil
		}
	}
	return 0, nil, errShort
}

// skipInt passes over an integer of 32 bits.
func skipInt(src []byte) ([]byte, error) {
	n, rest, err := readLong(src)
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		err = malformed("int of %d does not fit 32 bits", n)
	}
	if err != nil {
		return nil, err
	}
	return rest, nil
}

// readIndex reads the position of a union's branch or of an enum's symbol.
func readIndex(src []byte, n int, of string) (int, []byte, error) {
	i, rest, err := readLong(src)
	if err == nil && (i < 0 || i >= int64(n)) {
		err = malformed("index %d of %d %s", i, n, of)
	}
	if err != nil {
		return 0, nil, err
	}
	return int(i), rest, nil
}

// skipBytes passes over a length and as many bytes.
func skipBytes(src []byte) ([]byte, error) {
	n, rest, err := readLong(src)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, malformed("length %d", n)
	}
	if n > int64(len(rest)) {
		return nil, errShort
	}
	return rest[n:], nil
}

// readCount reads the head of a block of array items or map entries, of which each takes at least least bytes.
func readCount(src []byte, least int) (int64, []byte, error) {
	n, rest, err := readLong(src)
	if err != nil {
		return 0, nil, err
	}
	if n < 0 {
		if n == math.MinInt64 {
			return 0, nil, malformed("block of %d items", n)
		}
		n = -n
		var size int64
		if size, rest, err = readLong(rest); err != nil {
			return 0, nil, err
		}
		if size < 0 || size > int64(len(rest)) {
			return 0, nil, malformed("block of %d bytes where %d are left", size, len(rest))
		}
	}
	if least > 0 && n > int64(len(rest)/least) {
		return 0, nil, malformed("block of %d items in %d bytes", n, len(rest))
	}
	return n, rest, nil
}
