package governance

import (
	"regexp"
	"strings"

	"meshwork.dev/pkg/avro/schema"
)

var (
	moneyName    = regexp.MustCompile(`(?i)(price|amount|total|gross|discount|cost|freight|tax|fee|monetary|revenue|turnover|spend)|^net`)
	measureName  = regexp.MustCompile(`(?i)(weight|length|width|height|distance|duration|latency|interval|temperature|timeout|ttl|horizon|age$|days$|hours$|minutes$|seconds$|millis$|bytes$)`)
	unitText     = regexp.MustCompile(`(?i)(currency|iso 4217|kilogram|gram|\bkg\b|\bg\b|metre|meter|\bcm\b|\bmm\b|\bday|\bhour|minute|second|millisecond|\bms\b|percent|%|\bbyte|°|celsius|piece|year|week|month)`)
	currencyText = regexp.MustCompile(`(?i)(currency|iso 4217)`)
	timeName     = regexp.MustCompile(`(At|Time|Timestamp|_at|_time)$|^(created|changed|timestamp|when|asOf)$`)
	idName       = regexp.MustCompile(`[a-z]Id$|_id$`)
)

// schemas checks S1 to S4, S6 and the parts of R14 that concern one field.
func (l *linter) schemas() {
	for _, a := range l.m.Schemas {
		if a.Schema == nil {
			continue
		}
		w := &avroWalk{l: l, file: a.File, seen: make(map[*schema.Schema]bool), root: a.Schema}
		for _, c := range l.m.Contracts {
			if c.AvroFile == a.File {
				w.contract = c
			}
		}
		w.walk(a.Schema, a.Schema.Name)
	}
}

type avroWalk struct {
	l        *linter
	file     string
	contract *Contract
	root     *schema.Schema
	seen     map[*schema.Schema]bool
}

func (w *avroWalk) walk(s *schema.Schema, at string) {
	if s.Name != "" {
		if w.seen[s] {
			return
		}
		w.seen[s] = true
	}
	if raw, ok := s.Props["logicalType"]; ok {
		w.l.add("S6", w.file, at, "correct it, its attributes or the type it stands on", "the logical type %s is unknown or does not fit %s", raw, s.TypeName())
	}
	switch s.Kind {
	case schema.Record:
		if s.Doc == "" {
			w.l.add("S1", w.file, at, "say what one record is", "record %s has no doc", s.Name)
		}
		for _, f := range s.Fields {
			w.field(f, at+"."+f.Name)
		}
	case schema.Enum:
		if s.Doc == "" {
			w.l.add("S1", w.file, at, "say what the symbols mean", "enum %s has no doc", s.Name)
		}
		if s.EnumDefault == "" {
			w.l.add("S4", w.file, at, "add a default, such as a symbol UNKNOWN", "enum %s has no default", s.Name)
		}
	case schema.Array, schema.Map:
		w.walk(s.Items, at+"[]")
	case schema.Union:
		for _, b := range s.Branches {
			w.walk(b, at)
		}
	default: // primitive or fixed: nothing below
	}
}

func (w *avroWalk) field(f *schema.Field, at string) {
	add := w.l.add
	if strings.TrimSpace(f.Doc) == "" {
		add("S1", w.file, at, "say what it means, with its unit", "the field has no doc")
	}
	t := f.Type
	if t.Kind == schema.Union {
		null := -1
		for i, b := range t.Branches {
			if b.Kind == schema.Null {
				null = i
			}
		}
		if null > 0 {
			add("R14", w.file, at, `write ["null", …]`, "null is not the first branch")
		}
		if null >= 0 && string(f.Default) != "null" {
			add("R14", w.file, at, `add "default": null`, "an optional field without the default null")
		}
		if opt, ok := t.Optional(); ok {
			t = opt
		}
	}
	inner := t
	for inner.Kind == schema.Array || inner.Kind == schema.Map {
		inner = inner.Items
	}
	if inner.Kind == schema.Float || inner.Kind == schema.Double {
		w.floating(f, at)
	}
	numeric := t.Kind >= schema.Int && t.Kind <= schema.Double || t.Logical == schema.Decimal
	plain := numeric && (t.Logical == "" || t.Logical == schema.Decimal)
	unit := unitText.MatchString(f.Doc)
	switch {
	case plain && measureName.MatchString(f.Name) && !unit:
		add("S2", w.file, at, "name the unit in the doc", "a measure whose doc names no unit")
	case t.Logical == schema.Decimal && (!unit || moneyName.MatchString(f.Name) && !currencyText.MatchString(f.Doc)) && w.root.FieldByName("currency") == nil:
		add("S2", w.file, at, "name the unit or the field that holds the currency in the doc", "an amount whose doc names no unit")
	}
	switch t.Logical {
	case schema.TimestampMillis, schema.TimestampMicros:
		if !strings.Contains(f.Doc, "UTC") {
			add("S3", w.file, at, "say UTC and the precision in the doc", "a timestamp whose doc does not say that it is UTC")
		}
	case schema.TimestampNanos, schema.LocalTimestampMillis, schema.LocalTimestampMicros, schema.LocalTimestampNanos:
		add("S3", w.file, at, "use timestamp-millis or timestamp-micros", "%s is not used in this mesh", t.Logical)
	default:
		if timeName.MatchString(f.Name) && (t.Kind == schema.Long || t.Kind == schema.Int || t.Kind == schema.String) && t.Logical == "" {
			add("S3", w.file, at, "use timestamp-millis or timestamp-micros", "a point in time that is a plain %s", t.Kind)
		}
	}
	w.walk(f.Type, at)
}

// floating judges a float or double: never for money, and in public ports only where the contract says why.
func (w *avroWalk) floating(f *schema.Field, at string) {
	if moneyName.MatchString(f.Name) {
		w.l.add("R14", w.file, at, "use a decimal", "money as floating point")
		return
	}
	c := w.contract
	if c == nil || w.l.topics[c] == nil || !strings.HasPrefix(w.l.topics[c].Name, "pub.") {
		return
	}
	said := false
	path := strings.ReplaceAll(strings.TrimPrefix(at, w.root.Name+"."), "[]", "")
	c.Walk(func(at string, p *Property) {
		if strings.ReplaceAll(at, "[]", "") == path && p.Custom.Text("approximate") != "" {
			said = true
		}
	})
	if !said {
		w.l.add("R14", w.file, at, "use a decimal, or say why it may be approximate in the custom property approximate of the contract's field (probability, score, …)", "floating point in a public port")
	}
}

// ids checks the part of R14 that concerns ids across contracts.
func (l *linter) ids() {
	first := make(map[string][2]string) // id → type, file
	for _, a := range l.m.Schemas {
		if a.Schema == nil {
			continue
		}
		a.Schema.Walk(func(s *schema.Schema) {
			for _, f := range s.Fields {
				if !idName.MatchString(f.Name) {
					continue
				}
				t := f.Type
				if opt, ok := t.Optional(); ok {
					t = opt
				}
				kind, at := t.TypeName(), s.Name+"."+f.Name
				switch strings.ToLower(f.Name) {
				case "customerid", "productid", "orderid", "visitorid", "customer_id", "product_id", "order_id", "visitor_id":
					if t.Kind != schema.String {
						l.add("R14", a.File, at, "use a string", "ids of customers, products, orders and visitors are strings, not %s", kind)
						continue
					}
				}
				if was, ok := first[f.Name]; ok && was[0] != kind {
					l.add("R14", a.File, at, "give the id one type everywhere", "%s here, %s in %s", kind, was[0], was[1])
					continue
				}
				first[f.Name] = [2]string{kind, a.File}
			}
		})
	}
}

// identities checks S8.
func (l *linter) identities() {
	for _, c := range l.m.Contracts {
		t := l.topics[c]
		if t == nil || c.Avro == nil || !strings.HasPrefix(t.Name, "pub.") || t.Kind != "event" && t.Kind != "command" {
			continue
		}
		holder := c.Avro
		if f := holder.FieldByName("identity"); f != nil && f.Type.Kind == schema.Record {
			holder = f.Type
		}
		for _, name := range []string{"eventId", "idempotenceId", "created"} {
			if holder.FieldByName(name) == nil {
				l.add("S8", c.AvroFile, c.Avro.Name, "add the record Identity as the field identity", "no %s: a message without an identity cannot be told from its repetition", name)
			}
		}
	}
}
