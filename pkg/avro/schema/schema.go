package schema

import (
	"encoding/json"
	"strings"
)

// Kind is what a schema is, without its logical type.
type Kind uint8

// The kinds, in the order of the specification.
const (
	Null Kind = iota + 1
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Record
	Enum
	Array
	Map
	Union
	Fixed
)

var kindNames = [...]string{
	Null: "null", Boolean: "boolean", Int: "int", Long: "long", Float: "float", Double: "double", Bytes: "bytes",
	String: "string", Record: "record", Enum: "enum", Array: "array", Map: "map", Union: "union", Fixed: "fixed",
}

// String is the name of the kind as schemas write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return "invalid"
}

func primitive(name string) (Kind, bool) {
	for k := Null; k <= String; k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Logical is the name of a logical type that its schema can carry; empty where there is none.
type Logical string

// The logical types of the specification.
const (
	Decimal              Logical = "decimal"
	UUID                 Logical = "uuid"
	Date                 Logical = "date"
	TimeMillis           Logical = "time-millis"
	TimeMicros           Logical = "time-micros"
	TimestampMillis      Logical = "timestamp-millis"
	TimestampMicros      Logical = "timestamp-micros"
	TimestampNanos       Logical = "timestamp-nanos"
	LocalTimestampMillis Logical = "local-timestamp-millis"
	LocalTimestampMicros Logical = "local-timestamp-micros"
	LocalTimestampNanos  Logical = "local-timestamp-nanos"
	Duration             Logical = "duration"
)

// Schema is one Avro schema. Which fields are set depends on Kind.
type Schema struct {
	Kind    Kind
	Logical Logical

	Name    string   // full name of a record, enum or fixed
	Aliases []string // full names
	Doc     string

	Fields      []*Field  // of a record
	Symbols     []string  // of an enum
	EnumDefault string    // symbol read where the writer's is unknown; empty for none
	Items       *Schema   // of an array, or the values of a map
	Branches    []*Schema // of a union
	Size        int       // of a fixed, in bytes

	Precision, Scale int // of a decimal

	// Props holds every attribute that the fields above do not, as written.
	Props map[string]json.RawMessage
}

// Field is one field of a record.
type Field struct {
	Name    string
	Aliases []string
	Doc     string
	Type    *Schema
	Default json.RawMessage // as written; nil where there is none (the text null is a default)
	Order   string          // ascending, descending or ignore
	Props   map[string]json.RawMessage
}

// Namespace is the part of a full name before the last dot.
func Namespace(full string) string {
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		return full[:i]
	}
	return ""
}

// ShortName is the part of a full name after the last dot.
func ShortName(full string) string { return full[strings.LastIndexByte(full, '.')+1:] }

// Optional returns the other branch of a union of null and one other schema, and whether s is such a union.
func (s *Schema) Optional() (*Schema, bool) {
	if s.Kind != Union || len(s.Branches) != 2 {
		return nil, false
	}
	a, b := s.Branches[0], s.Branches[1]
	switch {
	case a.Kind == Null && b.Kind != Null:
		return b, true
	case b.Kind == Null && a.Kind != Null:
		return a, true
	}
	return nil, false
}

// TypeName is how a union names s among its branches: the full name of a named type, otherwise the kind.
func (s *Schema) TypeName() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Kind.String()
}

// FieldByName finds a field of a record by its name; nil where there is none.
func (s *Schema) FieldByName(name string) *Field {
	for _, f := range s.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// MinSize is the least number of bytes that any value of s takes in Avro binary, so that readers can bound the
// counts they are told. It is 0 only for null and for records and fixed types that hold nothing.
func (s *Schema) MinSize() int { return s.minSize(make(map[*Schema]int)) }

// minSize sums up to a limit only, so that absurd fixed sizes cannot overflow it; known also ends recursion: a
// record that holds itself outright has no values, and 0 stays a lower bound.
func (s *Schema) minSize(known map[*Schema]int) int {
	switch s.Kind {
	case Null:
		return 0
	case Float:
		return 4
	case Double:
		return 8
	case Fixed:
		return s.Size
	case Record:
		if n, ok := known[s]; ok {
			return n
		}
		known[s] = 0
		n := 0
		for _, f := range s.Fields {
			n = min(n+f.Type.minSize(known), 1<<30)
		}
		known[s] = n
		return n
	default:
		return 1
	}
}
