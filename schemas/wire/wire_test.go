package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"testing/quick"
)

// read runs fn on a message and returns what Finish says.
func read(src []byte, fn func(*Reader)) error {
	r := NewReader(src)
	fn(&r)
	return r.Finish("X")
}

func TestLong(t *testing.T) {
	check := func(v int64) bool {
		text := AppendLong(nil, v)
		var got int64
		err := read(text, func(r *Reader) { got = r.Long() })
		return bytes.Equal(text, binary.AppendVarint(nil, v)) && err == nil && got == v
	}
	for _, v := range []int64{0, -1, 1, 63, 64, -64, -65, 8191, 8192, 1<<20 - 1, 1 << 20, 1 << 27, 1 << 34, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		if !check(v) {
			t.Error(v)
		}
	}
	if err := quick.Check(check, nil); err != nil {
		t.Error(err)
	}
	for want, src := range map[error][][]byte{
		ErrTruncated: {{}, {0x80}, bytes.Repeat([]byte{0x80}, 9)},
		ErrMalformed: {bytes.Repeat([]byte{0x80}, 10), bytes.Repeat([]byte{0xff}, 20), append(bytes.Repeat([]byte{0xff}, 9), 2)},
		ErrTrailing:  {{0, 0}},
	} {
		for _, b := range src {
			if err := read(b, func(r *Reader) { r.Long() }); !errors.Is(err, want) {
				t.Errorf("%x: %v, want %v", b, err, want)
			}
		}
	}
}

func TestInt(t *testing.T) {
	for v, ok := range map[int64]bool{math.MaxInt32: true, math.MinInt32: true, math.MaxInt32 + 1: false, math.MinInt32 - 1: false} {
		var got int32
		err := read(AppendLong(nil, v), func(r *Reader) { got = r.Int() })
		if (err == nil) != ok || ok && int64(got) != v {
			t.Errorf("%d: %d, %v", v, got, err)
		}
	}
}

func TestDecimal(t *testing.T) {
	check := func(v int64) bool {
		text := AppendDecimal(nil, v)
		fixed := AppendDecimalFixed(nil, v, 12)
		var got, gotFixed int64
		err := read(text, func(r *Reader) { got = r.Decimal() })
		errFixed := read(fixed, func(r *Reader) { gotFixed = r.DecimalFixed(12) })
		shortest := len(text) == 2 || text[1] != byte(int8(text[2])>>7) // no byte that only repeats the sign
		return err == nil && errFixed == nil && got == v && gotFixed == v && len(fixed) == 12 && shortest
	}
	for _, v := range []int64{0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, math.MaxInt64, math.MinInt64} {
		if !check(v) {
			t.Error(v)
		}
	}
	if err := quick.Check(func(v int64, shift uint8) bool { return check(v >> (shift % 64)) }, nil); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]error{
		"\x00":             nil, // no bytes are zero
		"\x06\x00\x00\x7f": nil, // longer than needed
		"\x12\x00\x80\x00\x00\x00\x00\x00\x00\x00": ErrMalformed, // 2^63
		"\x12\x01\x00\x00\x00\x00\x00\x00\x00\x00": ErrMalformed, // 2^64
		"\x04\x00": ErrTruncated,
	} {
		if err := read([]byte(text), func(r *Reader) { r.Decimal() }); !errors.Is(err, want) {
			t.Errorf("%x: %v, want %v", text, err, want)
		}
	}
}

func TestFixedWidths(t *testing.T) {
	var dst []byte
	dst = AppendBool(AppendBool(dst, true), false)
	dst = AppendFloat(AppendDouble(dst, -2.5), 1.25)
	dst = append(dst, 1, 2, 3)
	var fixed [3]byte
	err := read(dst, func(r *Reader) {
		if !r.Bool() || r.Bool() || r.Double() != -2.5 || r.Float() != 1.25 {
			t.Error("another value")
		}
		r.Fixed(fixed[:])
	})
	if err != nil || fixed != [3]byte{1, 2, 3} {
		t.Error(fixed, err)
	}
	if err := read([]byte{2}, func(r *Reader) { r.Bool() }); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	for _, fn := range []func(*Reader){
		func(r *Reader) { r.Bool() }, func(r *Reader) { r.Float() }, func(r *Reader) { r.Double() },
		func(r *Reader) { r.Fixed(make([]byte, 1)) }, func(r *Reader) { r.DecimalFixed(8) },
	} {
		if err := read(nil, fn); !errors.Is(err, ErrTruncated) {
			t.Error(err)
		}
	}
}

func TestStringsShareOneCopy(t *testing.T) {
	src := AppendString(AppendString(AppendString(AppendLong(nil, 7), ""), "one"), "żółw")
	src = AppendBytes(AppendBytes(src, []byte("raw")), nil)
	var got []string
	var raw, none []byte
	decode := func() {
		err := read(src, func(r *Reader) {
			r.Long()
			got = append(got[:0], r.String(), r.String(), r.String())
			raw, none = r.Bytes(), r.Bytes()
		})
		if err != nil {
			t.Error(err)
		}
	}
	if n := testing.AllocsPerRun(10, decode); n > 3 { // the strings, the bytes, and the reader that the closure takes
		t.Errorf("%.0f allocations for two strings and one bytes", n)
	}
	clear(src)
	if got[0] != "" || got[1] != "one" || got[2] != "żółw" || string(raw) != "raw" || none != nil {
		t.Errorf("%q %q: they must not alias the message", got, raw)
	}
}

func TestFirstFaultStays(t *testing.T) {
	r := NewReader([]byte{2, 9, 9, 9})
	r.Bool()
	if r.Failed() {
		// 2 is no boolean
	} else {
		t.Error("not failed")
	}
	if r.Long() != 0 || r.String() != "" || r.Double() != 0 || r.Block(1) != 0 || r.Present() || r.PresentFirst() || r.Index(3) != 0 {
		t.Error("a value after a fault")
	}
	if err := r.Finish("X"); !errors.Is(err, ErrMalformed) || err.Error() != "avro X: malformed value at byte 0 of 4" {
		t.Error(err)
	}
}

func TestBlocks(t *testing.T) {
	long := func(vs ...int64) (b []byte) {
		for _, v := range vs {
			b = AppendLong(b, v)
		}
		return b
	}
	for _, c := range []struct {
		src  []byte
		min  int
		want int
		err  error
	}{
		{long(0), 1, 0, nil},
		{append(long(3), 1, 2, 3), 1, 3, nil},
		{append(long(-3, 3), 1, 2, 3), 1, 3, nil},
		{append(long(3), 1, 2), 1, 0, ErrMalformed},
		{append(long(2), 1, 2, 3), 2, 0, ErrMalformed},
		{append(long(-1, 9), 1), 1, 0, ErrMalformed},
		{append(long(-1, -1), 1), 1, 0, ErrMalformed},
		{long(math.MaxInt64), 1, 0, ErrMalformed},
		{long(math.MinInt64, 0), 1, 0, ErrMalformed},
		{long(math.MaxInt64), 0, 0, ErrMalformed},
		{long(math.MinInt64, 0), 0, 0, ErrMalformed},
		{long(MaxEmptyItems), 0, MaxEmptyItems, nil},
		{long(MaxEmptyItems + 1), 0, 0, ErrMalformed},
		{nil, 1, 0, ErrTruncated},
	} {
		r := NewReader(c.src)
		got := r.Block(c.min)
		for range got * c.min {
			r.Long()
		}
		if err := r.Finish("X"); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%x: %d, %v; want %d, %v", c.src, got, err, c.want, c.err)
		}
	}
	r := NewReader(long(MaxEmptyItems/2, MaxEmptyItems/2, 1))
	if a, b, c := r.Block(0), r.Block(0), r.Block(0); a == 0 || b == 0 || c != 0 || !r.Failed() {
		t.Error("the bound on items without bytes is one for the whole message")
	}
}

func TestIndex(t *testing.T) {
	for _, c := range []struct {
		src                   []byte
		index                 int
		present, presentFirst bool
		ok                    bool
	}{{[]byte{0}, 0, false, true, true}, {[]byte{2}, 1, true, false, true}, {[]byte{4}, 0, false, false, false}, {[]byte{1}, 0, false, false, false}} {
		a, b, d := NewReader(c.src), NewReader(c.src), NewReader(c.src)
		if a.Index(2) != c.index || b.Present() != c.present || d.PresentFirst() != c.presentFirst || a.Failed() == c.ok || d.Failed() == c.ok {
			t.Errorf("%x", c.src)
		}
	}
}

func TestGrowAndSortedKeys(t *testing.T) {
	if s := Grow([]int(nil), 2); len(s) != 2 {
		t.Error(s)
	}
	if s := Grow([]int{1}, 2); len(s) != 3 || s[0] != 1 || s[1] != 0 {
		t.Error(s)
	}
	if k := SortedKeys(map[string]int{"b": 1, "a": 2}); len(k) != 2 || k[0] != "a" {
		t.Error(k)
	}
}
