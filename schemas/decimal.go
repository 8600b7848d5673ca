package schemas

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scale is the number of digits behind the decimal point, as a type, so that amounts of different scale cannot be
// added by accident.
type Scale interface{ Digits() int }

// The scales contracts may use.
type (
	// Scale0 is no decimals.
	Scale0 struct{}
	// Scale1 is one decimal.
	Scale1 struct{}
	// Scale2 is two decimals.
	Scale2 struct{}
	// Scale3 is three decimals.
	Scale3 struct{}
	// Scale4 is four decimals.
	Scale4 struct{}
	// Scale5 is five decimals.
	Scale5 struct{}
	// Scale6 is six decimals.
	Scale6 struct{}
	// Scale7 is seven decimals.
	Scale7 struct{}
	// Scale8 is eight decimals.
	Scale8 struct{}
	// Scale9 is nine decimals.
	Scale9 struct{}
)

// Digits is 0.
func (Scale0) Digits() int { return 0 }

// Digits is 1.
func (Scale1) Digits() int { return 1 }

// Digits is 2.
func (Scale2) Digits() int { return 2 }

// Digits is 3.
func (Scale3) Digits() int { return 3 }

// Digits is 4.
func (Scale4) Digits() int { return 4 }

// Digits is 5.
func (Scale5) Digits() int { return 5 }

// Digits is 6.
func (Scale6) Digits() int { return 6 }

// Digits is 7.
func (Scale7) Digits() int { return 7 }

// Digits is 8.
func (Scale8) Digits() int { return 8 }

// Digits is 9.
func (Scale9) Digits() int { return 9 }

// Decimal is an exact number with a fixed count of decimal digits: Avro's decimal of precision 18 or less. The
// integer it is made of counts units of the last digit, so sums and comparisons are those of integers and
// order never changes a sum. The zero value is zero.
type Decimal[S Scale] int64

// Money is the mesh's amount of money: three decimals, because unit prices have up to three.
type Money = Decimal[Scale3]

// ErrDecimal is returned for text that is not a decimal number of the wanted scale, or too large for 18 digits.
var ErrDecimal = errors.New("not a decimal of this scale")

const maxUnscaled = 999_999_999_999_999_999

func pow10(n int) int64 {
	p := int64(1)
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

// Times is the amount multiplied by a whole number, such as a quantity.
func (d Decimal[S]) Times(n int64) Decimal[S] { return d * Decimal[S](n) }

// Neg is the amount with its sign turned.
func (d Decimal[S]) Neg() Decimal[S] { return -d }

// Unscaled is the count of units of the last digit.
func (d Decimal[S]) Unscaled() int64 { return int64(d) }

// Float is the nearest floating-point number, for display and models; never for sums of money.
func (d Decimal[S]) Float() float64 {
	var s S
	return float64(d) / float64(pow10(s.Digits()))
}

// Append appends the text of d, always with all its decimals.
func (d Decimal[S]) Append(dst []byte) []byte {
	var s S
	u := uint64(d)
	if d < 0 {
		dst = append(dst, '-')
		u = -u
	}
	n := s.Digits()
	p := uint64(pow10(n))
	dst = strconv.AppendUint(dst, u/p, 10)
	if n == 0 {
		return dst
	}
	dst = append(dst, '.')
	frac := strconv.FormatUint(u%p, 10)
	for i := len(frac); i < n; i++ {
		dst = append(dst, '0')
	}
	return append(dst, frac...)
}

// String is the text of d, always with all its decimals: "-12.500".
func (d Decimal[S]) String() string { return string(d.Append(nil)) }

// ParseDecimal reads a plain decimal number such as "-12.5" exactly. Digits beyond the scale must be zero.
func ParseDecimal[S Scale](text string) (Decimal[S], error) {
	var s S
	bad := func() (Decimal[S], error) {
		return 0, fmt.Errorf("%q: %w (%d decimals)", text, ErrDecimal, s.Digits())
	}
	t, neg := strings.CutPrefix(text, "-")
	whole, frac, dot := strings.Cut(t, ".")
	if whole == "" && frac == "" || dot && frac == "" {
		return bad()
	}
	var u int64
	digit := func(c byte) bool {
		if c < '0' || c > '9' || u > (math.MaxInt64-9)/10 {
			return false
		}
		u = u*10 + int64(c-'0')
		return true
	}
	for i := range len(whole) {
		if !digit(whole[i]) {
			return bad()
		}
	}
	n := s.Digits()
	for i := range max(n, len(frac)) {
		c := byte('0')
		if i < len(frac) {
			c = frac[i]
		}
		if i < n && !digit(c) || i >= n && c != '0' {
			return bad()
		}
	}
	if u > maxUnscaled {
		return bad()
	}
	if neg {
		u = -u
	}
	return Decimal[S](u), nil
}

// MarshalText writes the text of d.
func (d Decimal[S]) MarshalText() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalText reads what ParseDecimal accepts.
func (d *Decimal[S]) UnmarshalText(b []byte) error {
	v, err := ParseDecimal[S](string(b))
	if err == nil {
		*d = v
	}
	return err
}

// UnmarshalJSON accepts both a JSON string and a JSON number, whose digits are taken exactly as written. As
// everywhere in encoding/json, null changes nothing.
func (d *Decimal[S]) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		return nil
	}
	if len(b) > 1 && b[0] == '"' {
		text = string(b[1 : len(b)-1])
	}
	return d.UnmarshalText([]byte(text))
}
