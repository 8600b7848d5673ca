package stream

import (
	"context"
	"errors"
	"sync"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/schemas"
)

// Decoders shares decoders between the tasks of a process, so that a writer's
// schema is looked up once. The zero value is ready; safe for concurrent use.
type Decoders struct {
	mu sync.Mutex
	m  map[*schemas.Info]any
}

func decoderOf[K, V any](t *Task, topic *schemas.Topic[K, V]) (*avro.Decoder[V], error) {
	d := t.cfg.Decoders
	d.mu.Lock()
	defer d.mu.Unlock()
	if dec, ok := d.m[&topic.Info].(*avro.Decoder[V]); ok {
		return dec, nil
	}
	dec, err := avro.NewTopicDecoder(topic, t.cfg.Schemas)
	if err != nil {
		return nil, err
	}
	if d.m == nil {
		d.m = map[*schemas.Info]any{}
	}
	for _, o := range t.def.outputs {
		if o.info == &topic.Info {
			dec.Announce(t.cfg.SchemaID(topic.Info.Name)) // what is written here needs no registry to be read
		}
	}
	d.m[&topic.Info] = dec
	return dec, nil
}

type rowDecoder[V any] struct {
	dec *avro.Decoder[V]
	v   V
}

// decode reads the value of the record at hand, framed in whichever way.
func decode[E any](t *Task, dec *avro.Decoder[E], e *E, r *kafka.Record) error {
	var err error
	if t.org.framed {
		err = dec.DecodeRecord(context.Background(), e, r.Value, r)
	} else {
		err = dec.Decode(e, r.Value)
	}
	if err != nil && !errors.Is(err, avro.ErrUnavailable) {
		return &undecodable{err}
	}
	return err
}
