package gen_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"

	"meshwork.dev/pkg/avro/schema"
)

// schemaMaker makes random schemas whose named types are all different, so that they fit one Go package.
type schemaMaker struct {
	rnd   *rand.Rand
	names int
	known []string // named types that may be referred to in the schema being made
}

func (m *schemaMaker) name(prefix string) string {
	m.names++
	return fmt.Sprintf("%s%d", prefix, m.names)
}

func (m *schemaMaker) record(depth int) map[string]any {
	name := m.name("Record")
	fields := []any{}
	for i := range m.rnd.IntN(8) {
		fields = append(fields, map[string]any{"name": fmt.Sprintf("field%c%d", 'A'+i, i), "type": m.any(depth - 1)})
	}
	m.known = append(m.known, "random."+name)
	return map[string]any{"type": "record", "name": name, "namespace": "random", "fields": fields, "doc": "Made at random."}
}

func (m *schemaMaker) any(depth int) any {
	if depth > 0 {
		switch m.rnd.IntN(10) {
		case 0, 1:
			return m.record(depth)
		case 2:
			return map[string]any{"type": "array", "items": m.any(depth - 1)}
		case 3:
			return map[string]any{"type": "map", "values": m.any(depth - 1)}
		case 4, 5:
			return m.union(depth)
		}
	}
	if len(m.known) > 0 && m.rnd.IntN(6) == 0 {
		return m.known[m.rnd.IntN(len(m.known))]
	}
	return m.leaf()
}

func (m *schemaMaker) leaf() any {
	named := func(kind, prefix string, attrs map[string]any) any {
		attrs["type"], attrs["name"], attrs["namespace"] = kind, m.name(prefix), "random"
		m.known = append(m.known, fmt.Sprint("random.", attrs["name"]))
		return attrs
	}
	logical := func(kind, name string) any { return map[string]any{"type": kind, "logicalType": name} }
	switch m.rnd.IntN(16) {
	case 0:
		return "null"
	case 1:
		return "boolean"
	case 2:
		return "int"
	case 3:
		return "long"
	case 4:
		return "float"
	case 5:
		return "double"
	case 6:
		return "bytes"
	case 7, 8:
		return "string"
	case 9:
		symbols := []string{"NONE", "SOME_OF_IT", "all", "Rest9"}[:1+m.rnd.IntN(4)]
		return named("enum", "Enum", map[string]any{"symbols": symbols})
	case 10:
		return named("fixed", "Fixed", map[string]any{"size": 1 + m.rnd.IntN(20)})
	case 11:
		scale := m.rnd.IntN(10)
		return map[string]any{"type": "bytes", "logicalType": "decimal", "precision": max(1, scale+m.rnd.IntN(19-scale)), "scale": scale}
	case 12:
		return logical("int", "date")
	case 13:
		return logical("long", "timestamp-micros")
	default:
		return logical("long", "timestamp-millis")
	}
}

func (m *schemaMaker) union(depth int) any {
	if m.rnd.IntN(3) > 0 {
		for {
			known := len(m.known)
			b := m.any(depth - 1)
			if kindOf(b) != "union" && kindOf(b) != "null" {
				if m.rnd.IntN(4) == 0 {
					return []any{b, "null"}
				}
				return []any{"null", b}
			}
			m.known = m.known[:known] // what b defined is not there
		}
	}
	seen := map[string]bool{}
	u := []any{}
	for range 1 + m.rnd.IntN(4) {
		known := len(m.known)
		b := m.any(depth - 1)
		if k := kindOf(b); k != "union" && !seen[k] {
			seen[k] = true
			u = append(u, b)
		} else {
			m.known = m.known[:known]
		}
	}
	if len(u) == 0 {
		return []any{"boolean", "null", "string"}
	}
	return u
}

// kindOf is what a union may hold only once.
func kindOf(s any) string {
	switch s := s.(type) {
	case string:
		return s
	case []any:
		return "union"
	case map[string]any:
		if name, ok := s["name"]; ok {
			return "random." + fmt.Sprint(name)
		}
		return fmt.Sprint(s["type"])
	}
	return ""
}

// randomSchema is the text of a random record.
func (m *schemaMaker) randomSchema() string {
	m.known = nil
	text, err := json.Marshal(m.record(4))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// value makes a random value of s in goavro's terms.
func value(rnd *rand.Rand, s *schema.Schema, depth int) any {
	switch s.Logical {
	case schema.Decimal:
		limit := int64(1)
		for range s.Precision {
			limit *= 10
		}
		n := rnd.Int64N(limit) >> rnd.IntN(60)
		if rnd.IntN(2) == 0 {
			n = -n
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.Scale)), nil)
		return new(big.Rat).SetFrac(big.NewInt(n), scale)
	case schema.Date:
		return time.Unix(int64(rnd.IntN(200_000)-100_000)*86400, 0).UTC()
	case schema.TimestampMillis:
		return time.UnixMilli(rnd.Int64N(8e12) - 4e12).UTC()
	case schema.TimestampMicros:
		return time.UnixMicro(rnd.Int64N(8e15) - 4e15).UTC()
	default: // as the type it stands on
	}
	n := 0
	if depth < 6 {
		n = rnd.IntN(4)
	}
	switch s.Kind {
	case schema.Boolean:
		return rnd.IntN(2) == 0
	case schema.Int:
		return int32(rnd.Uint32()) >> rnd.IntN(32)
	case schema.Long:
		return int64(rnd.Uint64()) >> rnd.IntN(64)
	case schema.Float:
		return rnd.Float32() * 1000
	case schema.Double:
		return rnd.NormFloat64()
	case schema.String:
		return strings.Repeat([]string{"", "a", "żółw", "|", "\\"}[rnd.IntN(5)], rnd.IntN(30))
	case schema.Bytes, schema.Fixed:
		size := s.Size
		if s.Kind == schema.Bytes {
			size = rnd.IntN(5)
		}
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	case schema.Enum:
		return s.Symbols[rnd.IntN(len(s.Symbols))]
	case schema.Array:
		a := make([]any, n)
		for i := range a {
			a[i] = value(rnd, s.Items, depth+1)
		}
		return a
	case schema.Map:
		m := make(map[string]any)
		for range n {
			m[fmt.Sprintf("key%d", rnd.IntN(100))] = value(rnd, s.Items, depth+1)
		}
		return m
	case schema.Record:
		m := make(map[string]any)
		for _, f := range s.Fields {
			m[f.Name] = value(rnd, f.Type, depth+1)
		}
		return m
	case schema.Union:
		b := s.Branches[rnd.IntN(len(s.Branches))]
		if b.Kind == schema.Null {
			return nil
		}
		name := b.TypeName()
		if b.Logical != "" && b.Name == "" {
			name += "." + string(b.Logical)
		}
		return map[string]any{name: value(rnd, b, depth+1)}
	default: // null
		return nil
	}
}
