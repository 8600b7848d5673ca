package avro

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/avro/schema"
)

func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, malformed("not JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed("more than one JSON value")
	}
	return v, nil
}

// appendAvro appends a decoded JSON value as Avro of s.
func appendAvro(dst []byte, s *schema.Schema, v any, path string, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, malformed("%s: nested deeper than %d", path, maxDepth)
	}
	bad := func() ([]byte, error) {
		return dst, malformed("%s: %s is not a value of %s", path, show(v), describe(s))
	}
	switch s.Kind {
	case schema.Null:
		if v != nil {
			return bad()
		}
		return dst, nil
	case schema.Boolean:
		on, ok := v.(bool)
		if !ok {
			return bad()
		}
		if on {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case schema.Int, schema.Long:
		n, ok := integer(s, v)
		if !ok || s.Kind == schema.Int && n != int64(int32(n)) {
			return bad()
		}
		return binary.AppendVarint(dst, n), nil
	case schema.Float, schema.Double:
		x, ok := float(v)
		if !ok {
			return bad()
		}
		if s.Kind == schema.Float {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(x))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x)), nil
	case schema.String:
		text, ok := v.(string)
		if !ok {
			return bad()
		}
		return append(binary.AppendVarint(dst, int64(len(text))), text...), nil
	case schema.Enum:
		text, _ := v.(string)
		i := slices.Index(s.Symbols, text)
		if i < 0 {
			return bad()
		}
		return binary.AppendVarint(dst, int64(i)), nil
	case schema.Bytes, schema.Fixed:
		b, ok := octets(s, v)
		if !ok {
			return bad()
		}
		if s.Kind == schema.Bytes {
			dst = binary.AppendVarint(dst, int64(len(b)))
		}
		return append(dst, b...), nil
	case schema.Array:
		items, ok := v.([]any)
		if !ok {
			return bad()
		}
		return appendItems(dst, s, items, path, depth)
	case schema.Map, schema.Record:
		m, ok := v.(map[string]any)
		if !ok {
			return bad()
		}
		if s.Kind == schema.Map {
			return appendEntries(dst, s, m, path, depth)
		}
		return appendFields(dst, s, m, path, depth)
	case schema.Union:
		return appendBranch(dst, s, v, path, depth)
	}
	return bad()
}

func appendItems(dst []byte, s *schema.Schema, items []any, path string, depth int) ([]byte, error) {
	if len(items) > 0 {
		dst = binary.AppendVarint(dst, int64(len(items)))
	}
	for i, item := range items {
		var err error
		if dst, err = appendAvro(dst, s.Items, item, sprintf("%s[%d]", path, i), depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func appendEntries(dst []byte, s *schema.Schema, m map[string]any, path string, depth int) ([]byte, error) {
	if len(m) > 0 {
		dst = binary.AppendVarint(dst, int64(len(m)))
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		dst = append(binary.AppendVarint(dst, int64(len(k))), k...)
		var err error
		if dst, err = appendAvro(dst, s.Items, m[k], sprintf("%s[%q]", path, k), depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func appendFields(dst []byte, s *schema.Schema, m map[string]any, path string, depth int) ([]byte, error) {
	for name := range m {
		if s.FieldByName(name) == nil {
			return dst, malformed("%s: %s has no field %q", path, s.Name, name)
		}
	}
	var err error
	for _, f := range s.Fields {
		at := path + "." + f.Name
		v, ok := m[f.Name]
		switch {
		case ok:
			dst, err = appendAvro(dst, f.Type, v, at, depth+1)
		case f.Default != nil:
			dst, err = f.Type.AppendDefault(dst, f.Default)
		default:
			err = malformed("%s is missing and has no default", at)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendBranch takes the first branch that the value fits, or the one that a wrapper {"branch": value} names.
func appendBranch(dst []byte, s *schema.Schema, v any, path string, depth int) ([]byte, error) {
	start := len(dst)
	var failure error
	for _, likely := range []bool{true, false} {
		for i, b := range s.Branches {
			if likelyBranch(b, v) != likely {
				continue
			}
			out, err := appendAvro(binary.AppendVarint(dst[:start], int64(i)), b, v, path, depth+1)
			if err == nil {
				return out, nil
			}
			if failure == nil || b.Kind == schema.Record {
				failure = err // of all that failed, a record's reason says most
			}
		}
	}
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		for i, b := range s.Branches {
			if inner, ok := m[b.TypeName()]; ok {
				return appendAvro(binary.AppendVarint(dst[:start], int64(i)), b, inner, path, depth+1)
			}
		}
	}
	return dst[:start], failure
}

// likelyBranch reports whether a number is written as values of the branch are: floating-point ones with a point or an
// exponent, and a float with no more digits than it can hold; and whether an object has the fields of the branch.
func likelyBranch(b *schema.Schema, v any) bool {
	if m, ok := v.(map[string]any); ok {
		return b.Kind == schema.Record && len(m) == len(b.Fields) &&
			!slices.ContainsFunc(b.Fields, func(f *schema.Field) bool { _, ok := m[f.Name]; return !ok })
	}
	n, ok := v.(json.Number)
	if !ok {
		return true
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		return b.Kind != schema.Float && b.Kind != schema.Double
	}
	x, err := n.Float64()
	if err != nil || b.Kind != schema.Float {
		return b.Kind == schema.Double
	}
	return strconv.FormatFloat(x, 'g', -1, 64) == strconv.FormatFloat(float64(float32(x)), 'g', -1, 32)
}

func describe(s *schema.Schema) string {
	if s.Logical != "" {
		return sprintf("%s (%s)", s.TypeName(), s.Logical)
	}
	return s.TypeName()
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "this"
	}
	if len(text) > 60 {
		return string(text[:60]) + "…"
	}
	return string(text)
}

func integer(s *schema.Schema, v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return n, err == nil
	case string:
		if s.Logical == schema.Date {
			t, err := time.Parse(layoutDate, v)
			return t.Unix() / secondsPerDay, err == nil
		}
		per, layout, ok := clock(s.Logical)
		if !ok {
			return 0, false
		}
		t, ok := parseClock(layout, v)
		if layout[0] == '1' { // a time of day: time.Parse puts it into the year 0
			t = time.Unix(int64(t.Hour()*3600+t.Minute()*60+t.Second()), int64(t.Nanosecond())).UTC()
		}
		whole := int64(t.Nanosecond()) / (1e9 / per)
		exact := int64(t.Nanosecond())%(1e9/per) == 0
		return t.Unix()*per + whole, ok && exact
	}
	return 0, false
}

// parseClock reads a time with any number of decimals; a timestamp that is not local may have any zone.
func parseClock(layout, text string) (time.Time, bool) {
	base, _, _ := strings.Cut(layout, ".")
	if strings.HasSuffix(layout, "Z") {
		base += "Z07:00"
	}
	t, err := time.Parse(base, text) // decimals are read although the layout has none
	return t, err == nil
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		x, err := v.Float64()
		return x, err == nil
	case string:
		switch v {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
	}
	return 0, false
}

func octets(s *schema.Schema, v any) ([]byte, bool) {
	if n, ok := v.(json.Number); ok && s.Logical == schema.Decimal {
		v = n.String()
	}
	if m, ok := v.(map[string]any); ok && s.Logical == schema.Duration {
		return duration(m)
	}
	text, ok := v.(string)
	if !ok {
		return nil, false
	}
	switch s.Logical {
	case schema.Decimal:
		return decimal(s, text)
	case schema.UUID:
		g, err := ParseGUID(text)
		return g[:], err == nil
	default:
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	return b, err == nil && (s.Kind == schema.Bytes || len(b) == s.Size)
}

func duration(m map[string]any) ([]byte, bool) {
	var b []byte
	for _, part := range []string{"months", "days", "millis"} {
		n, ok := m[part].(json.Number)
		if !ok {
			return nil, false
		}
		u, err := strconv.ParseUint(n.String(), 10, 32)
		if err != nil {
			return nil, false
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(u))
	}
	return b, len(m) == 3
}

// maxDecimalText bounds the digits of a decimal, as its exponent could ask for any number of them.
const maxDecimalText = 1000

// decimal reads a decimal number exactly; digits beyond the scale must be zero, and precision is kept.
func decimal(s *schema.Schema, text string) ([]byte, bool) {
	if len(text) > maxDecimalText || strings.ContainsAny(text, "/pPxXeE_") {
		return nil, false
	}
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, false
	}
	x.Mul(x, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.Scale)), nil)))
	if !x.IsInt() {
		return nil, false
	}
	n := x.Num()
	if len(new(big.Int).Abs(n).String()) > s.Precision {
		return nil, false
	}
	size := n.BitLen()/8 + 1 // room for the sign
	if n.Sign() < 0 {
		size = new(big.Int).Not(n).BitLen()/8 + 1
	}
	if s.Kind == schema.Fixed {
		if size > s.Size {
			return nil, false
		}
		size = s.Size
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return n.FillBytes(make([]byte, size)), true
}
