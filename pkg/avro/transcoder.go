package avro

import (
	"encoding/binary"
	"fmt"
	"math"

	"meshwork.dev/pkg/avro/schema"
)

// What one value may grow to when it is transcoded: defaults and wider numbers add bytes, but an attacker must not
// turn a small value into an arbitrarily large one.
const (
	growthBase   = 1 << 20
	growthFactor = 32
)

// Transcoder turns Avro binary of a writer's schema into Avro binary of a reader's schema. It is immutable.
type Transcoder struct {
	writer *shape
	root   *node // nil when the bytes are the same under both schemas
}

// NewTranscoder compiles the resolution of two self-contained schemas. The error matches [ErrSchema] when one is not
// valid and [ErrIncompatible], naming the place, when no value of the writer's can be read. A part that only some
// values have, such as one branch of the writer's union or the items of an array, is refused by Transcode when it is
// met.
func NewTranscoder(writerSchema, readerSchema string) (*Transcoder, error) {
	w, err := parse(writerSchema)
	if err != nil {
		return nil, fmt.Errorf("writer: %w", err)
	}
	r, err := parse(readerSchema)
	if err != nil {
		return nil, fmt.Errorf("reader: %w", err)
	}
	return resolve(w, r)
}

func resolve(w, r *schema.Schema) (*Transcoder, error) {
	c := newCompiler()
	t := &Transcoder{writer: c.shapes.of(w)}
	if c.same(w, r) {
		return t, nil
	}
	root, err := c.compile(w, r, "$")
	if err != nil {
		return nil, err
	}
	t.root = root
	return t, nil
}

func parse(text string) (*schema.Schema, error) {
	s, err := schema.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	return s, nil
}

// Identity reports whether every value has the same bytes under both schemas, so that transcoding is unnecessary.
func (t *Transcoder) Identity() bool { return t.root == nil }

// Transcode appends to dst the value that is encoded in src. It needs all of src and keeps nothing of it. On an
// error, which matches [ErrMalformed] or [ErrIncompatible], the bytes appended so far are of no use.
func (t *Transcoder) Transcode(dst, src []byte) ([]byte, error) {
	var rest []byte
	var err error
	if t.root == nil {
		if rest, err = t.writer.skip(src, 0); err == nil {
			dst = append(dst, src[:len(src)-len(rest)]...)
		}
	} else {
		budget := growthBase + growthFactor*len(src)
		r := run{limit: len(dst) + budget, items: budget}
		dst, rest, err = r.exec(t.root, dst, src, 0)
	}
	if err == nil && len(rest) > 0 {
		err = malformed("%d bytes after the value", len(rest))
	}
	return dst, err
}

type op uint8

const (
	opCopy   op = iota // bytes stay as they are
	opFail             // no counterpart in the reader's schema
	opNumber           // int, long or float becomes a wider number
	opEnum             // symbols are renumbered
	opUnion            // the writer's branch decides
	opWrap             // becomes a branch of the reader's union
	opArray            // blocks of items, or of map entries
	opRecord           // steps in the reader's order
)

// node is one instruction of a compiled resolution.
type node struct {
	op     op
	shape  *shape // of the writer's value
	err    error  // opFail
	to     schema.Kind
	table  []int32 // opEnum: the reader's index of each writer's symbol, -1 for none
	symbol []string
	parts  []*node // opUnion: one per writer's branch
	inner  *node   // opWrap, opArray
	branch int64   // opWrap
	steps  []step  // opRecord
	// spread is set where the reader's order is not the writer's: then the writer's fields are first located, and
	// steps name them by number.
	spread []*shape
}

// step is one part of a record: a value taken from the writer, one passed over, or a default.
type step struct {
	from int   // with spread: the writer's field
	take *node // converted and kept
	drop *shape
	copy []*shape // kept as they are
	fill []byte   // a default
}

// run is one execution; its limits hold for the whole value.
type run struct {
	limit int // length that dst must not exceed
	items int // how many more items may be converted
}

func (r *run) exec(n *node, dst, src []byte, depth int) ([]byte, []byte, error) {
	if depth > maxDepth {
		return dst, nil, malformed("nested deeper than %d", maxDepth)
	}
	if len(dst) > r.limit {
		return dst, nil, malformed("value grows beyond %d bytes", r.limit)
	}
	switch n.op {
	case opCopy:
		rest, err := n.shape.skip(src, depth)
		if err != nil {
			return dst, nil, err
		}
		return append(dst, src[:len(src)-len(rest)]...), rest, nil
	case opFail:
		return dst, nil, n.err
	case opNumber:
		return n.number(dst, src)
	case opEnum:
		i, rest, err := readIndex(src, len(n.table), "symbols")
		if err != nil {
			return dst, nil, err
		}
		if n.table[i] < 0 {
			return dst, nil, fmt.Errorf("%w: the reader's enum has no symbol %s and no default", ErrIncompatible, n.symbol[i])
		}
		return binary.AppendVarint(dst, int64(n.table[i])), rest, nil
	case opUnion:
		i, rest, err := readIndex(src, len(n.parts), "branches")
		if err != nil {
			return dst, nil, err
		}
		return r.exec(n.parts[i], dst, rest, depth+1)
	case opWrap:
		return r.exec(n.inner, binary.AppendVarint(dst, n.branch), src, depth+1)
	case opArray:
		return r.blocks(n, dst, src, depth)
	case opRecord:
		if n.spread != nil {
			return r.spread(n, dst, src, depth)
		}
		return r.record(n, dst, src, depth)
	}
	return dst, nil, malformed("unknown instruction")
}

func (n *node) number(dst, src []byte) ([]byte, []byte, error) {
	if n.shape.kind == schema.Float {
		if len(src) < 4 {
			return dst, nil, errShort
		}
		x := math.Float32frombits(binary.LittleEndian.Uint32(src))
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(x))), src[4:], nil
	}
	i, rest, err := readLong(src)
	if err == nil && n.shape.kind == schema.Int {
		rest, err = skipInt(src)
	}
	if err != nil {
		return dst, nil, err
	}
	if n.to == schema.Float {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(i))), rest, nil
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(i))), rest, nil
}

func (r *run) blocks(n *node, dst, src []byte, depth int) ([]byte, []byte, error) {
	for {
		count, rest, err := readCount(src, n.shape.itemLeast())
		if err != nil {
			return dst, nil, err
		}
		src = rest
		dst = binary.AppendVarint(dst, count)
		if count == 0 {
			return dst, src, nil
		}
		for range count {
			if r.items--; r.items < 0 {
				return dst, nil, malformed("too many items for the size of the value")
			}
			if n.shape.kind == schema.Map {
				rest, err := skipBytes(src)
				if err != nil {
					return dst, nil, err
				}
				dst = append(dst, src[:len(src)-len(rest)]...)
				src = rest
			}
			if dst, src, err = r.exec(n.inner, dst, src, depth+1); err != nil {
				return dst, nil, err
			}
		}
	}
}

func (r *run) record(n *node, dst, src []byte, depth int) ([]byte, []byte, error) {
	var err error
	for i := range n.steps {
		s := &n.steps[i]
		switch {
		case s.take != nil:
			dst, src, err = r.exec(s.take, dst, src, depth+1)
		case s.drop != nil:
			src, err = s.drop.skip(src, depth+1)
		case s.copy != nil:
			rest := src
			for _, sh := range s.copy {
				if rest, err = sh.skip(rest, depth+1); err != nil {
					return dst, nil, err
				}
			}
			dst, src = append(dst, src[:len(src)-len(rest)]...), rest
		default:
			dst = append(dst, s.fill...)
		}
		if err != nil {
			return dst, nil, err
		}
	}
	return dst, src, nil
}

// spread is record for fields that the reader has in another order: it finds where each begins, then takes them.
func (r *run) spread(n *node, dst, src []byte, depth int) ([]byte, []byte, error) {
	var few [16][]byte
	starts := few[:0]
	rest := src
	var err error
	for _, sh := range n.spread {
		starts = append(starts, rest)
		if rest, err = sh.skip(rest, depth+1); err != nil {
			return dst, nil, err
		}
	}
	for i := range n.steps {
		s := &n.steps[i]
		if s.take == nil {
			dst = append(dst, s.fill...)
			continue
		}
		if dst, _, err = r.exec(s.take, dst, starts[s.from], depth+1); err != nil {
			return dst, nil, err
		}
	}
	return dst, rest, nil
}
