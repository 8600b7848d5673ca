package avro

import (
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro/schema"
)

var sprintf = fmt.Sprintf

// maxNodes bounds a compiled resolution, so that a hostile schema cannot make it arbitrarily large.
const maxNodes = 1 << 17

type pair struct{ w, r *schema.Schema }

// compiler builds the nodes for pairs of schemas, one per pair, so that recursive types end.
type compiler struct {
	shapes shapes
	nodes  map[pair]*node
	known  map[pair]bool // results of same that hold without assumptions
}

func newCompiler() *compiler {
	return &compiler{shapes: make(shapes), nodes: make(map[pair]*node), known: make(map[pair]bool)}
}

func refuse(path, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrIncompatible, path, sprintf(format, args...))
}

// same reports whether every value of w has the same bytes and the same meaning under r.
func (c *compiler) same(w, r *schema.Schema) bool {
	assumed := make(map[pair]bool)
	if !c.sameUnder(w, r, assumed) {
		return false
	}
	for p := range assumed {
		c.known[p] = true // all assumptions were borne out
	}
	return true
}

func (c *compiler) sameUnder(w, r *schema.Schema, assumed map[pair]bool) bool {
	p := pair{w, r}
	if result, ok := c.known[p]; ok {
		return result
	}
	if assumed[p] {
		return true // a type inside itself: the same if everything else is
	}
	assumed[p] = true
	ok := w.Kind == r.Kind && meaningDiffers(w, r) == "" && (w.Name == "" || namesMatch(w, r))
	if !ok {
		c.known[p] = false
		return false
	}
	switch w.Kind {
	case schema.Array, schema.Map:
		ok = c.sameUnder(w.Items, r.Items, assumed)
	case schema.Fixed:
		ok = w.Size == r.Size
	case schema.Enum:
		ok = len(w.Symbols) <= len(r.Symbols) && slices.Equal(w.Symbols, r.Symbols[:len(w.Symbols)])
	case schema.Union:
		ok = len(w.Branches) <= len(r.Branches)
		for i := 0; ok && i < len(w.Branches); i++ {
			ok = w.Branches[i].Name == r.Branches[i].Name && c.sameUnder(w.Branches[i], r.Branches[i], assumed)
		}
	case schema.Record:
		ok = len(w.Fields) == len(r.Fields)
		for i := 0; ok && i < len(w.Fields); i++ {
			ok = writerField(w, r.Fields[i]) == i && c.sameUnder(w.Fields[i].Type, r.Fields[i].Type, assumed)
		}
	default: // primitives of the same kind
	}
	if !ok {
		c.known[p] = false // false in spite of assumptions that can only help
	}
	return ok
}

// compile returns the instruction for values of w that are read as r.
func (c *compiler) compile(w, r *schema.Schema, path string) (*node, error) {
	p := pair{w, r}
	if n, ok := c.nodes[p]; ok {
		if n.op == opFail {
			return nil, n.err
		}
		return n, nil
	}
	if len(c.nodes) >= maxNodes {
		return nil, refuse(path, "schemas are too large to resolve")
	}
	n := &node{shape: c.shapes.of(w)}
	c.nodes[p] = n
	if c.same(w, r) {
		return n, nil
	}
	if err := c.fill(n, w, r, path); err != nil {
		*n = node{op: opFail, shape: n.shape, err: err} // nodes inside refer to it when the type is recursive
		return nil, err
	}
	return n, nil
}

func (c *compiler) fill(n *node, w, r *schema.Schema, path string) error {
	switch {
	case w.Kind == schema.Union:
		return c.writerUnion(n, w, r, path)
	case r.Kind == schema.Union:
		return c.readerUnion(n, w, r, path)
	}
	if why := meaningDiffers(w, r); why != "" {
		return refuse(path, "%s", why)
	}
	if w.Kind != r.Kind {
		if !promotes(w.Kind, r.Kind) {
			return refuse(path, "%s of the writer cannot be read as %s", w.TypeName(), r.TypeName())
		}
		if r.Kind == schema.Float || r.Kind == schema.Double {
			n.op, n.to = opNumber, r.Kind
		}
		return nil // the rest have the same bytes under both
	}
	if w.Name != "" && !namesMatch(w, r) {
		return refuse(path, "%s %s of the writer is not the reader's %s, nor an alias of it", w.Kind, w.Name, r.Name)
	}
	switch w.Kind {
	case schema.Fixed:
		if w.Size != r.Size {
			return refuse(path, "fixed of %d bytes cannot be read as %d", w.Size, r.Size)
		}
	case schema.Enum:
		return c.enum(n, w, r, path)
	case schema.Array, schema.Map:
		inner, err := c.compile(w.Items, r.Items, path+"[]")
		if err != nil {
			inner = &node{op: opFail, shape: c.shapes.of(w.Items), err: err} // an empty one can be read
		}
		n.op, n.inner = opArray, inner
	case schema.Record:
		return c.record(n, w, r, path)
	default: // the same primitive: the bytes stay
	}
	return nil
}

func (c *compiler) enum(n *node, w, r *schema.Schema, path string) error {
	n.op, n.symbol = opEnum, w.Symbols
	readable := false
	for _, symbol := range w.Symbols {
		i := slices.Index(r.Symbols, symbol)
		if i < 0 && r.EnumDefault != "" {
			i = slices.Index(r.Symbols, r.EnumDefault)
		}
		readable = readable || i >= 0
		n.table = append(n.table, int32(i))
	}
	if !readable {
		return refuse(path, "enum %s shares no symbol with the reader's", w.Name)
	}
	return nil
}

func (c *compiler) writerUnion(n *node, w, r *schema.Schema, path string) error {
	n.op = opUnion
	var first error
	good := 0
	for i, b := range w.Branches {
		part, err := c.compile(b, r, sprintf("%s|%d", path, i))
		if err != nil {
			if first == nil {
				first = err
			}
			part = &node{op: opFail, shape: c.shapes.of(b), err: err}
		} else {
			good++
		}
		n.parts = append(n.parts, part)
	}
	if good == 0 {
		return first
	}
	return nil
}

func (c *compiler) readerUnion(n *node, w, r *schema.Schema, path string) error {
	var first error
	for _, i := range candidates(w, r) {
		inner, err := c.compile(w, r.Branches[i], path)
		if err == nil {
			n.op, n.inner, n.branch = opWrap, inner, int64(i)
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		var names []string
		for _, b := range r.Branches {
			names = append(names, b.TypeName())
		}
		first = refuse(path, "the reader's union of %s has no branch for %s", strings.Join(names, ", "), w.TypeName())
	}
	return first
}

func (c *compiler) record(n *node, w, r *schema.Schema, path string) error {
	n.op = opRecord
	ordered := true
	last := -1
	from := make([]int, len(r.Fields))
	for i, rf := range r.Fields {
		from[i] = writerField(w, rf)
		if from[i] >= 0 {
			ordered = ordered && from[i] > last
			last = from[i]
		}
	}
	if !ordered {
		for _, wf := range w.Fields {
			n.spread = append(n.spread, c.shapes.of(wf.Type))
		}
	}
	next := 0 // the writer's field that comes next in the bytes
	for i, rf := range r.Fields {
		at := path + "." + rf.Name
		if from[i] < 0 {
			if rf.Default == nil {
				return refuse(at, "the reader's field has no default and is missing in the writer's %s", w.Name)
			}
			fill, err := rf.Type.AppendDefault([]byte{}, rf.Default)
			if err != nil {
				return fmt.Errorf("%w: %s: default: %w", ErrSchema, at, err)
			}
			n.steps = append(n.steps, step{fill: fill})
			continue
		}
		take, err := c.compile(w.Fields[from[i]].Type, rf.Type, at)
		if err != nil {
			return err
		}
		if !ordered {
			n.steps = append(n.steps, step{take: take, from: from[i]})
			continue
		}
		for ; next < from[i]; next++ {
			n.drop(c.shapes.of(w.Fields[next].Type))
		}
		n.keep(take)
		next++
	}
	for ; ordered && next < len(w.Fields); next++ {
		n.drop(c.shapes.of(w.Fields[next].Type))
	}
	return nil
}

func (n *node) drop(s *shape) { n.steps = append(n.steps, step{drop: s}) }

// keep adds a field that is taken over; fields whose bytes stay as they are join into one step.
func (n *node) keep(take *node) {
	if take.op != opCopy {
		n.steps = append(n.steps, step{take: take})
		return
	}
	if last := len(n.steps) - 1; last >= 0 && n.steps[last].copy != nil {
		n.steps[last].copy = append(n.steps[last].copy, take.shape)
		return
	}
	n.steps = append(n.steps, step{copy: []*shape{take.shape}})
}
