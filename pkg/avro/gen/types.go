package gen

import (
	"fmt"

	"meshwork.dev/pkg/avro/schema"
)

// goType is the Go type of s. union is the Go name of s where it is a union that has a type of its own.
func goType(s *schema.Schema, union string) string {
	switch s.Logical {
	case schema.Decimal:
		if s.Scale == 3 {
			return "schemas.Money"
		}
		return fmt.Sprintf("schemas.Decimal[schemas.Scale%d]", s.Scale)
	case schema.Date:
		return "schemas.Date"
	case schema.TimestampMillis, schema.TimestampMicros:
		return "time.Time"
	default: // by kind
	}
	switch s.Kind {
	case schema.Null:
		return "struct{}"
	case schema.Boolean:
		return "bool"
	case schema.Int:
		return "int32"
	case schema.Long:
		return "int64"
	case schema.Float:
		return "float32"
	case schema.Double:
		return "float64"
	case schema.Bytes:
		return "[]byte"
	case schema.String:
		return "string"
	case schema.Fixed:
		return fmt.Sprintf("[%d]byte", s.Size)
	case schema.Array:
		return "[]" + goType(s.Items, union+"Item")
	case schema.Map:
		return "map[string]" + goType(s.Items, union+"Value")
	case schema.Union:
		if opt, ok := s.Optional(); ok {
			return "schemas.Opt[" + goType(opt, union) + "]"
		}
		return union + "Union"
	default: // record, enum
		return goName(schema.ShortName(s.Name))
	}
}
