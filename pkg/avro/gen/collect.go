package gen

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro/schema"
	"meshwork.dev/pkg/governance"
)

// pkg is one folder on its way to Go.
type pkg struct {
	folder string // path below the root, also the last element of the import path
	name   string
	topics []*topic
	keys   []*key
	types  []*decl // in order of appearance

	byGo map[string]*decl // by Go name
	used map[string]string
}

// decl is one Go type made from a record, an enum or a union.
type decl struct {
	goName string
	schema *schema.Schema
	full   string // what makes two definitions the same
	file   string
}

// topic is one contract with its schema.
type topic struct {
	governance.Topic
	contract *governance.Contract
	product  string // id of the product
	varName  string
	record   *decl
	key      *key // nil for a plain string key
	keyField *keyField
}

// key is one generated key type, or the single field of a plain string key.
type key struct {
	name   string
	fields []*keyField
	file   string
}

type keyField struct {
	path   string // as the contract writes it
	goName string // field of the key type
	expr   string // selector on the value
	schema *schema.Schema
}

func collect(m *governance.Mesh) ([]*pkg, error) {
	byFolder := make(map[string]*pkg)
	for _, a := range m.Schemas {
		folder := path.Dir(a.File)
		if folder == "." {
			return nil, fmt.Errorf("%s: schemas live in one folder per bounded context", a.File)
		}
		p := byFolder[folder]
		if p == nil {
			p = &pkg{folder: folder, name: path.Base(folder), byGo: make(map[string]*decl), used: make(map[string]string)}
			if p.name == "all" || p.name == "wire" || strings.Trim(p.name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
				return nil, fmt.Errorf("%s: %q cannot be the name of a package of contracts", a.File, p.name)
			}
			byFolder[folder] = p
		}
		if a.Schema.Kind != schema.Record {
			return nil, fmt.Errorf("%s: the schema of a port is a record, not %s", a.File, a.Schema.Kind)
		}
		if err := p.add(a.Schema, "", a.File, a.Schema.Name, nil); err != nil {
			return nil, err
		}
	}
	for _, c := range m.Contracts {
		if c.Avro == nil {
			continue // a contract of a port that is no topic
		}
		if err := byFolder[path.Dir(c.File)].addTopic(m, c); err != nil {
			return nil, err
		}
	}
	pkgs := make([]*pkg, 0, len(byFolder))
	for _, p := range byFolder {
		pkgs = append(pkgs, p)
	}
	slices.SortFunc(pkgs, func(a, b *pkg) int { return strings.Compare(a.folder, b.folder) })
	return pkgs, nil
}

// claim makes sure that a package-level Go name is used once.
func (p *pkg) claim(name, by string) error {
	if other, ok := p.used[name]; ok {
		return fmt.Errorf("%s: the Go name %s is also that of %s; rename one of them", by, name, other)
	}
	p.used[name] = by
	return nil
}

// add collects the types that s needs. union is the Go name for s where it is a union that needs a type.
func (p *pkg) add(s *schema.Schema, union, file, at string, open []*schema.Schema) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s: %s", file, at, fmt.Sprintf(format, args...))
	}
	if raw, ok := s.Props["logicalType"]; ok {
		return fail("logicalType %s is unknown or does not fit %s", raw, s.TypeName())
	}
	if slices.Contains(open, s) {
		return fail("%s holds itself; recursive types are not supported, flatten it or refer by id", s.Name)
	}
	open = append(open, s)
	switch s.Kind {
	default: // the other primitive types need no type of their own
	case schema.Bytes, schema.Fixed:
		if s.Logical != schema.Decimal {
			return nil
		}
		if s.Precision > 18 || s.Scale > 9 {
			return fail("decimal(%d,%d): at most 18 digits, at most 9 of them decimals", s.Precision, s.Scale)
		}
		if s.Kind == schema.Fixed && (s.Size < 8 || s.Size > 64) {
			return fail("a decimal on fixed takes 8 to 64 bytes, not %d, so that every amount fits", s.Size)
		}
	case schema.Array, schema.Map:
		word := "Item"
		if s.Kind == schema.Map {
			word = "Value"
		}
		return p.add(s.Items, union+word, file, at+"[]", open)
	case schema.Enum:
		if len(s.Symbols) > 64 {
			return fail("%d symbols; at most 64", len(s.Symbols))
		}
		seen := make(map[string]bool)
		for _, sym := range s.Symbols {
			if seen[goName(sym)] {
				return fail("symbol %s: two symbols have the Go name %s", sym, goName(sym))
			}
			seen[goName(sym)] = true
		}
		_, err := p.declare(goName(schema.ShortName(s.Name)), s, file, at)
		return err
	case schema.Record:
		name := goName(schema.ShortName(s.Name))
		if fresh, err := p.declare(name, s, file, at); err != nil || !fresh {
			return err
		}
		seen := map[string]string{"AppendAvro": "a method", "DecodeAvro": "a method"}
		for _, f := range s.Fields {
			g := goName(f.Name)
			if other, ok := seen[g]; ok {
				return fail("%s: the Go name %s is also that of %s", f.Name, g, other)
			}
			seen[g] = f.Name
			if err := p.add(f.Type, name+g, file, at+"."+f.Name, open); err != nil {
				return err
			}
		}
	case schema.Union:
		if opt, ok := s.Optional(); ok {
			return p.add(opt, union, file, at, open)
		}
		if len(s.Branches) > 64 {
			return fail("%d branches; at most 64", len(s.Branches))
		}
		name := union + "Union"
		if fresh, err := p.declare(name, s, file, at); err != nil || !fresh {
			return err
		}
		seen := map[string]bool{"Index": true, "AppendAvro": true, "MarshalJSON": true, "UnmarshalJSON": true}
		for _, b := range s.Branches {
			g := branchName(b)
			if seen[g] {
				return fail("branch %s: the Go name %s is taken", b.TypeName(), g)
			}
			seen[g] = true
			if err := p.add(b, name+g, file, at+"|"+b.TypeName(), open); err != nil {
				return err
			}
		}
	}
	return nil
}

// declare notes a type; it is fresh the first time. The same type in several schemas must be the same throughout.
func (p *pkg) declare(name string, s *schema.Schema, file, at string) (fresh bool, err error) {
	full := s.Full()
	if d, ok := p.byGo[name]; ok {
		if d.schema.Name != s.Name {
			return false, fmt.Errorf("%s: %s: the Go name %s is also that of %s in %s; rename one of them", file, at, name, d.schema.Name, d.file)
		}
		if d.full != full {
			return false, fmt.Errorf("%s: %s: %s is not what it is in %s: %s; make them the same or rename one",
				file, at, s.TypeName(), d.file, difference(d.full, full))
		}
		return false, nil
	}
	if err := p.claim(name, file+" "+at); err != nil {
		return false, err
	}
	if s.Kind == schema.Enum {
		for _, sym := range s.Symbols {
			if err := p.claim(name+goName(sym), file+" "+at+" symbol "+sym); err != nil {
				return false, err
			}
		}
	}
	d := &decl{goName: name, schema: s, full: full, file: file}
	p.byGo[name] = d
	p.types = append(p.types, d)
	return true, nil
}

// difference shows where two texts part.
func difference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, min(i-20, len(s))):min(len(s), i+40)] }
	return fmt.Sprintf("…%s… against …%s…", cut(a), cut(b))
}

func branchName(s *schema.Schema) string {
	if s.Name != "" {
		return goName(schema.ShortName(s.Name))
	}
	return goName(s.Kind.String())
}
