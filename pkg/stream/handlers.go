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
	seen seen[A]
	a    A
}

// seen remembers ids for Distinct; without an id function it remembers nothing.
type seen[E any] struct {
	id     func(E) string
	topic  string
	within int64
}

// repeated says whether the record's id has been seen, and remembers it.
func (s *seen[E]) repeated(t *Task, r *kafka.Record, e E) bool {
	if s.id == nil {
		return false
	}
	t.kbuf = appendText(append(t.kbuf[:0], seenID), s.topic)
	t.kbuf = appendText(t.kbuf, string(r.Key))
	t.kbuf = append(t.kbuf, s.id(e)...)
	if _, ok := t.get(t.kbuf); ok {
		t.org.skip = true
		return true
	}
	t.setDue(t.kbuf, r.Timestamp+s.within)
	return false
}

func (h *mapHandler[A, K, E]) handle(r *kafka.Record) error {
	if r.Value == nil {
		h.c.t.org.skip = true
		return nil
	}
	if err := decode(h.c.t, h.dec, &h.a, r); err != nil {
		return err
	}
	if h.seen.repeated(h.c.t, r, h.a) {
		return nil
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
	seen   seen[E]
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
	if err := decode(h.x.t, h.dec, &h.e, r); err != nil {
		return err
	}
	if h.seen.repeated(h.x.t, r, h.e) {
		return nil
	}
	return h.x.react(k, r.Timestamp, h)
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
