package stream

import (
	"fmt"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/schemas"
)

// mapHandler is one From of a KeyBy for one task.
type mapHandler[A, K, E any] struct {
	c    KeyCtx
	dec  *avro.Decoder[A]
	fn   func(*KeyCtx, A, func(K, E)) error
	emit func(K, E)
	a    A
}

func (h *mapHandler[A, K, E]) handle(r *kafka.Record) error {
	if r.Value == nil {
		h.c.t.org.skip = true
		return nil
	}
	if err := decode(h.dec, &h.a, r); err != nil {
		return err
	}
	return h.fn(&h.c, h.a, h.emit)
}

// onHandler is one On for one task.
type onHandler[K, V, E any] struct {
	x      *exec[K, V]
	topic  *schemas.Topic[K, E]
	dec    *avro.Decoder[E]
	fn     func(*Ctx[K, V], E) error
	late   func(*Ctx[K, V], E) error
	gone   func(*Ctx[K, V]) error
	id     func(E) string
	within int64
	e      E
	isGone bool
}

func (h *onHandler[K, V, E]) handle(r *kafka.Record) error {
	k, err := h.topic.Keys.Parse(r.Key)
	if err != nil {
		return &undecodable{fmt.Errorf("key: %w", err)}
	}
	if h.isGone = r.Value == nil; h.isGone {
		if h.gone == nil {
			h.x.t.org.skip = true
			return nil
		}
		return h.x.react(k, r.Timestamp, h)
	}
	if err := decode(h.dec, &h.e, r); err != nil {
		return err
	}
	if h.id != nil && h.repeated(r) {
		h.x.t.org.skip = true
		return nil
	}
	return h.x.react(k, r.Timestamp, h)
}

// repeated says whether the record's id has been seen, and remembers it.
func (h *onHandler[K, V, E]) repeated(r *kafka.Record) bool {
	t := h.x.t
	t.kbuf = appendText(append(t.kbuf[:0], seenID), h.topic.Info.Name)
	t.kbuf = appendText(t.kbuf, string(r.Key))
	t.kbuf = append(t.kbuf, h.id(h.e)...)
	if _, ok := t.get(t.kbuf); ok {
		return true
	}
	t.setDue(t.kbuf, r.Timestamp+h.within)
	return false
}

func (h *onHandler[K, V, E]) call(c *Ctx[K, V]) error {
	if h.isGone {
		return h.gone(c)
	}
	return h.fn(c, h.e)
}

func (h *onHandler[K, V, E]) callLate(c *Ctx[K, V]) error {
	if h.late == nil || h.isGone {
		return ErrLate
	}
	return h.late(c, h.e)
}
