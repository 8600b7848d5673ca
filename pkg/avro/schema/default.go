package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

var errTooLarge = errors.New("too large or nested too deep")

// AppendDefault appends the Avro binary of a field's default, given as the JSON that schemas write: bytes and
// fixed are strings of the code points 0–255, a union's default is of the first branch that takes it, and a record
// may leave out fields that have defaults themselves.
func (s *Schema) AppendDefault(dst []byte, text json.RawMessage) ([]byte, error) {
	steps := maxDefaultSteps
	return s.appendDefault(dst, bytes.TrimSpace(text), &steps)
}

// maxDefaultSteps bounds the values that one default stands for: records whose fields default to records can make
// a short schema stand for an enormous value.
const maxDefaultSteps = 100_000

func (s *Schema) appendDefault(dst []byte, text json.RawMessage, steps *int) ([]byte, error) {
	if *steps--; *steps < 0 {
		return dst, errTooLarge
	}
	bad := func() ([]byte, error) {
		return dst, fmt.Errorf("%s is not a value of type %s", clip(text), s.TypeName())
	}
	if len(text) == 0 {
		return bad()
	}
	switch s.Kind {
	case Null:
		if string(text) != "null" {
			return bad()
		}
		return dst, nil
	case Boolean:
		switch string(text) {
		case "true":
			return append(dst, 1), nil
		case "false":
			return append(dst, 0), nil
		}
		return bad()
	case Int, Long:
		bits := 64
		if s.Kind == Int {
			bits = 32
		}
		n, err := strconv.ParseInt(string(text), 10, bits)
		if err != nil {
			return bad()
		}
		return binary.AppendVarint(dst, n), nil
	case Float, Double:
		x, ok := number(text)
		if !ok {
			return bad()
		}
		if s.Kind == Float {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(x))), nil
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x)), nil
	case String, Enum, Bytes, Fixed:
		var str string
		if text[0] != '"' || json.Unmarshal(text, &str) != nil {
			return bad()
		}
		return s.appendText(dst, str)
	case Array:
		var items []json.RawMessage
		if text[0] != '[' || json.Unmarshal(text, &items) != nil {
			return bad()
		}
		if len(items) > 0 {
			dst = binary.AppendVarint(dst, int64(len(items)))
		}
		for i, item := range items {
			var err error
			if dst, err = s.Items.appendDefault(dst, item, steps); err != nil {
				return dst, fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return append(dst, 0), nil
	case Map:
		return s.appendMap(dst, text, steps)
	case Union:
		for i, b := range s.Branches {
			start := len(dst)
			out, err := b.appendDefault(binary.AppendVarint(dst, int64(i)), text, steps)
			if err == nil || errors.Is(err, errTooLarge) {
				return out, err
			}
			dst = out[:start]
		}
		return bad()
	case Record:
		return s.appendRecord(dst, text, steps)
	}
	return bad()
}

// number reads a JSON number, and the words Java writes for those JSON has no number for.
func number(text json.RawMessage) (float64, bool) {
	switch string(text) {
	case `"NaN"`:
		return math.NaN(), true
	case `"Infinity"`:
		return math.Inf(1), true
	case `"-Infinity"`:
		return math.Inf(-1), true
	}
	var x float64
	err := json.Unmarshal(text, &x)
	return x, err == nil && string(text) != "null"
}

func (s *Schema) appendText(dst []byte, str string) ([]byte, error) {
	switch s.Kind {
	case String:
		return append(binary.AppendVarint(dst, int64(len(str))), str...), nil
	case Enum:
		i := slices.Index(s.Symbols, str)
		if i < 0 {
			return dst, fmt.Errorf("%q is not a symbol of %s", str, s.Name)
		}
		return binary.AppendVarint(dst, int64(i)), nil
	default: // bytes, fixed
	}
	b := make([]byte, 0, len(str))
	for _, r := range str {
		if r > 255 {
			return dst, fmt.Errorf("%q holds the code point %U, which is no byte", str, r)
		}
		b = append(b, byte(r))
	}
	if s.Kind == Fixed {
		if len(b) != s.Size {
			return dst, fmt.Errorf("%d bytes for %s of %d", len(b), s.Name, s.Size)
		}
		return append(dst, b...), nil
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...), nil
}

func (s *Schema) appendMap(dst []byte, text json.RawMessage, steps *int) ([]byte, error) {
	var m map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal(text, &m) != nil {
		return dst, fmt.Errorf("%s is not a map", clip(text))
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if len(keys) > 0 {
		dst = binary.AppendVarint(dst, int64(len(keys)))
	}
	for _, k := range keys {
		dst = append(binary.AppendVarint(dst, int64(len(k))), k...)
		var err error
		if dst, err = s.Items.appendDefault(dst, m[k], steps); err != nil {
			return dst, fmt.Errorf("[%q]: %w", k, err)
		}
	}
	return append(dst, 0), nil
}

func (s *Schema) appendRecord(dst []byte, text json.RawMessage, steps *int) ([]byte, error) {
	var m map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal(text, &m) != nil {
		return dst, fmt.Errorf("%s is not a %s", clip(text), s.Name)
	}
	for _, f := range s.Fields {
		v, ok := m[f.Name]
		if !ok {
			v = f.Default
		}
		if v == nil {
			return dst, fmt.Errorf("%s is missing", f.Name)
		}
		var err error
		if dst, err = f.Type.appendDefault(dst, v, steps); err != nil {
			return dst, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return dst, nil
}
