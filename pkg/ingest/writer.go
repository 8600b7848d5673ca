package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/event"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/schemas"
)

// ErrTooLarge is returned for values that no broker would take.
var ErrTooLarge = errors.New("value too large")

// maxValue is the size from which values are refused, below the brokers' default of 1 MiB for a batch.
const maxValue = 1_000_000

// Config is what writers share.
type Config struct {
	Producer *kafka.Producer
	Registry *registry.Client
	Source   string // ce_source, a URI reference such as "/orderprocessing/api"
	// LookupOnly finds the schema instead of registering it, for installations where an operator owns the registry.
	LookupOnly bool
}

// Writer sends the values of one topic.
type Writer[K, V any] struct {
	cfg     Config
	topic   *schemas.Topic[K, V]
	headers *event.Template

	mu   sync.Mutex // held while the schema is being registered
	head []byte     // framing, once the schema's id is known
}

// Open makes a writer for a topic. It does not connect.
func Open[K, V any](cfg Config, topic *schemas.Topic[K, V]) *Writer[K, V] {
	// CloudEvents types leave out who may read: pub.ecomm.x.y.event.v1 is of type ecomm.x.y.event.v1.
	_, typ, _ := strings.Cut(topic.Name(), ".")
	return &Writer[K, V]{cfg: cfg, topic: topic, headers: event.NewTemplate(cfg.Source, typ)}
}

// Send sends a value and waits until the brokers have it. at is its event time. idempotenceID names the value: sending
// it again uses the same.
func (w *Writer[K, V]) Send(ctx context.Context, v *V, at time.Time, idempotenceID string) error {
	acked := make(chan error, 1)
	if err := w.Start(ctx, v, at, idempotenceID, func(err error) { acked <- err }); err != nil {
		return err
	}
	select {
	case err := <-acked:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%s: not acknowledged: %w", w.topic.Name(), ctx.Err())
	}
}

// Start sends a value without waiting. done is called once with nil when the brokers have it, or with the reason why
// they are not known to; it must not block. An error of Start itself means that the value was not taken. Values started
// one after the other arrive in that order within a key. v may be changed after Start returns.
func (w *Writer[K, V]) Start(ctx context.Context, v *V, at time.Time, idempotenceID string, done func(error)) error {
	head, err := w.framing(ctx)
	if err != nil {
		return fmt.Errorf("%s: schema: %w", w.topic.Name(), err)
	}
	b, _ := buffers.Get().(*buffer)
	defer buffers.Put(b) // the producer copies what it takes
	b.value = w.topic.Values.Append(append(b.value[:0], head...), v)
	if len(b.value) > maxValue {
		return fmt.Errorf("%s: %d bytes: %w", w.topic.Name(), len(b.value), ErrTooLarge)
	}
	b.key = w.topic.Keys.Append(b.key[:0], w.topic.KeyOf(v))
	m := kafka.Message{Timestamp: at.UnixMilli(), Key: b.key, Value: b.value}
	b.headers, m.EncodedCount = w.headers.Append(b.headers[:0], b.named(w.topic.Name(), idempotenceID), at, event.Trace{})
	m.Encoded = b.headers
	return w.cfg.Producer.Send(ctx, w.topic.Name(), -1, m, func(_ int64, err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", w.topic.Name(), err)
		}
		done(err)
	})
}

// framing is what stands before every value: the format's mark and the schema's id.
func (w *Writer[K, V]) framing(ctx context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head != nil {
		return w.head, nil
	}
	get := w.cfg.Registry.Register
	if w.cfg.LookupOnly {
		get = w.cfg.Registry.Lookup
	}
	s, err := get(ctx, w.topic.Info.Subject, registry.Schema{Text: w.topic.Info.Schema})
	if err != nil {
		return nil, err
	}
	if s.ID < 0 || s.ID > math.MaxInt32 {
		return nil, fmt.Errorf("schema id %d does not fit the framing", s.ID)
	}
	w.head = avro.AppendHeader(nil, int32(s.ID))
	return w.head, nil
}

// buffer is what one value is put together in.
type buffer struct{ key, value, headers, name []byte }

var buffers = sync.Pool{New: func() any { return &buffer{value: make([]byte, 0, 1024), key: []byte{}} }}

// named is the identity of what a name stands for, a UUID of version 8.
func (b *buffer) named(topic, name string) event.ID {
	b.name = append(append(append(b.name[:0], topic...), 0), name...)
	sum := sha256.Sum256(b.name)
	id := event.ID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
