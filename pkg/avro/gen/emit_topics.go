package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/avro/schema"
	"meshwork.dev/pkg/governance"
)

func (e *emitter) topic(t *topic) error {
	var text bytes.Buffer
	if err := json.Compact(&text, []byte(t.contract.AvroText)); err != nil {
		return fmt.Errorf("%s: %w", t.contract.AvroFile, err)
	}
	c := t.contract
	doc := c.Description.Purpose
	if doc == "" {
		doc = t.record.schema.Doc
	}
	doc = strings.Join(strings.Fields(doc), " ")
	keyGo := "string"
	if t.key != nil {
		keyGo = t.key.name
	}
	value := t.record.goName
	e.text = append(e.text, comment("", t.varName+": "+doc)...)
	e.p("var %s = &schemas.Topic[%s, %s]{", t.varName, keyGo, value)
	e.p("Info: schemas.Info{")
	e.p("Name: %q,", t.Name)
	e.p("Subject: %q,", t.Subject)
	e.p("Kind: schemas.%s,", map[string]string{"event": "Event", "state": "State", "command": "Command", "cdc": "CDC"}[t.Kind])
	e.p("Partitions: %d,", t.Partitions)
	e.p("Cleanup: schemas.%s,", goName(t.Cleanup))
	if t.Retention > 0 {
		e.p("Retention: %s,", goDuration(t.Retention))
	}
	e.p("Compatibility: %q,", t.Compatibility)
	e.p("Schema: %s,", lowerFirst(t.varName)+"Schema")
	e.p("Record: %q,", t.record.schema.Name)
	e.p("KeyFields: %#v,", t.Key)
	e.p("Contract: %q,", c.ID)
	e.p("Product: %q,", t.product)
	e.p("Owner: %q,", c.Domain)
	e.p("Doc: %q,", doc)
	pii := false
	c.Walk(func(_ string, p *governance.Property) { pii = pii || governance.Personal(p.Classification) })
	if pii {
		e.p("PII: true,")
	}
	e.p("},")
	if t.key == nil {
		e.p("Keys: schemas.StringKey(),")
	} else {
		e.p("Keys: schemas.KeyCodec[%s]{", keyGo)
		e.p("Append: func(dst []byte, k %s) []byte { return k.AppendKey(dst) },", keyGo)
		e.p("Parse: Parse%s,", keyGo)
		e.p("},")
	}
	e.p("Values: schemas.Codec[%s]{", value)
	e.p("Append: func(dst []byte, v *%s) []byte { return v.AppendAvro(dst) },", value)
	e.p("Decode: (*%s).DecodeAvro,", value)
	e.p("},")
	e.p("KeyOf: func(v *%s) %s {", value, keyGo)
	if t.key == nil {
		e.p("return %s", t.keyField.expr)
	} else {
		parts := make([]string, len(t.key.fields))
		for i, f := range t.key.fields {
			parts[i] = f.goName + ": " + f.expr
			switch f.schema.Logical { // as precise as the text, so that the parsed key is the same key
			case schema.TimestampMillis:
				parts[i] += ".UTC().Truncate(time.Millisecond)"
			case schema.TimestampMicros:
				parts[i] += ".UTC().Truncate(time.Microsecond)"
			default:
			}
		}
		e.p("return %s{%s}", keyGo, strings.Join(parts, ", "))
	}
	e.p("},")
	e.p("}\n")
	quoted := strconv.Quote(text.String())
	if !strings.ContainsAny(text.String(), "`\r") {
		quoted = "`" + text.String() + "`"
	}
	e.p("const %sSchema = %s\n", lowerFirst(t.varName), quoted)
	return nil
}

func goDuration(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d * time.Hour", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d * time.Minute", d/time.Minute)
	}
	return fmt.Sprintf("%d * time.Second", d/time.Second)
}

func (e *emitter) key(k *key) {
	paths := make([]string, len(k.fields))
	for i, f := range k.fields {
		paths[i] = f.path
	}
	e.text = append(e.text, comment("", fmt.Sprintf("%s: the record key made of %s. Its text joins theirs with |.", k.name, strings.Join(paths, ", ")))...)
	e.p("type %s struct {", k.name)
	for _, f := range k.fields {
		e.p("%s %s `json:\"%s\"`", f.goName, goType(f.schema, ""), strings.ReplaceAll(f.path, ".", "_"))
	}
	e.p("}\n")

	e.p("// AppendKey appends the text of k, which is what the record is partitioned on.")
	e.p("func (k %s) AppendKey(dst []byte) []byte {", k.name)
	for i, f := range k.fields {
		if i > 0 {
			e.p("dst = append(dst, '|')")
		}
		e.appendKeyField("k."+f.goName, f.schema, len(k.fields) == 1)
	}
	e.p("return dst")
	e.p("}\n")
	e.p("// String is the text of k.")
	e.p("func (k %s) String() string { return string(k.AppendKey(nil)) }\n", k.name)

	e.p("// Parse%s reads the text of a key.", k.name)
	e.p("func Parse%s(src []byte) (%s, error) {", k.name, k.name)
	e.p("var k %s", k.name)
	part := "string(src)"
	if len(k.fields) > 1 {
		e.p("var parts [%d]string", len(k.fields))
		e.p("if err := schemas.SplitKey(src, parts[:]); err != nil {\nreturn k, err\n}")
	}
	plain := true
	for i, f := range k.fields {
		if len(k.fields) > 1 {
			part = fmt.Sprintf("parts[%d]", i)
		}
		if f.schema.Kind == schema.String && f.schema.Logical == "" || keyType(f.schema) == "string" {
			e.p("k.%s = %s", f.goName, part)
			continue
		}
		if plain {
			e.p("var err error")
			plain = false
		}
		e.parseKeyField("k."+f.goName, f.schema, part)
		e.p("if err != nil {")
		e.p("return %s{}, fmt.Errorf(\"%%w: %s: %%w\", schemas.ErrKey, err)", k.name, f.path)
		e.p("}")
	}
	e.p("return k, nil")
	e.p("}\n")
}

func (e *emitter) appendKeyField(expr string, s *schema.Schema, alone bool) {
	switch keyType(s) {
	case "string":
		if alone {
			e.p("dst = append(dst, %s...)", expr)
		} else {
			e.p("dst = schemas.AppendKeyPart(dst, %s)", expr)
		}
	case "boolean":
		e.p("dst = strconv.AppendBool(dst, %s)", expr)
	case "int", "long":
		e.p("dst = strconv.AppendInt(dst, int64(%s), 10)", expr)
	case "enum":
		e.p("dst = append(dst, %s.String()...)", expr)
	case "date", "decimal":
		e.p("dst = %s.Append(dst)", expr)
	case "timestamp":
		name := "AppendMillis"
		if s.Logical == schema.TimestampMicros {
			name = "AppendMicros"
		}
		e.p("dst = wire.%s(dst, %s)", name, expr)
	}
}

func timestampLayout(s *schema.Schema) string {
	if s.Logical == schema.TimestampMicros {
		return "2006-01-02T15:04:05.000000Z"
	}
	return "2006-01-02T15:04:05.000Z"
}

func (e *emitter) parseKeyField(expr string, s *schema.Schema, part string) {
	switch keyType(s) {
	case "boolean":
		e.p("%s, err = strconv.ParseBool(%s)", expr, part)
	case "int":
		e.p("n%s, err := strconv.ParseInt(%s, 10, 32)", strings.TrimPrefix(expr, "k."), part)
		e.p("%s = int32(n%s)", expr, strings.TrimPrefix(expr, "k."))
	case "long":
		e.p("%s, err = strconv.ParseInt(%s, 10, 64)", expr, part)
	case "enum":
		e.p("%s, err = Parse%s(%s)", expr, goType(s, ""), part)
	case "date":
		e.p("%s, err = schemas.ParseDate(%s)", expr, part)
	case "decimal":
		e.p("%s, err = schemas.ParseDecimal[schemas.Scale%d](%s)", expr, s.Scale, part)
	case "timestamp":
		e.p("%s, err = time.Parse(%q, %s)", expr, timestampLayout(s), part)
	}
}
