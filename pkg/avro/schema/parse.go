package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrInvalid is wrapped by every error of this package.
var ErrInvalid = errors.New("invalid Avro schema")

// maxDepth bounds how deep schemas nest, so that hostile text cannot exhaust the stack.
const maxDepth = 200

// Parse reads one self-contained schema from its JSON text.
func Parse(text string) (*Schema, error) { return ParseWith(text, nil) }

// ParseWith is Parse for a schema that refers to named types defined elsewhere. known maps full names to them and
// is not changed.
func ParseWith(text string, known map[string]*Schema) (*Schema, error) {
	p := &parser{names: make(map[string]*Schema, len(known))}
	maps.Copy(p.names, known)
	raw := json.RawMessage(text)
	if !json.Valid(raw) {
		var v any
		return nil, fmt.Errorf("%w: not JSON: %w", ErrInvalid, json.Unmarshal(raw, &v))
	}
	s, err := p.schema(raw, "", "$", 0)
	if err != nil {
		return nil, err
	}
	// Defaults may be of types defined later in the text, so they are checked last.
	for _, d := range p.defaults {
		if _, err := d.f.Type.AppendDefault(nil, d.f.Default); err != nil {
			return nil, fault(d.path, "default %s: %v", d.f.Default, err)
		}
	}
	return s, nil
}

// Named returns every named type that s holds, by full name, itself included.
func (s *Schema) Named() map[string]*Schema {
	m := make(map[string]*Schema)
	s.Walk(func(t *Schema) {
		if t.Name != "" {
			m[t.Name] = t
		}
	})
	return m
}

// Walk calls fn for s and every schema it holds, each once, parents first.
func (s *Schema) Walk(fn func(*Schema)) {
	seen := make(map[*Schema]bool)
	var walk func(*Schema)
	walk = func(t *Schema) {
		if seen[t] {
			return
		}
		seen[t] = true
		fn(t)
		for _, f := range t.Fields {
			walk(f.Type)
		}
		if t.Items != nil {
			walk(t.Items)
		}
		for _, b := range t.Branches {
			walk(b)
		}
	}
	walk(s)
}

type parser struct {
	names    map[string]*Schema
	defaults []pendingDefault
}

type pendingDefault struct {
	f    *Field
	path string
}

func fault(path, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrInvalid, path, fmt.Sprintf(format, args...))
}

func (p *parser) schema(raw json.RawMessage, ns, path string, depth int) (*Schema, error) {
	if depth > maxDepth {
		return nil, fault(path, "nested deeper than %d", maxDepth)
	}
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return nil, fault(path, "%v", err)
		}
		return p.reference(name, ns, path)
	case '[':
		return p.union(raw, ns, path, depth)
	case '{':
		return p.object(raw, ns, path, depth)
	}
	return nil, fault(path, "a schema is a string, an object or an array, not %s", clip(raw))
}

func clip(raw []byte) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}

func (p *parser) reference(name, ns, path string) (*Schema, error) {
	if k, ok := primitive(name); ok {
		return &Schema{Kind: k}, nil
	}
	full := name
	if !strings.Contains(name, ".") && ns != "" {
		full = ns + "." + name
	}
	if s, ok := p.names[full]; ok {
		return s, nil
	}
	return nil, fault(path, "unknown type %q", name)
}

func (p *parser) union(raw json.RawMessage, ns, path string, depth int) (*Schema, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, fault(path, "%v", err)
	}
	if len(parts) == 0 {
		return nil, fault(path, "a union needs a branch")
	}
	u := &Schema{Kind: Union}
	seen := make(map[string]bool, len(parts))
	for i, part := range parts {
		b, err := p.schema(part, ns, fmt.Sprintf("%s|%d", path, i), depth+1)
		if err != nil {
			return nil, err
		}
		if b.Kind == Union {
			return nil, fault(path, "a union may not hold a union")
		}
		if seen[b.TypeName()] {
			return nil, fault(path, "two branches are %s", b.TypeName())
		}
		seen[b.TypeName()] = true
		u.Branches = append(u.Branches, b)
	}
	return u, nil
}

// attrs takes known attributes out of an object; what remains are its properties.
type attrs struct {
	m    map[string]json.RawMessage
	path string
}

func (a attrs) text(key string) (string, bool, error) {
	raw, ok := a.m[key]
	if !ok {
		return "", false, nil
	}
	delete(a.m, key)
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false, fault(a.path, "%s is not a string", key)
	}
	return s, true, nil
}

func (a attrs) texts(key string) ([]string, bool, error) {
	raw, ok := a.m[key]
	if !ok {
		return nil, false, nil
	}
	delete(a.m, key)
	var parts []*string
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, false, fault(a.path, "%s is not a list of strings", key)
	}
	s := make([]string, len(parts))
	for i, part := range parts {
		if part == nil {
			return nil, false, fault(a.path, "%s is not a list of strings", key)
		}
		s[i] = *part
	}
	return s, true, nil
}

func (a attrs) rest() map[string]json.RawMessage {
	if len(a.m) == 0 {
		return nil
	}
	return a.m
}

func (p *parser) object(raw json.RawMessage, ns, path string, depth int) (*Schema, error) {
	a := attrs{path: path}
	if err := json.Unmarshal(raw, &a.m); err != nil {
		return nil, fault(path, "%v", err)
	}
	t, ok := a.m["type"]
	if !ok {
		return nil, fault(path, "type is missing")
	}
	if t = bytes.TrimSpace(t); t[0] != '"' {
		// {"type": {…}} and {"type": […]}: the wrapper adds nothing but properties.
		return p.schema(t, ns, path, depth+1)
	}
	name, _, err := a.text("type")
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	switch name {
	case "record", "error":
		s.Kind = Record
		err = p.record(s, a, ns, depth)
	case "enum":
		s.Kind = Enum
		err = p.enum(s, a, ns)
	case "fixed":
		s.Kind = Fixed
		err = p.fixed(s, a, ns)
	case "array", "map":
		key := "items"
		s.Kind = Array
		if name == "map" {
			s.Kind, key = Map, "values"
		}
		items, ok := a.m[key]
		if !ok {
			return nil, fault(path, "%s is missing", key)
		}
		delete(a.m, key)
		s.Items, err = p.schema(items, ns, path+"[]", depth+1)
	default:
		k, ok := primitive(name)
		if !ok {
			return p.reference(name, ns, path)
		}
		s.Kind = k
	}
	if err != nil {
		return nil, err
	}
	if s.Kind == Array || s.Kind == Map {
		s.Doc, _, _ = a.text("doc")
	}
	s.Props = a.rest()
	s.logical()
	return s, nil
}

// define reads name, namespace, aliases and doc, and makes the type known.
func (p *parser) define(s *Schema, a attrs, ns string) (string, error) {
	name, ok, err := a.text("name")
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fault(a.path, "name is missing")
	}
	space, ok, err := a.text("namespace")
	if err != nil {
		return "", err
	}
	if strings.Contains(name, ".") {
		space = Namespace(name)
	} else if !ok {
		space = ns
	}
	full := ShortName(name)
	if space != "" {
		full = space + "." + full
	}
	if err := checkFullName(full); err != nil {
		return "", fault(a.path, "%v", err)
	}
	if _, ok := primitive(full); ok {
		return "", fault(a.path, "%q is the name of a primitive type", full)
	}
	if _, ok := p.names[full]; ok {
		return "", fault(a.path, "%s is defined twice", full)
	}
	s.Name = full
	p.names[full] = s
	aliases, _, err := a.texts("aliases")
	if err != nil {
		return "", err
	}
	for _, al := range aliases {
		if !strings.Contains(al, ".") && space != "" {
			al = space + "." + al
		}
		if err := checkFullName(al); err != nil {
			return "", fault(a.path, "alias: %v", err)
		}
		s.Aliases = append(s.Aliases, al)
	}
	s.Doc, _, err = a.text("doc")
	return space, err
}

func (p *parser) record(s *Schema, a attrs, ns string, depth int) error {
	space, err := p.define(s, a, ns)
	if err != nil {
		return err
	}
	raw, ok := a.m["fields"]
	if !ok {
		return fault(a.path, "fields is missing")
	}
	delete(a.m, "fields")
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil || parts == nil {
		return fault(a.path, "fields is not a list")
	}
	seen := make(map[string]bool, len(parts))
	for i, part := range parts {
		f, err := p.field(part, space, fmt.Sprintf("%s.#%d", a.path, i), a.path, depth)
		if err != nil {
			return err
		}
		if seen[f.Name] {
			return fault(a.path, "two fields are named %s", f.Name)
		}
		seen[f.Name] = true
		s.Fields = append(s.Fields, f)
	}
	return nil
}

func (p *parser) field(raw json.RawMessage, ns, path, parent string, depth int) (*Field, error) {
	a := attrs{path: path}
	if err := json.Unmarshal(raw, &a.m); err != nil || a.m == nil {
		return nil, fault(path, "a field is an object")
	}
	f := &Field{}
	name, ok, err := a.text("name")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault(path, "name is missing")
	}
	if err := checkName(name); err != nil {
		return nil, fault(path, "%v", err)
	}
	f.Name = name
	path = parent + "." + name
	a.path = path
	if f.Doc, _, err = a.text("doc"); err != nil {
		return nil, err
	}
	if f.Aliases, _, err = a.texts("aliases"); err != nil {
		return nil, err
	}
	for _, al := range f.Aliases {
		if err := checkName(al); err != nil {
			return nil, fault(path, "alias: %v", err)
		}
	}
	if f.Order, ok, err = a.text("order"); err != nil {
		return nil, err
	}
	if !ok {
		f.Order = "ascending"
	}
	if !slices.Contains([]string{"ascending", "descending", "ignore"}, f.Order) {
		return nil, fault(path, "order is ascending, descending or ignore, not %q", f.Order)
	}
	t, ok := a.m["type"]
	if !ok {
		return nil, fault(path, "type is missing")
	}
	delete(a.m, "type")
	if f.Type, err = p.schema(t, ns, path, depth+1); err != nil {
		return nil, err
	}
	if d, ok := a.m["default"]; ok {
		delete(a.m, "default")
		f.Default = d
		p.defaults = append(p.defaults, pendingDefault{f, path})
	}
	f.Props = a.rest()
	return f, nil
}

func (p *parser) enum(s *Schema, a attrs, ns string) error {
	if _, err := p.define(s, a, ns); err != nil {
		return err
	}
	symbols, ok, err := a.texts("symbols")
	if err != nil {
		return err
	}
	if !ok || len(symbols) == 0 {
		return fault(a.path, "symbols are missing")
	}
	for i, sym := range symbols {
		if err := checkName(sym); err != nil {
			return fault(a.path, "symbol: %v", err)
		}
		if slices.Contains(symbols[:i], sym) {
			return fault(a.path, "two symbols are %s", sym)
		}
	}
	s.Symbols = symbols
	s.EnumDefault, ok, err = a.text("default")
	if err != nil {
		return err
	}
	if ok && !slices.Contains(symbols, s.EnumDefault) {
		return fault(a.path, "default %q is not a symbol", s.EnumDefault)
	}
	return nil
}

func (p *parser) fixed(s *Schema, a attrs, ns string) error {
	if _, err := p.define(s, a, ns); err != nil {
		return err
	}
	raw, ok := a.m["size"]
	if !ok {
		return fault(a.path, "size is missing")
	}
	delete(a.m, "size")
	if err := json.Unmarshal(raw, &s.Size); err != nil || s.Size < 0 || s.Size > 1<<30 {
		return fault(a.path, "size %s is not a number of bytes", clip(raw))
	}
	return nil
}

func checkName(name string) error {
	ok := name != ""
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			ok = false
		}
	}
	if !ok {
		return fmt.Errorf("%q is not a name (letters, digits and _, not starting with a digit)", name)
	}
	return nil
}

func checkFullName(full string) error {
	for part := range strings.SplitSeq(full, ".") {
		if checkName(part) != nil {
			return fmt.Errorf("%q is not a full name (names joined by dots)", full)
		}
	}
	return nil
}
