package avro

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"meshwork.dev/pkg/avro/schema"
)

// Kinds of incompatibility, named as Avro's Java library and other registries name them.
const (
	NameMismatch        = "NAME_MISMATCH"
	FixedSizeMismatch   = "FIXED_SIZE_MISMATCH"
	MissingEnumSymbols  = "MISSING_ENUM_SYMBOLS"
	MissingDefault      = "READER_FIELD_MISSING_DEFAULT_VALUE"
	TypeMismatch        = "TYPE_MISMATCH"
	MissingUnionBranch  = "MISSING_UNION_BRANCH"
	LogicalTypeMismatch = "LOGICAL_TYPE_MISMATCH" // stricter than Java: the number would mean something else
)

// Version is a registered schema. Schema may refer to types of other subjects, already parsed into it.
type Version struct {
	Number int
	Schema *schema.Schema
}

// Incompatibility is one reason why one schema cannot read data of another.
type Incompatibility struct {
	Version int    // the earlier version concerned
	Forward bool   // false: the new schema reads the version; true: the version reads the new schema
	Kind    string // one of the kinds above
	Path    string // place in the reader's schema, as a JSON pointer: /fields/3/type/1
	Field   string // name of the nearest field, empty outside records
	Message string // what is wrong there
}

// String is the whole message: version, direction, place and reason.
func (i Incompatibility) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d: %s", i.Version, i.Path)
	if i.Field != "" {
		fmt.Fprintf(&b, " %q", i.Field)
	}
	fmt.Fprintf(&b, ": %s", i.Message)
	if i.Forward {
		fmt.Fprintf(&b, " (version %d reading data of the new schema)", i.Version)
	} else {
		fmt.Fprintf(&b, " (the new schema reading data of version %d)", i.Version)
	}
	return b.String()
}

// Compatible checks the text of a new schema against the texts of earlier ones, which are versions 1, 2 and so on.
// An empty result means that level allows it.
func Compatible(level Level, next string, earlier []string) ([]Incompatibility, error) {
	n, err := parse(next)
	if err != nil {
		return nil, fmt.Errorf("new schema: %w", err)
	}
	versions := make([]Version, len(earlier))
	for i, text := range earlier {
		s, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("version %d: %w", i+1, err)
		}
		versions[i] = Version{Number: i + 1, Schema: s}
	}
	return CheckVersions(level, n, versions), nil
}

// CheckVersions is Compatible for parsed schemas. Versions are given in ascending order.
func CheckVersions(level Level, next *schema.Schema, earlier []Version) []Incompatibility {
	if !level.Transitive() && len(earlier) > 1 {
		earlier = earlier[len(earlier)-1:]
	}
	var all []Incompatibility
	for _, v := range slices.Backward(earlier) {
		if level.Backward() {
			all = append(all, mark(CanRead(next, v.Schema), v.Number, false)...)
		}
		if level.Forward() {
			all = append(all, mark(CanRead(v.Schema, next), v.Number, true)...)
		}
	}
	return all
}

func mark(list []Incompatibility, version int, forward bool) []Incompatibility {
	for i := range list {
		list[i].Version, list[i].Forward = version, forward
	}
	return list
}

// CanRead lists what keeps a reader from reading every value of a writer; Version and Forward are not set.
func CanRead(reader, writer *schema.Schema) []Incompatibility {
	c := checker{results: make(map[pair][]Incompatibility)}
	faults := c.check(writer, reader, place{})
	seen := make(map[Incompatibility]bool, len(faults))
	return slices.DeleteFunc(faults, func(f Incompatibility) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// place is where in the reader's schema the checker is.
type place struct{ path, field string }

func (p place) at(parts ...string) place {
	return place{p.path + "/" + strings.Join(parts, "/"), p.field}
}

func (p place) fault(kind, format string, args ...any) []Incompatibility {
	path := p.path
	if path == "" {
		path = "/"
	}
	return []Incompatibility{{Kind: kind, Path: path, Field: p.field, Message: sprintf(format, args...)}}
}

// checker remembers pairs of schemas, so that recursive types end and shared ones are looked at once.
type checker struct {
	results map[pair][]Incompatibility // a pair that is being checked counts as readable
	good    []pair                     // the readable ones, in the order they were found
}

func (c *checker) check(w, r *schema.Schema, at place) []Incompatibility {
	p := pair{w, r}
	if known, ok := c.results[p]; ok {
		return known[:min(1, len(known))] // reported in full where it was met first
	}
	c.results[p] = nil
	since := len(c.good)
	faults := c.compare(w, r, at)
	if len(faults) == 0 {
		c.good = append(c.good, p)
		return nil
	}
	// What was found readable meanwhile may have counted on this pair, so it is looked at anew if it is met again.
	// Faults never rest on such an assumption.
	for _, doubtful := range c.good[since:] {
		delete(c.results, doubtful)
	}
	c.good = c.good[:since]
	c.results[p] = faults
	return faults
}

func (c *checker) compare(w, r *schema.Schema, at place) []Incompatibility {
	if w.Kind == schema.Union {
		return c.writerUnion(w, r, at)
	}
	if r.Kind == schema.Union {
		return c.readerUnion(w, r, at)
	}
	if why := meaningDiffers(w, r); why != "" {
		return at.fault(LogicalTypeMismatch, "%s", why)
	}
	if w.Kind != r.Kind {
		if promotes(w.Kind, r.Kind) {
			return nil
		}
		return at.fault(TypeMismatch, "the writer's %s cannot be read as %s", w.TypeName(), r.TypeName())
	}
	var list []Incompatibility
	if w.Name != "" && !namesMatch(w, r) {
		list = at.at("name").fault(NameMismatch, "the writer's %s is not the reader's %s, nor an alias of it", w.Name, r.Name)
	}
	switch w.Kind {
	case schema.Fixed:
		if w.Size != r.Size {
			list = append(list, at.at("size").fault(FixedSizeMismatch, "the writer's fixed has %d bytes, the reader's %d",
				w.Size, r.Size)...)
		}
	case schema.Enum:
		if missing := missingSymbols(w, r); len(missing) > 0 && r.EnumDefault == "" {
			list = append(list, at.at("symbols").fault(MissingEnumSymbols,
				"the reader's enum lacks the writer's symbols %s and has no default", strings.Join(missing, ", "))...)
		}
	case schema.Array:
		list = append(list, c.check(w.Items, r.Items, at.at("items"))...)
	case schema.Map:
		list = append(list, c.check(w.Items, r.Items, at.at("values"))...)
	case schema.Record:
		list = append(list, c.fields(w, r, at)...)
	default: // primitives of the same kind
	}
	return list
}

func (c *checker) fields(w, r *schema.Schema, at place) []Incompatibility {
	var list []Incompatibility
	for i, rf := range r.Fields {
		here := at.at("fields", strconv.Itoa(i))
		here.field = rf.Name
		from := writerField(w, rf)
		switch {
		case from >= 0:
			list = append(list, c.check(w.Fields[from].Type, rf.Type, here.at("type"))...)
		case rf.Default != nil:
		default:
			hint := ""
			if _, optional := rf.Type.Optional(); optional {
				hint = `; a union with null is not optional until it has "default": null`
			}
			list = append(list, here.fault(MissingDefault,
				"reader field without default is missing in the writer%s", hint)...)
		}
	}
	return list
}

func (c *checker) writerUnion(w, r *schema.Schema, at place) []Incompatibility {
	var list []Incompatibility
	for _, b := range w.Branches {
		faults := c.check(b, r, at)
		if r.Kind == schema.Union || len(faults) == 0 {
			list = append(list, faults...)
			continue
		}
		list = append(list, at.fault(TypeMismatch, "the writer's union holds %s, which cannot be read as %s: %s",
			b.TypeName(), r.TypeName(), faults[0].Message)...)
	}
	return list
}

func (c *checker) readerUnion(w, r *schema.Schema, at place) []Incompatibility {
	var nearest []Incompatibility
	for _, i := range candidates(w, r) {
		faults := c.check(w, r.Branches[i], at.at(strconv.Itoa(i)))
		if len(faults) == 0 {
			return nil
		}
		if nearest == nil {
			nearest = faults
		}
	}
	if nearest != nil {
		return nearest // the same type is there, only changed: say how
	}
	var names []string
	for _, b := range r.Branches {
		names = append(names, b.TypeName())
	}
	return at.fault(MissingUnionBranch, "the reader's union of %s lacks the writer's %s", strings.Join(names, ", "), w.TypeName())
}
