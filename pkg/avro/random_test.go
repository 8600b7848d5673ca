package avro_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro/schema"
)

// maker makes random schemas as JSON values, and changed versions of them.
type maker struct {
	*rapid.T
	names int
	// plain leaves out what implementations are known to disagree on.
	plain bool
}

type object = map[string]any

func str(v any) string {
	s, _ := v.(string)
	return s
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func obj(v any) object {
	o, _ := v.(object)
	return o
}

var primitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}

func (m *maker) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(m.T, label) }

func (m *maker) one(label string, of []string) string { return of[m.pick(label, len(of))] }

func (m *maker) name(prefix string) string {
	m.names++
	return fmt.Sprintf("%s%d", prefix, m.names)
}

// schema makes a schema; one that is not a union where union is false.
func (m *maker) schema(depth int, union bool) any {
	kinds := 4
	if depth > 0 {
		kinds = 9
	}
	switch k := m.pick("kind", kinds); k {
	case 0, 1:
		return m.one("primitive", primitives)
	case 2:
		n := 1 + m.pick("symbols", 4)
		return object{"type": "enum", "name": m.name("E"), "symbols": slices.Clone([]any{"A", "B", "C", "D"}[:n])}
	case 3:
		return object{"type": "fixed", "name": m.name("F"), "size": float64(1 + m.pick("size", 3))}
	case 4:
		return object{"type": "array", "items": m.sized(depth - 1)}
	case 5:
		return object{"type": "map", "values": m.schema(depth-1, true)}
	case 6:
		if union {
			return m.union(depth)
		}
		return "long"
	default:
		return m.record(depth)
	}
}

// sized makes a schema whose values take at least one byte.
func (m *maker) sized(depth int) any {
	s := m.schema(depth, true)
	if s == "null" {
		return "boolean"
	}
	if o, ok := s.(object); ok && o["type"] == "record" {
		o["fields"] = append(list(o["fields"]), object{"name": "sized", "type": "int", "default": 1.0})
	}
	return s
}

func (m *maker) union(depth int) any {
	branches := []any{"null"}
	seen := map[string]bool{"null": true}
	for range 1 + m.pick("branches", 3) {
		b := m.schema(depth-1, false)
		kind := typeOf(b)
		if named := kind == "record" || kind == "enum" || kind == "fixed"; !named && seen[kind] {
			continue
		}
		seen[kind] = true
		branches = append(branches, b)
	}
	if len(branches) > 1 && m.pick("null last", 3) == 0 {
		branches = append(branches[1:], "null")
	}
	return branches
}

func typeOf(s any) string {
	switch s := s.(type) {
	case string:
		return s
	case []any:
		return "union"
	case object:
		return str(s["type"])
	}
	return ""
}

func (m *maker) record(depth int) any {
	name := m.name("R")
	var fields []any
	for i := range m.pick("fields", 5) {
		fields = append(fields, object{"name": fmt.Sprintf("f%d", i), "type": m.schema(depth-1, true)})
	}
	if depth > 0 && m.pick("recursive", 8) == 0 {
		fields = append(fields, object{"name": "next", "type": []any{"null", name}, "default": nil})
	}
	if fields == nil {
		fields = []any{}
	}
	return object{"type": "record", "name": name, "fields": fields}
}

// change makes another version of a schema, usually one that can read the values of the first.
func (m *maker) change(s any) any {
	switch m.pick("change", 12) {
	case 0: // into or out of a union
		if u, ok := s.([]any); ok {
			return m.change(u[m.pick("branch", len(u))])
		}
		if s == "null" {
			return []any{"null", "int"}
		}
		return []any{"null", m.change(s)}
	case 1:
		if m.plain {
			return m.schema(0, true)
		}
	}
	switch s := s.(type) {
	case string:
		wider := map[string][]string{
			"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}, "string": {"bytes"}, "bytes": {"string"},
		}[s]
		if len(wider) > 0 && m.pick("promote", 2) == 0 {
			return m.one("to", wider)
		}
		return s
	case []any:
		out := []any{}
		for _, b := range s {
			c := m.change(b)
			if typeOf(c) == "union" || slices.ContainsFunc(out, func(o any) bool { return sameBranch(o, c) }) {
				continue
			}
			out = append(out, c)
		}
		if m.pick("drop branch", 6) == 0 && len(out) > 1 {
			out = out[1:]
		}
		if len(out) == 0 {
			return s
		}
		if len(out) > 1 && m.pick("turn", 3) == 0 {
			slices.Reverse(out)
		}
		return out
	case object:
		return m.changeObject(maps.Clone(s))
	}
	return s
}

func sameBranch(a, b any) bool {
	ta, tb := typeOf(a), typeOf(b)
	if ta != tb {
		return false
	}
	ao, _ := a.(object)
	bo, _ := b.(object)
	return ao["name"] == bo["name"]
}

func (m *maker) changeObject(o object) any {
	switch o["type"] {
	case "array":
		o["items"] = m.change(o["items"])
		if o["items"] == "null" {
			o["items"] = []any{"null"}
		}
	case "map":
		o["values"] = m.change(o["values"])
	case "enum":
		switch m.pick("enum", 4) {
		case 0:
			o["symbols"] = []any{"D", "C", "B", "A"}
		case 1:
			o["symbols"], o["default"] = []any{"X", "A"}, "X"
		case 2:
			o["symbols"] = []any{"A"}
		}
	case "record":
		return m.changeRecord(o)
	}
	return o
}

func (m *maker) changeRecord(o object) any {
	old := str(o["name"])
	fields := []any{}
	for _, f := range list(o["fields"]) {
		f := maps.Clone(obj(f))
		if f["name"] == "next" { // the type it refers to stays as it is
			fields = append(fields, f)
			continue
		}
		switch m.pick("field", 8) {
		case 0:
			continue // removed
		case 1:
			f["aliases"], f["name"] = []any{f["name"]}, "renamed"+str(f["name"])
			f["type"] = m.change(f["type"])
		default:
			f["type"] = m.change(f["type"])
		}
		delete(f, "default")
		fields = append(fields, f)
	}
	for i := range m.pick("added", 3) {
		t, def := m.defaulted()
		f := object{"name": fmt.Sprintf("new%d", i), "type": t}
		if !m.plain || m.pick("without default", 4) > 0 {
			f["default"] = def
		}
		fields = slices.Insert(fields, m.pick("at", len(fields)+1), any(f))
	}
	if m.pick("reorder", 3) == 0 {
		slices.Reverse(fields)
	}
	o["fields"] = fields
	if m.pick("rename", 10) == 0 && !recursive(fields) {
		o["aliases"], o["name"] = []any{old}, m.name("R")
	}
	return o
}

func recursive(fields []any) bool {
	return slices.ContainsFunc(fields, func(f any) bool { return obj(f)["name"] == "next" })
}

func (m *maker) defaulted() (t, def any) {
	n := m.name("D")
	all := []struct{ t, def any }{
		{"int", -7.0},
		{"long", 1e12},
		{"double", 0.5},
		{"string", "dé"},
		{"bytes", "\u00ff\u0001"},
		{"boolean", true},
		{[]any{"null", "string"}, nil},
		{[]any{"string", "null"}, "x"},
		{object{"type": "array", "items": "int"}, []any{1.0, 2.0}},
		{object{"type": "map", "values": "string"}, object{"k": "v"}},
		{object{"type": "enum", "name": n, "symbols": []any{"P", "Q"}}, "Q"},
		{object{"type": "fixed", "name": n, "size": 2.0}, "ab"},
		{object{"type": "record", "name": n, "fields": []any{
			object{"name": "x", "type": "int"}, object{"name": "y", "type": "string", "default": "why"},
		}}, object{"x": 3.0}},
		{"null", nil},
	}
	d := all[m.pick("default", len(all))]
	return d.t, d.def
}

func text(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// value appends random Avro binary of s.
func value(t *rapid.T, s *schema.Schema, dst []byte, depth int) []byte {
	str := func() string { return rapid.StringN(0, 5, 10).Draw(t, "text") }
	switch s.Kind {
	case schema.Boolean:
		return append(dst, byte(rapid.IntRange(0, 1).Draw(t, "bool")))
	case schema.Int:
		return binary.AppendVarint(dst, int64(rapid.Int32().Draw(t, "int")))
	case schema.Long:
		return binary.AppendVarint(dst, rapid.Int64().Draw(t, "long"))
	case schema.Float:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(rapid.Float32().Draw(t, "float")))
	case schema.Double:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(rapid.Float64().Draw(t, "double")))
	case schema.Bytes, schema.String:
		v := str()
		return append(binary.AppendVarint(dst, int64(len(v))), v...)
	case schema.Fixed:
		return append(dst, rapid.SliceOfN(rapid.Byte(), s.Size, s.Size).Draw(t, "fixed")...)
	case schema.Enum:
		return binary.AppendVarint(dst, int64(rapid.IntRange(0, len(s.Symbols)-1).Draw(t, "symbol")))
	case schema.Union:
		i := 0
		if depth < 6 {
			i = rapid.IntRange(0, len(s.Branches)-1).Draw(t, "branch")
		}
		return value(t, s.Branches[i], binary.AppendVarint(dst, int64(i)), depth+1)
	case schema.Record:
		for _, f := range s.Fields {
			dst = value(t, f.Type, dst, depth+1)
		}
		return dst
	case schema.Array, schema.Map:
		n := rapid.IntRange(0, 3).Draw(t, "items")
		if s.Kind == schema.Map {
			n = min(n, 1)
		}
		if n > 0 && rapid.Bool().Draw(t, "sized block") {
			var items []byte
			for range n {
				items = item(t, s, items, depth)
			}
			dst = binary.AppendVarint(dst, -int64(n))
			dst = append(binary.AppendVarint(dst, int64(len(items))), items...)
		} else if n > 0 {
			dst = binary.AppendVarint(dst, int64(n))
			for range n {
				dst = item(t, s, dst, depth)
			}
		}
		return append(dst, 0)
	default: // null
		return dst
	}
}

func item(t *rapid.T, s *schema.Schema, dst []byte, depth int) []byte {
	if s.Kind == schema.Map {
		k := rapid.StringN(0, 3, 6).Draw(t, "key")
		dst = append(binary.AppendVarint(dst, int64(len(k))), k...)
	}
	return value(t, s.Items, dst, depth+1)
}
