package avro

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/linkedin/goavro/v2"

	"meshwork.dev/pkg/avro/schema"
)

// keptCodecs bounds the cache of a Dynamic.
const keptCodecs = 1000

// Dynamic reads and writes values whose schema is known only at run time, through their JSON form. It is for
// people's eyes and tools (command line, catalog, dead letters), not for the hot path. It is safe for concurrent
// use.
type Dynamic struct {
	source SchemaSource
	mu     sync.Mutex
	codecs map[writerKey]*JSONCodec
}

// NewDynamic returns a Dynamic that asks source for schemas.
func NewDynamic(source SchemaSource) *Dynamic {
	return &Dynamic{source: source, codecs: make(map[writerKey]*JSONCodec)}
}

// JSON returns a framed value as JSON; headers may be nil. An empty value, a tombstone, is the JSON null.
func (d *Dynamic) JSON(ctx context.Context, value []byte, headers Headers) ([]byte, error) {
	if len(value) == 0 {
		return []byte("null"), nil
	}
	f, err := ParseFrame(value, headers)
	if err != nil {
		return nil, err
	}
	c, err := d.codec(ctx, writerKey{f.ID, f.GUID})
	if err != nil {
		return nil, err
	}
	return c.AppendJSON(nil, f.Payload)
}

// Append appends a JSON value as the framed Avro of schema id.
func (d *Dynamic) Append(ctx context.Context, dst []byte, id int32, text []byte) ([]byte, error) {
	c, err := d.codec(ctx, writerKey{id: id})
	if err != nil {
		return dst, err
	}
	return c.AppendAvro(AppendHeader(dst, id), text)
}

func (d *Dynamic) codec(ctx context.Context, key writerKey) (*JSONCodec, error) {
	d.mu.Lock()
	c := d.codecs[key]
	d.mu.Unlock()
	if c != nil {
		return c, nil
	}
	var text string
	var err error
	if key.guid.IsZero() {
		text, err = d.source.SchemaByID(ctx, int(key.id))
	} else {
		text, err = d.source.SchemaByGUID(ctx, key.guid)
	}
	switch {
	case errors.Is(err, ErrUnknownSchema):
		return nil, fmt.Errorf("%s: %w", key, err)
	case err != nil:
		return nil, fmt.Errorf("looking up %s: %w: %w", key, ErrUnavailable, err)
	}
	if c, err = NewJSONCodec(text); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.codecs) >= keptCodecs {
		clear(d.codecs)
	}
	d.codecs[key] = c
	return c, nil
}

// JSONCodec turns Avro binary of one schema into plain JSON and back. Members stand in the order of the schema. In
// JSON, what Avro has more types for than JSON is written so:
//
//   - a union is the value itself, without a wrapper that names the branch;
//   - a decimal is a string with all its digits, "12.500"; a number is read too;
//   - a timestamp is RFC 3339 in UTC with all digits of its unit, "2011-12-09T12:50:00.000Z", a local one the same
//     without the Z; a date is "2011-12-09", a time "12:50:00.000"; the bare number is read too, and written for
//     years that RFC 3339 has no text for;
//   - bytes and fixed are base64, a UUID on fixed its usual text, a duration {"months":1,"days":2,"millis":3};
//   - an enum is its symbol; floating-point numbers that JSON lacks are "NaN", "Infinity" and "-Infinity".
//
// Floating-point numbers always have a point or an exponent, so that a union can tell them from integers. Read back, a
// value goes to the first branch of a union that takes it; where that is not the one it came from (a
// string that is valid base64 in a union of bytes and string), wrap it as {"branch": value}. Fields that are left
// out take their default; a field the schema does not have is an error. It is immutable.
type JSONCodec struct {
	schema *schema.Schema
	shape  *shape
	codec  *goavro.Codec
}

// NewJSONCodec returns the codec of a self-contained schema. The error matches [ErrSchema].
func NewJSONCodec(schemaText string) (*JSONCodec, error) {
	s, err := parse(schemaText)
	if err != nil {
		return nil, err
	}
	sh := make(shapes).of(s)
	if err := bounded(sh); err != nil {
		return nil, err
	}
	// goavro gets the canonical form: it reads the bytes, and what they mean is decided here.
	codec, err := goavro.NewCodec(s.Canonical())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return &JSONCodec{schema: s, shape: sh, codec: codec}, nil
}

// bounded refuses arrays of items that take no bytes: a few bytes could then stand for any number of them.
func bounded(sh *shape) error {
	seen := make(map[*shape]bool)
	var walk func(*shape) bool
	walk = func(s *shape) bool {
		if seen[s] {
			return true
		}
		seen[s] = true
		if s.items != nil && (s.itemLeast() == 0 || !walk(s.items)) {
			return false
		}
		for _, p := range s.parts {
			if !walk(p) {
				return false
			}
		}
		return true
	}
	if !walk(sh) {
		return fmt.Errorf("%w: an array of values that take no bytes cannot be shown", ErrSchema)
	}
	return nil
}

// AppendJSON appends the JSON of one value, of which it needs all bytes. The error matches [ErrMalformed].
func (c *JSONCodec) AppendJSON(dst, payload []byte) ([]byte, error) {
	// goavro trusts the counts it reads, so they are checked first.
	rest, err := c.shape.skip(payload, 0)
	if err != nil {
		return dst, err
	}
	if len(rest) > 0 {
		return dst, malformed("%d bytes after the value", len(rest))
	}
	native, _, err := c.codec.NativeFromBinary(payload)
	if err != nil {
		return dst, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return appendJSON(dst, c.schema, native)
}

// AppendAvro appends the Avro binary of one JSON value. The error matches [ErrMalformed] and names the place.
func (c *JSONCodec) AppendAvro(dst, text []byte) ([]byte, error) {
	v, err := decodeJSON(text)
	if err != nil {
		return dst, err
	}
	return appendAvro(dst, c.schema, v, "$", 0)
}
