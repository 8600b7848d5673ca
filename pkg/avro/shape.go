package avro

import (
	"math"

	"meshwork.dev/pkg/avro/schema"
)

// maxDepth bounds how deep values of recursive types nest.
const maxDepth = 1000

// shape walks over values of one writer's schema without keeping anything of them.
type shape struct {
	kind  schema.Kind
	size  int      // bytes of a fixed, number of symbols of an enum
	least int      // least number of bytes of one value
	items *shape   // of an array, or the values of a map
	parts []*shape // fields of a record, branches of a union
}

// shapes makes shapes, one for each schema, so that recursive schemas give recursive shapes.
type shapes map[*schema.Schema]*shape

func (m shapes) of(s *schema.Schema) *shape {
	if sh, ok := m[s]; ok {
		return sh // for a type that holds itself, least is still 0 here: a lower bound all the same
	}
	sh := &shape{kind: s.Kind, size: s.Size}
	m[s] = sh
	switch s.Kind {
	case schema.Null:
	case schema.Float:
		sh.least = 4
	case schema.Double:
		sh.least = 8
	case schema.Fixed:
		sh.least = s.Size
	case schema.Enum:
		sh.size, sh.least = len(s.Symbols), 1
	case schema.Array, schema.Map:
		sh.items, sh.least = m.of(s.Items), 1
	case schema.Union:
		sh.least = 1
		for _, b := range s.Branches {
			sh.parts = append(sh.parts, m.of(b))
		}
	case schema.Record:
		least := 0
		for _, f := range s.Fields {
			part := m.of(f.Type)
			sh.parts = append(sh.parts, part)
			least = min(least+part.least, math.MaxInt32)
		}
		sh.least = least
	default:
		sh.least = 1
	}
	return sh
}

// skip returns what follows the value at the start of src.
func (s *shape) skip(src []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, malformed("nested deeper than %d", maxDepth)
	}
	switch s.kind {
	case schema.Null:
		return src, nil
	case schema.Boolean:
		if len(src) == 0 {
			return nil, errShort
		}
		if src[0] > 1 {
			return nil, malformed("boolean byte %#02x", src[0])
		}
		return src[1:], nil
	case schema.Int:
		return skipInt(src)
	case schema.Long:
		_, rest, err := readLong(src)
		return rest, err
	case schema.Float, schema.Double, schema.Fixed:
		if len(src) < s.least {
			return nil, errShort
		}
		return src[s.least:], nil
	case schema.Bytes, schema.String:
		return skipBytes(src)
	case schema.Enum:
		_, rest, err := readIndex(src, s.size, "symbols")
		return rest, err
	case schema.Union:
		i, rest, err := readIndex(src, len(s.parts), "branches")
		if err != nil {
			return nil, err
		}
		return s.parts[i].skip(rest, depth+1)
	case schema.Record:
		var err error
		for _, p := range s.parts {
			if src, err = p.skip(src, depth+1); err != nil {
				return nil, err
			}
		}
		return src, nil
	case schema.Array, schema.Map:
		return s.skipBlocks(src, depth)
	}
	return nil, malformed("schema of kind %s", s.kind)
}

func (s *shape) skipBlocks(src []byte, depth int) ([]byte, error) {
	for {
		n, rest, err := readCount(src, s.itemLeast())
		if err != nil {
			return nil, err
		}
		src = rest
		if n == 0 {
			return src, nil
		}
		if s.itemLeast() == 0 {
			n = 1 // items that take no bytes need not be walked one by one
		}
		for range n {
			if s.kind == schema.Map {
				if src, err = skipBytes(src); err != nil {
					return nil, err
				}
			}
			if src, err = s.items.skip(src, depth+1); err != nil {
				return nil, err
			}
		}
	}
}

// itemLeast is the least number of bytes of an array item or a map entry.
func (s *shape) itemLeast() int {
	if s.kind == schema.Map {
		return s.items.least + 1
	}
	return s.items.least
}
