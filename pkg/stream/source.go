package stream

import (
	"time"

	"meshwork.dev/schemas"
)

// Source is where a reaction's records come from, keyed by K: a topic, or the
// result of [KeyBy] or [Distinct].
type Source[K, E any] interface {
	// SourceTopic is the topic whose partitions are those of the reaction's
	// tasks.
	SourceTopic() *schemas.Topic[K, E]
}

// Keyed is a source re-keyed by [KeyBy].
type Keyed[K, E any] struct {
	via  *schemas.Topic[K, E]
	maps []Mapping[K, E]
}

// SourceTopic is the topic the re-keyed records go through.
func (k *Keyed[K, E]) SourceTopic() *schemas.Topic[K, E] { return k.via }

// KeyBy re-keys records: each mapping turns the records of one topic into
// records of the topic via, which is partitioned by the new key. via is a
// contract of its own (a private topic), so nothing depends on the order of
// declarations.
//
// The records reach the reaction after the transaction that wrote them has
// committed, one commit interval later. They keep the event time of the record
// they were made from.
func KeyBy[K, E any](via *schemas.Topic[K, E], maps ...Mapping[K, E]) *Keyed[K, E] {
	return &Keyed[K, E]{via: via, maps: maps}
}

// Mapping is one way into a re-keyed topic; see [From].
type Mapping[K, E any] struct {
	ref    TopicRef
	nested bool // the source is itself re-keyed
	unique bool
	within time.Duration
	new    func(t *Task, emit func(K, E)) (handler, error)
}

// From maps the records of a topic for [KeyBy]. fn calls emit for every record
// it wants to send on, any number of times. The topic may be wrapped by
// [Distinct]; what KeyBy gives cannot be re-keyed again within one product.
func From[KA, A, K, E any](topic Source[KA, A], fn func(c *KeyCtx, a A, emit func(K, E)) error) Mapping[K, E] {
	src := topic.SourceTopic()
	keyed, unique := flatten(topic)
	m := Mapping[K, E]{ref: src, nested: keyed != nil, unique: unique != nil}
	if unique != nil {
		m.within = unique.within
	}
	m.new = func(t *Task, emit func(K, E)) (handler, error) {
		dec, err := decoderOf(t, src)
		if err != nil {
			return nil, err
		}
		h := &mapHandler[A, K, E]{c: KeyCtx{t: t}, dec: dec, fn: fn, emit: emit}
		if unique != nil {
			h.seen = seen[A]{unique.id, src.Info.Name, unique.within.Milliseconds()}
		}
		return h, nil
	}
	return m
}

// Unique is a source without repetitions; see [Distinct].
type Unique[K, E any] struct {
	Source[K, E]
	id     func(E) string
	within time.Duration
}

// Distinct leaves out records whose id has been seen before under the same key
// during the time within, by event time. What has been seen is part of the
// task's durable state.
func Distinct[K, E any](src Source[K, E], id func(E) string, within time.Duration) *Unique[K, E] {
	return &Unique[K, E]{Source: src, id: id, within: within}
}

// flatten takes wrappers off a source.
func flatten[K, E any](src Source[K, E]) (keyed *Keyed[K, E], unique *Unique[K, E]) {
	if u, ok := src.(*Unique[K, E]); ok {
		unique, src = u, u.Source
	}
	keyed, _ = src.(*Keyed[K, E])
	return keyed, unique
}
