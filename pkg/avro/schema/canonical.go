package schema

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
)

// Canonical is the Parsing Canonical Form of the specification: what a reader of the bytes needs and nothing else
// (no docs, defaults, aliases or logical types). Named types are written at their first use.
func (s *Schema) Canonical() string {
	return string(s.append(nil, make(map[*Schema]bool), false))
}

// Full is a deterministic text that keeps everything the schema says (aliases, defaults, docs, logical types and
// other properties, these in order of their names), so that two schemas mean the same exactly when it is equal.
func (s *Schema) Full() string {
	return string(s.append(nil, make(map[*Schema]bool), true))
}

// Rabin is the 64-bit CRC-64-AVRO fingerprint of the canonical form.
func (s *Schema) Rabin() uint64 { return rabin(s.Canonical()) }

// SHA256 is the SHA-256 fingerprint of the canonical form.
func (s *Schema) SHA256() [32]byte { return sha256.Sum256([]byte(s.Canonical())) }

const rabinEmpty = 0xc15d213aa4d7a795

var rabinTable = sync.OnceValue(func() *[256]uint64 {
	var t [256]uint64
	for i := range t {
		fp := uint64(i)
		for range 8 {
			fp = fp>>1 ^ rabinEmpty&-(fp&1)
		}
		t[i] = fp
	}
	return &t
})

func rabin(text string) uint64 {
	t := rabinTable()
	fp := uint64(rabinEmpty)
	for i := range len(text) {
		fp = fp>>8 ^ t[byte(fp)^text[i]]
	}
	return fp
}

// append writes s as JSON; full keeps what the canonical form drops.
func (s *Schema) append(dst []byte, seen map[*Schema]bool, full bool) []byte {
	if s.Name != "" {
		if seen[s] {
			return strconv.AppendQuote(dst, s.Name)
		}
		seen[s] = true
	}
	switch s.Kind {
	case Union:
		dst = append(dst, '[')
		for i, b := range s.Branches {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = b.append(dst, seen, full)
		}
		return append(dst, ']')
	case Array, Map:
		key := `","items":`
		if s.Kind == Map {
			key = `","values":`
		}
		dst = append(dst, `{"type":"`...)
		dst = append(append(dst, s.Kind.String()...), key...)
		dst = s.Items.append(dst, seen, full)
		return append(s.extras(dst, full), '}')
	case Record:
		dst = append(dst, `{"name":"`...)
		dst = append(append(dst, s.Name...), `","type":"record","fields":[`...)
		for i, f := range s.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"name":"`...)
			dst = append(append(dst, f.Name...), `","type":`...)
			dst = f.Type.append(dst, seen, full)
			if full {
				dst = f.extras(dst)
			}
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
		return append(s.extras(dst, full), '}')
	case Enum:
		dst = append(dst, `{"name":"`...)
		dst = append(append(dst, s.Name...), `","type":"enum","symbols":[`...)
		for i, sym := range s.Symbols {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '"'), sym...), '"')
		}
		dst = append(dst, ']')
		return append(s.extras(dst, full), '}')
	case Fixed:
		dst = append(dst, `{"name":"`...)
		dst = append(append(dst, s.Name...), `","type":"fixed","size":`...)
		dst = strconv.AppendInt(dst, int64(s.Size), 10)
		return append(s.extras(dst, full), '}')
	default: // primitive
		if !full || s.Logical == "" && len(s.Props) == 0 {
			return append(append(append(dst, '"'), s.Kind.String()...), '"')
		}
		dst = append(dst, `{"type":"`...)
		dst = append(append(dst, s.Kind.String()...), '"')
		return append(s.extras(dst, full), '}')
	}
}

func (s *Schema) extras(dst []byte, full bool) []byte {
	if !full {
		return dst
	}
	if s.Logical != "" {
		dst = member(dst, "logicalType", string(s.Logical))
		if s.Logical == Decimal {
			dst = member(dst, "precision", s.Precision)
			dst = member(dst, "scale", s.Scale)
		}
	}
	if s.EnumDefault != "" {
		dst = member(dst, "default", s.EnumDefault)
	}
	return common(dst, s.Aliases, s.Doc, s.Props)
}

func (f *Field) extras(dst []byte) []byte {
	if f.Default != nil {
		dst = member(dst, "default", f.Default)
	}
	if f.Order != "ascending" {
		dst = member(dst, "order", f.Order)
	}
	return common(dst, f.Aliases, f.Doc, f.Props)
}

func common(dst []byte, aliases []string, doc string, props map[string]json.RawMessage) []byte {
	if len(aliases) > 0 {
		dst = member(dst, "aliases", aliases)
	}
	if doc != "" {
		dst = member(dst, "doc", doc)
	}
	names := make([]string, 0, len(props))
	for name := range props {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		dst = member(dst, name, props[name])
	}
	return dst
}

// member writes ,"name":value. Values come from parsed JSON, so encoding them cannot fail.
func member(dst []byte, name string, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte("null")
	}
	dst = append(dst, ',')
	key, err := json.Marshal(name)
	if err != nil {
		key = []byte(`""`)
	}
	dst = append(dst, key...)
	return append(append(dst, ':'), text...)
}
