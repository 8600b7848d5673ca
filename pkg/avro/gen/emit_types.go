package gen

import (
	"fmt"
	"strconv"
	"strings"

	"meshwork.dev/pkg/avro/schema"
)

func (e *emitter) doc(name, doc, otherwise string) {
	if doc == "" {
		doc = otherwise
	}
	e.text = append(e.text, comment("", name+": "+doc)...)
}

func (e *emitter) record(d *decl) {
	s := d.schema
	e.doc(d.goName, s.Doc, "the Avro record "+s.Name+".")
	e.p("type %s struct {", d.goName)
	for _, f := range s.Fields {
		e.text = append(e.text, comment("\t", f.Doc)...)
		omit := ""
		if _, ok := f.Type.Optional(); ok {
			omit = ",omitzero"
		}
		g := goName(f.Name)
		e.p("%s %s `json:\"%s%s\"`", g, goType(f.Type, d.goName+g), f.Name, omit)
	}
	e.p("}\n")

	e.p("// AppendAvro appends the Avro encoding of v.")
	if len(s.Fields) == 0 {
		e.p("func (v *%s) AppendAvro(dst []byte) []byte { return dst }\n", d.goName)
	} else {
		e.p("func (v *%s) AppendAvro(dst []byte) []byte {", d.goName)
		for _, f := range s.Fields {
			e.appendValue("v."+goName(f.Name), f.Type, 0)
		}
		e.p("return dst")
		e.p("}\n")
	}
	e.p("// DecodeAvro overwrites v with the value that src is the encoding of, all of it.")
	e.p("func (v *%s) DecodeAvro(src []byte) error {", d.goName)
	e.p("r := wire.NewReader(src)")
	e.p("v.readAvro(&r)")
	e.p("return r.Finish(%q)", d.goName)
	e.p("}\n")
	if s.MinSize() == 0 {
		e.p("func (v *%s) readAvro(*wire.Reader) {}\n", d.goName)
		return
	}
	e.p("func (v *%s) readAvro(r *wire.Reader) {", d.goName)
	for _, f := range s.Fields {
		e.readValue("v."+goName(f.Name), f.Type, d.goName+goName(f.Name), 0)
	}
	e.p("}\n")
}

func (e *emitter) enum(d *decl) {
	s := d.schema
	e.doc(d.goName, s.Doc, "the Avro enum "+s.Name+".")
	e.p("type %s uint8\n", d.goName)
	e.p("// The symbols of %s.", d.goName)
	e.p("const (")
	for i, sym := range s.Symbols {
		typed := ""
		if i == 0 {
			typed = " " + d.goName + " = iota"
		}
		e.p("%s%s%s // %s", d.goName, goName(sym), typed, sym)
	}
	e.p(")\n")
	table := lowerFirst(d.goName) + "Symbols"
	quoted := make([]string, len(s.Symbols))
	def := 0
	for i, sym := range s.Symbols {
		quoted[i] = strconv.Quote(sym)
		if sym == s.EnumDefault {
			def = i
		}
	}
	e.p("var %s = [...]string{%s}\n", table, strings.Join(quoted, ", "))

	e.p("// String is the symbol; a number where v names none.")
	e.p("func (v %s) String() string {", d.goName)
	e.p("if int(v) < len(%s) {\nreturn %s[v]\n}", table, table)
	e.p("return \"%s(\" + strconv.Itoa(int(v)) + \")\"", d.goName)
	e.p("}\n")
	e.p("// Parse%s reads a symbol.", d.goName)
	e.p("func Parse%s(text string) (%s, error) {", d.goName, d.goName)
	e.p("for i, s := range %s {\nif s == text {\nreturn %s(i), nil\n}\n}", table, d.goName)
	e.p("return 0, fmt.Errorf(\"%%q is not a symbol of %s\", text)", d.goName)
	e.p("}\n")
	e.p("// MarshalText writes the symbol.")
	e.p("func (v %s) MarshalText() ([]byte, error) {", d.goName)
	e.p("if int(v) < len(%s) {\nreturn []byte(%s[v]), nil\n}", table, table)
	e.p("return nil, fmt.Errorf(\"%%d is not a symbol of %s\", v)", d.goName)
	e.p("}\n")
	e.p("// UnmarshalText reads a symbol.")
	e.p("func (v *%s) UnmarshalText(text []byte) error {", d.goName)
	e.p("p, err := Parse%s(string(text))", d.goName)
	e.p("if err == nil {\n*v = p\n}")
	e.p("return err")
	e.p("}\n")
	e.p("// AppendAvro appends the Avro encoding of v; %s where v names no symbol.", s.Symbols[def])
	e.p("func (v %s) AppendAvro(dst []byte) []byte {", d.goName)
	e.p("if int(v) >= len(%s) {\nv = %s%s\n}", table, d.goName, goName(s.Symbols[def]))
	e.p("return append(dst, byte(v)<<1)")
	e.p("}\n")
}

func (e *emitter) union(d *decl) {
	s := d.schema
	e.doc(d.goName, "", "one of several types. Index names the branch that counts, in the order of the fields"+nullNote(s)+".")
	e.p("type %s struct {", d.goName)
	e.p("Index uint8")
	for _, b := range s.Branches {
		if b.Kind != schema.Null {
			e.p("%s %s", branchName(b), goType(b, d.goName+branchName(b)))
		}
	}
	e.p("}\n")
	e.p("// AppendAvro appends the Avro encoding of v.")
	e.p("func (v *%s) AppendAvro(dst []byte) []byte {", d.goName)
	e.p("switch v.Index {")
	for i, b := range s.Branches {
		if i > 0 {
			e.p("case %d:", i)
			e.p("dst = append(dst, %d)", i<<1)
			e.appendValue("v."+branchName(b), b, 0)
		}
	}
	e.p("default:")
	e.p("dst = append(dst, 0)")
	e.appendValue("v."+branchName(s.Branches[0]), s.Branches[0], 0)
	e.p("}")
	e.p("return dst")
	e.p("}\n")
	e.p("func (v *%s) readAvro(r *wire.Reader) {", d.goName)
	e.p("*v = %s{Index: uint8(r.Index(%d))}", d.goName, len(s.Branches))
	e.p("switch v.Index {")
	for i, b := range s.Branches {
		if b.MinSize() > 0 {
			e.p("case %d:", i)
			e.readValue("v."+branchName(b), b, d.goName+branchName(b), 0)
		}
	}
	e.p("}")
	e.p("}\n")
	e.unionJSON(d)
}

func nullNote(s *schema.Schema) string {
	for i, b := range s.Branches {
		if b.Kind == schema.Null {
			return fmt.Sprintf("; %d is null, which has none", i)
		}
	}
	return ""
}

func (e *emitter) unionJSON(d *decl) {
	s := d.schema
	e.p("// MarshalJSON writes null or an object with the branch's type name and its value.")
	e.p("func (v %s) MarshalJSON() ([]byte, error) {", d.goName)
	e.p("switch v.Index {")
	for i, b := range s.Branches {
		e.p("case %d:", i)
		if b.Kind == schema.Null {
			e.p("return []byte(\"null\"), nil")
		} else {
			e.p("return json.Marshal(map[string]any{%q: v.%s})", b.TypeName(), branchName(b))
		}
	}
	e.p("}")
	e.p("return nil, fmt.Errorf(\"%s has no branch %%d\", v.Index)", d.goName)
	e.p("}\n")
	e.p("// UnmarshalJSON reads what MarshalJSON writes.")
	e.p("func (v *%s) UnmarshalJSON(text []byte) error {", d.goName)
	e.p("*v = %s{}", d.goName)
	e.p("var m map[string]json.RawMessage")
	e.p("if err := json.Unmarshal(text, &m); err != nil {\nreturn err\n}")
	for i, b := range s.Branches {
		if b.Kind == schema.Null {
			e.p("if m == nil {\nv.Index = %d\nreturn nil\n}", i)
		}
	}
	if len(s.Branches) > 1 || s.Branches[0].Kind != schema.Null {
		e.p("if len(m) == 1 {\nfor name, text := range m {\nswitch name {")
		for i, b := range s.Branches {
			if b.Kind != schema.Null {
				e.p("case %q:\nv.Index = %d\nreturn json.Unmarshal(text, &v.%s)", b.TypeName(), i, branchName(b))
			}
		}
		e.p("}\n}\n}")
	}
	e.p("return fmt.Errorf(\"%%s names no branch of %s\", text)", d.goName)
	e.p("}\n")
}
