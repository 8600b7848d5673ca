package governance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro/schema"
)

// agreement checks S5.
func (l *linter) agreement() {
	for _, c := range l.m.Contracts {
		if c.Avro == nil || c.Avro.Kind != schema.Record || len(c.Schema) != 1 {
			continue
		}
		if c.Schema[0].Name != schema.ShortName(c.Avro.Name) {
			l.add("S5", c.File, "schema[0].name", "write "+schema.ShortName(c.Avro.Name), "%q is not the name of the Avro record", c.Schema[0].Name)
		}
		l.sameFields(c, c.Schema[0].Properties, c.Avro, "schema[0].properties", nil)
	}
}

func (l *linter) sameFields(c *Contract, props []Property, record *schema.Schema, at string, open []*schema.Schema) {
	if slices.Contains(open, record) {
		return
	}
	open = append(open, record)
	names := make([]string, len(props))
	for i := range props {
		names[i] = props[i].Name
		if record.FieldByName(props[i].Name) == nil {
			l.add("S5", c.File, at+"."+props[i].Name, "remove it, or add it to the schema", "the Avro schema has no such field")
		}
	}
	var want []string
	for _, f := range record.Fields {
		i := slices.Index(names, f.Name)
		if i < 0 {
			l.add("S5", c.File, at+"."+f.Name, "add it", "the contract leaves out a field of the Avro schema")
			continue
		}
		want = append(want, f.Name)
		l.sameType(c, &props[i], f.Type, at+"."+f.Name, open)
	}
	common := slices.DeleteFunc(names, func(n string) bool { return record.FieldByName(n) == nil })
	if !slices.Equal(common, want) {
		l.add("S5", c.File, at, "list the fields as the schema does: "+strings.Join(want, ", "), "the fields are in another order")
	}
}

func (l *linter) sameType(c *Contract, p *Property, s *schema.Schema, at string, open []*schema.Schema) {
	value, optional := s.Optional()
	if !optional {
		value = s
		optional = s.Kind == schema.Union && slices.ContainsFunc(s.Branches, func(b *schema.Schema) bool { return b.Kind == schema.Null })
	}
	if p.Required == optional && p.Name != "" {
		l.add("S5", c.File, at+".required", fmt.Sprintf("write %t", !optional), "%t, but the Avro field is optional: %t", p.Required, optional)
	}
	if want := logicalType(value); want != "" && p.LogicalType != want {
		l.add("S5", c.File, at+".logicalType", "write "+want, "%q does not fit the Avro type %s", p.LogicalType, value.TypeName())
	}
	physical, err := p.PhysicalSchema()
	if err != nil {
		l.add("S5", c.File, at+".physicalType", "write the Avro type as JSON", "%v", err)
	}
	nested := value.Kind == schema.Record || value.Kind == schema.Array
	switch want := physicalText(physicalOf(s)); {
	case err != nil || physical == nil && nested:
	case physical == nil:
		l.add("S5", c.File, at+".physicalType", "write "+want, "the physical type is missing")
	case physicalText(physical) != want:
		l.add("S5", c.File, at+".physicalType", "write "+want, "%s is not the Avro type", p.PhysicalType)
	}
	switch value.Kind {
	case schema.Record:
		l.sameFields(c, p.Properties, value, at, open)
	case schema.Array:
		if p.Items == nil {
			l.add("S5", c.File, at+".items", "describe the items", "an array without items")
			return
		}
		item := *p.Items
		item.Name = "" // items have no name, and no required of their own
		l.sameType(c, &item, value.Items, at+"[]", open)
	default: // nothing below
	}
}

func logicalType(s *schema.Schema) string {
	switch s.Logical {
	case schema.Date:
		return "date"
	case schema.TimestampMillis, schema.TimestampMicros:
		return "timestamp"
	case schema.TimeMillis, schema.TimeMicros:
		return "time"
	case schema.Decimal:
		return "number"
	default: // by kind
	}
	switch s.Kind {
	case schema.Boolean:
		return "boolean"
	case schema.Int, schema.Long:
		return "integer"
	case schema.Float, schema.Double:
		return "number"
	case schema.String, schema.Enum, schema.Bytes, schema.Fixed:
		return "string"
	case schema.Array:
		return "array"
	case schema.Record, schema.Map:
		return "object"
	default: // null and unions of several types have no word
		return ""
	}
}

// physicalOf is what physicalType says of a schema: its type without docs, defaults and namespaces; a record by name.
func physicalOf(s *schema.Schema) any {
	m := map[string]any{"type": s.Kind.String()}
	if s.Name != "" {
		m["name"] = schema.ShortName(s.Name)
	}
	if s.Logical != "" {
		m["logicalType"] = string(s.Logical)
		if s.Logical == schema.Decimal {
			m["precision"], m["scale"] = s.Precision, s.Scale
		}
	}
	switch s.Kind {
	case schema.Union:
		parts := make([]any, len(s.Branches))
		for i, b := range s.Branches {
			parts[i] = physicalOf(b)
		}
		return parts
	case schema.Array:
		m["items"] = physicalOf(s.Items)
	case schema.Map:
		m["values"] = physicalOf(s.Items)
	case schema.Enum:
		m["symbols"] = s.Symbols
	case schema.Fixed:
		m["size"] = s.Size
	default: // the name says it all
	}
	return m
}

// physicalText writes a physical type in one way, so that two can be compared.
func physicalText(v any) string {
	text, err := json.Marshal(simplify(v))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func simplify(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = simplify(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any)
		for _, key := range []string{"type", "name", "logicalType", "precision", "scale", "symbols", "size", "items", "values"} {
			if x, ok := v[key]; ok {
				out[key] = simplify(x)
			}
		}
		if name, ok := out["name"].(string); ok {
			out["name"] = schema.ShortName(name)
		}
		if len(out) == 1 {
			return out["type"]
		}
		return out
	}
	return v
}

// keys checks S7.
func (l *linter) keys() {
	for _, c := range l.m.Contracts {
		t := l.topics[c]
		if t == nil || c.Avro == nil {
			continue
		}
		const at = "schema[0].customProperties.kafkaKey"
		if len(t.Key) == 0 {
			l.add("S7", c.File, at, "name the value fields that make the record key", "the topic has no record key")
		}
		for _, field := range t.Key {
			l.keyField(c, at, field)
		}
		l.primaryKey(c, t)
	}
}

func (l *linter) keyField(c *Contract, at, field string) {
	s := c.Avro
	for name := range strings.SplitSeq(field, ".") {
		var f *schema.Field
		if s.Kind == schema.Record {
			f = s.FieldByName(name)
		}
		if f == nil {
			l.add("S7", c.File, at, "name a field of the value", "%s has no field %s", c.Avro.Name, field)
			return
		}
		s = f.Type
	}
	switch {
	case s.Kind == schema.Union:
		l.add("S7", c.File, at, "make the field required, or key by another", "%s is optional; a record needs its key", field)
	case s.Kind == schema.Float || s.Kind == schema.Double:
		l.add("S7", c.File, at, "key by exact values", "%s is floating point; its text is not one for one", field)
	case s.Kind == schema.Record || s.Kind == schema.Array || s.Kind == schema.Map || s.Kind == schema.Bytes && s.Logical == "" || s.Kind == schema.Fixed && s.Logical == "" || s.Kind == schema.Null:
		l.add("S7", c.File, at, "key by strings, numbers, enums, dates or timestamps", "%s is %s; it has no text that joins with |", field, s.TypeName())
	}
}

// primaryKey compares the order of the record key with the primary key that the fields declare.
func (l *linter) primaryKey(c *Contract, t *Topic) {
	positions := make(map[int]string)
	n := 0
	c.Walk(func(at string, p *Property) {
		if p.PrimaryKey {
			n++
			positions[max(p.PrimaryKeyPosition, 1)] = at
		}
	})
	if n == 0 {
		return
	}
	declared := make([]string, 0, n)
	for i := range n {
		declared = append(declared, positions[i+1])
	}
	if !slices.Equal(declared, t.Key) {
		l.add("S7", c.File, "schema[0].properties", "give the key fields primaryKey and primaryKeyPosition in the order of kafkaKey", "the primary key is %s, the record key %s", strings.Join(declared, "|"), strings.Join(t.Key, "|"))
	}
}
