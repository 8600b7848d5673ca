package schemas

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"testing/quick"
)

func TestDecimalText(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "1": 1000, "1.5": 1500, "-12.500": -12500, ".5": 500, "0.001": 1, "-0.001": -1,
		"12.50000": 12500, "999999999999999.999": 999_999_999_999_999_999, "000001": 1000,
	} {
		d, err := ParseDecimal[Scale3](text)
		if err != nil || d.Unscaled() != want {
			t.Errorf("%q: %d, %v; want %d", text, d, err, want)
		}
	}
	for _, text := range []string{
		"", "-", ".", "5.", "1.0001", "1,5", "1e3", "+1", " 1", "0x1", "--1", "1.2.3", "NaN", "1000000000000000.000",
		"99999999999999999999999999", "٣",
	} {
		if d, err := ParseDecimal[Scale3](text); !errors.Is(err, ErrDecimal) {
			t.Errorf("%q: %v, %v; want an error", text, d, err)
		}
	}
	for d, want := range map[Money]string{0: "0.000", 1: "0.001", -1: "-0.001", 12345: "12.345", -1000: "-1.000", math.MinInt64: "-9223372036854775.808"} {
		if got := d.String(); got != want {
			t.Errorf("%d: %q, want %q", int64(d), got, want)
		}
	}
	if got := Decimal[Scale0](-7).String(); got != "-7" {
		t.Error(got)
	}
	if got := Decimal[Scale9](1).String(); got != "0.000000001" {
		t.Error(got)
	}
}

func TestDecimalRoundTrip(t *testing.T) {
	if err := quick.Check(func(n int64) bool {
		d := Decimal[Scale3](n % (maxUnscaled + 1))
		back, err := ParseDecimal[Scale3](d.String())
		text, jsonErr := json.Marshal(d)
		var fromJSON Money
		return err == nil && back == d && jsonErr == nil && json.Unmarshal(text, &fromJSON) == nil && fromJSON == d
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestDecimalJSON(t *testing.T) {
	var v struct{ A, B, C Money }
	v.C = 7
	if err := json.Unmarshal([]byte(`{"A":"-12.5","B":0.1,"C":null}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.A != -12500 || v.B != 100 || v.C != 7 {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{`{"A":1e2}`, `{"A":"x"}`, `{"A":[]}`, `{"A":""}`, `{"A":0.0001}`} {
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestDecimalArithmetic(t *testing.T) {
	price := Money(2550) // 2.550
	if got := price.Times(3) + price.Neg(); got.String() != "5.100" {
		t.Error(got)
	}
	if got := price.Float(); got != 2.55 {
		t.Error(got)
	}
	// The sum that floating point gets wrong.
	var sum Money
	for range 10 {
		sum += 100
	}
	if sum.String() != "1.000" {
		t.Error(sum)
	}
}
