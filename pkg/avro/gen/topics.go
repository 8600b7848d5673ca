package gen

import (
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro/schema"
	"meshwork.dev/pkg/governance"
)

func (p *pkg) addTopic(m *governance.Mesh, c *governance.Contract) error {
	gt, err := c.Topic()
	if err != nil {
		return err
	}
	record := p.byGo[goName(schema.ShortName(c.Avro.Name))]
	t := &topic{Topic: gt, contract: c, record: record}
	t.varName = record.goName + goName(gt.Kind)
	if err := p.claim(t.varName, c.File); err != nil {
		return err
	}
	if product := m.ProductByName(c.DataProduct); product != nil {
		t.product = product.ID
	} else if product, _ := m.Offering(c.ID); product != nil {
		t.product = product.ID
	}
	if err := p.addKey(t); err != nil {
		return err
	}
	p.topics = append(p.topics, t)
	return nil
}

func (p *pkg) addKey(t *topic) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: schema[0].customProperties.kafkaKey: %s", t.contract.File, fmt.Sprintf(format, args...))
	}
	if len(t.Key) == 0 {
		return fail("missing; name the value fields that make the record key")
	}
	k := &key{name: t.KeyType, file: t.contract.File}
	if k.name == "" {
		k.name = t.record.goName + "Key"
	}
	seen := make(map[string]bool)
	for _, at := range t.Key {
		f := &keyField{path: at, expr: "v"}
		s := t.contract.Avro
		for name := range strings.SplitSeq(at, ".") {
			var field *schema.Field
			if s.Kind == schema.Record {
				field = s.FieldByName(name)
			}
			if field == nil {
				return fail("%s has no field %s", t.record.schema.Name, at)
			}
			f.goName += goName(name)
			f.expr += "." + goName(name)
			s = field.Type
		}
		f.schema = s
		if keyType(s) == "" {
			return fail("%s is %s; keys are made of strings, numbers, booleans, enums, dates, timestamps and decimals that are always there", at, s.TypeName())
		}
		if seen[f.goName] {
			return fail("%s is named twice", at)
		}
		seen[f.goName] = true
		k.fields = append(k.fields, f)
	}
	if len(k.fields) == 1 && k.fields[0].schema.Kind == schema.String && t.KeyType == "" {
		t.keyField = k.fields[0]
		return nil
	}
	t.key = k
	for i := range p.keys {
		if p.keys[i].name != k.name {
			continue
		}
		same := func(a, b *keyField) bool { return a.goName == b.goName && goType(a.schema, "") == goType(b.schema, "") }
		if !slices.EqualFunc(p.keys[i].fields, k.fields, same) {
			return fail("the key type %s has other fields in %s", k.name, p.keys[i].file)
		}
		return nil
	}
	if err := p.claim(k.name, k.file); err != nil {
		return err
	}
	p.keys = append(p.keys, k)
	return nil
}

// keyType says how a key field becomes text; empty where it cannot.
func keyType(s *schema.Schema) string {
	switch s.Logical {
	case schema.Decimal:
		return "decimal"
	case schema.Date:
		return "date"
	case schema.TimestampMillis, schema.TimestampMicros:
		return "timestamp"
	default: // by kind
	}
	switch s.Kind {
	case schema.String, schema.Boolean, schema.Int, schema.Long, schema.Enum:
		return s.Kind.String()
	default:
		return ""
	}
}
