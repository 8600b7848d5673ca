package avro

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/avro/schema"
)

// appendJSON appends what goavro made of a value of s.
func appendJSON(dst []byte, s *schema.Schema, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int32:
		return appendInteger(dst, s, int64(v)), nil
	case int64:
		return appendInteger(dst, s, v), nil
	case float32:
		return appendFloat(dst, float64(v), 32), nil
	case float64:
		return appendFloat(dst, v, 64), nil
	case string:
		return appendString(dst, v), nil
	case []byte:
		return appendOctets(dst, s, v), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(dst, s.Items, item); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		return appendObject(dst, s, v)
	}
	return dst, malformed("a %T where the schema has %s", v, s.TypeName())
}

func appendObject(dst []byte, s *schema.Schema, m map[string]any) ([]byte, error) {
	var err error
	switch s.Kind {
	case schema.Union:
		for _, b := range s.Branches {
			if v, ok := m[b.TypeName()]; ok {
				return appendJSON(dst, b, v)
			}
		}
	case schema.Record:
		dst = append(dst, '{')
		for i, f := range s.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, f.Name), ':')
			if dst, err = appendJSON(dst, f.Type, m[f.Name]); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	case schema.Map:
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		dst = append(dst, '{')
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k), ':')
			if dst, err = appendJSON(dst, s.Items, m[k]); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	default:
	}
	return dst, malformed("an object where the schema has %s", s.TypeName())
}

func appendString(dst []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil { // no string makes it fail
		return append(dst, `""`...)
	}
	return append(dst, text...)
}

func appendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(dst, `"-Infinity"`...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, x, 'g', -1, bits)
	if !bytes.ContainsAny(dst[start:], ".e") {
		dst = append(dst, ".0"...) // so that a union of long and double can tell
	}
	return dst
}

const (
	layoutDate  = "2006-01-02"
	layoutClock = "15:04:05"
)

// clock says how a logical type counts time: units per second, and its layout.
func clock(l schema.Logical) (perSecond int64, layout string, ok bool) {
	const dateTime = layoutDate + "T" + layoutClock
	switch l {
	case schema.TimeMillis:
		return 1e3, layoutClock + ".000", true
	case schema.TimeMicros:
		return 1e6, layoutClock + ".000000", true
	case schema.TimestampMillis:
		return 1e3, dateTime + ".000Z", true
	case schema.TimestampMicros:
		return 1e6, dateTime + ".000000Z", true
	case schema.TimestampNanos:
		return 1e9, dateTime + ".000000000Z", true
	case schema.LocalTimestampMillis:
		return 1e3, dateTime + ".000", true
	case schema.LocalTimestampMicros:
		return 1e6, dateTime + ".000000", true
	case schema.LocalTimestampNanos:
		return 1e9, dateTime + ".000000000", true
	default:
		return 0, "", false
	}
}

const secondsPerDay = 24 * 60 * 60

func appendInteger(dst []byte, s *schema.Schema, n int64) []byte {
	if s.Logical == schema.Date {
		if t := time.Unix(n*secondsPerDay, 0).UTC(); t.Year() >= 0 && t.Year() <= 9999 {
			return append(t.AppendFormat(append(dst, '"'), layoutDate), '"')
		}
	}
	if per, layout, ok := clock(s.Logical); ok {
		seconds, part := n/per, n%per
		if part < 0 {
			seconds, part = seconds-1, part+per
		}
		t := time.Unix(seconds, part*(1e9/per)).UTC()
		ofDay := strings.HasPrefix(layout, layoutClock)
		if t.Year() >= 0 && t.Year() <= 9999 && (!ofDay || n >= 0 && seconds < secondsPerDay) {
			return append(t.AppendFormat(append(dst, '"'), layout), '"')
		}
	}
	return strconv.AppendInt(dst, n, 10)
}

func appendOctets(dst []byte, s *schema.Schema, b []byte) []byte {
	switch {
	case s.Logical == schema.Decimal:
		return append(appendDecimal(append(dst, '"'), b, s.Scale), '"')
	case s.Logical == schema.UUID && len(b) == guidLen:
		return append(append(append(dst, '"'), GUID(b).String()...), '"')
	case s.Logical == schema.Duration && len(b) == 12:
		return fmt.Appendf(dst, `{"months":%d,"days":%d,"millis":%d}`, binary.LittleEndian.Uint32(b),
			binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]))
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// appendDecimal writes a two's-complement big-endian number with scale decimals.
func appendDecimal(dst, b []byte, scale int) []byte {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	digits := n.String()
	if n.Sign() < 0 {
		dst, digits = append(dst, '-'), digits[1:]
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	dst = append(dst, digits[:len(digits)-scale]...)
	if scale > 0 {
		dst = append(append(dst, '.'), digits[len(digits)-scale:]...)
	}
	return dst
}
