package avro

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"meshwork.dev/schemas"
)

// SchemaSource gives the schema behind an id. registry.Client is one.
type SchemaSource interface {
	// SchemaByID returns the Avro schema of that id as self-contained text: schemas it references are part of it.
	// The error matches [ErrUnknownSchema] when, and only when, the source knows that there is none.
	SchemaByID(ctx context.Context, id int) (string, error)
	// SchemaByGUID does the same for a GUID.
	SchemaByGUID(ctx context.Context, guid [16]byte) (string, error)
}

const (
	// lookupTimeout bounds the wait of Decode for the schema source.
	lookupTimeout = 10 * time.Second
	// negativeTTL is how long an id that does not exist, or cannot be read, is refused without asking again.
	negativeTTL = 5 * time.Second
	// keptBuffer is the largest scratch buffer a Decoder keeps for reuse.
	keptBuffer = 1 << 20
	// keptWriters is the number of writers from which on those that cannot be read are forgotten, lest records with
	// random ids fill the memory.
	keptWriters = 1 << 10
)

// Decoder decodes framed values of one topic into V, whichever schema version they were written with. It is safe
// for concurrent use; once an id has been seen it takes no lock and allocates nothing of its own.
type Decoder[V any] struct {
	codec  schemas.Codec[V]
	reader string
	source SchemaSource
	now    func() time.Time

	last    atomic.Pointer[writer] // the writer of the previous value, nearly always that of the next
	known   atomic.Pointer[writers]
	mu      sync.Mutex // held while known is replaced
	lookups sync.Mutex // held while the source is asked, so that a new id is asked for once
	buffers sync.Pool
}

// writerKey is what a frame says of its writer's schema.
type writerKey struct {
	id   int32
	guid GUID
}

// writer is what the Decoder knows of one writer's schema; immutable.
type writer struct {
	key     writerKey
	same    bool        // the bytes are those of the reader's schema
	program *Transcoder // set when neither same nor err
	err     error
	retry   time.Time // when err is to be doubted again; zero is never
}

type writers map[writerKey]*writer

// NewDecoder returns a Decoder for values that readerSchema describes and codec decodes. Source is asked about ids
// that have not been seen; it may be nil, and every id must then be announced with Announce. The error matches
// [ErrSchema] when readerSchema is not valid.
func NewDecoder[V any](codec schemas.Codec[V], readerSchema string, source SchemaSource) (*Decoder[V], error) {
	if _, err := NewTranscoder(readerSchema, readerSchema); err != nil {
		return nil, fmt.Errorf("reader's schema: %w", err)
	}
	d := &Decoder[V]{codec: codec, reader: readerSchema, source: source, now: time.Now}
	d.known.Store(&writers{})
	return d, nil
}

// NewTopicDecoder returns a Decoder for the values of a topic under contract.
func NewTopicDecoder[K, V any](t *schemas.Topic[K, V], source SchemaSource) (*Decoder[V], error) {
	d, err := NewDecoder(t.Values, t.Info.Schema, source)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", t.Info.Name, err)
	}
	return d, nil
}

// Announce tells the Decoder that id stands for exactly the reader's schema, as a program knows after it has
// registered it; values of that id then never need the source.
func (d *Decoder[V]) Announce(id int32) {
	d.remember(&writer{key: writerKey{id: id}, same: true})
}

// Decode overwrites *v with the framed value. It does not look at record headers; see DecodeRecord. A schema id
// seen for the first time is looked up in the source, which takes up to ten seconds.
func (d *Decoder[V]) Decode(v *V, value []byte) error {
	f, ok := prefix(value)
	if !ok {
		_, err := ParseFrame(value, nil)
		return err
	}
	key := writerKey{f.ID, f.GUID}
	w := d.find(key)
	if w == nil {
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		var err error
		if w, err = d.learn(ctx, key); err != nil {
			return err
		}
	}
	return d.decode(v, w, f.Payload)
}

// DecodeRecord overwrites *v with a value that may be framed in any of the three ways; headers may be nil. The
// source is asked under ctx.
func (d *Decoder[V]) DecodeRecord(ctx context.Context, v *V, value []byte, headers Headers) error {
	f, err := ParseFrame(value, headers)
	if err != nil {
		return err
	}
	key := writerKey{f.ID, f.GUID}
	w := d.find(key)
	if w == nil {
		if w, err = d.learn(ctx, key); err != nil {
			return err
		}
	}
	return d.decode(v, w, f.Payload)
}

// Prepare looks the schema of a frame up, so that Decode of values like it cannot block.
func (d *Decoder[V]) Prepare(ctx context.Context, f Frame) error {
	key := writerKey{f.ID, f.GUID}
	w := d.find(key)
	if w == nil {
		var err error
		if w, err = d.learn(ctx, key); err != nil {
			return err
		}
	}
	return w.err
}

// find returns what is known of a writer and can still be relied on, or nil.
func (d *Decoder[V]) find(key writerKey) *writer {
	if w := d.last.Load(); w != nil && w.key == key {
		return w
	}
	w := (*d.known.Load())[key]
	switch {
	case w == nil || w.err != nil && !w.retry.IsZero() && d.now().After(w.retry):
		return nil
	case w.err == nil:
		d.last.Store(w)
	}
	return w
}

func (d *Decoder[V]) decode(v *V, w *writer, payload []byte) error {
	if w.same {
		return d.decodeSame(v, payload)
	}
	if w.err != nil {
		return w.err
	}
	buf, _ := d.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	out, err := w.program.Transcode((*buf)[:0], payload)
	if err == nil {
		err = d.decodeSame(v, out)
	}
	if cap(out) <= keptBuffer {
		*buf = out[:0]
		d.buffers.Put(buf)
	}
	if err != nil {
		return fmt.Errorf("value of %s: %w", w.key, err)
	}
	return nil
}

func (d *Decoder[V]) decodeSame(v *V, payload []byte) error {
	if err := d.codec.Decode(v, payload); err != nil {
		if errors.Is(err, ErrMalformed) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// learn asks the source about key and remembers what can be relied on.
func (d *Decoder[V]) learn(ctx context.Context, key writerKey) (*writer, error) {
	d.lookups.Lock()
	defer d.lookups.Unlock()
	if w := (*d.known.Load())[key]; w != nil && (w.err == nil || w.retry.IsZero() || d.now().Before(w.retry)) {
		return w, nil // another goroutine asked meanwhile
	}
	if d.source == nil {
		return nil, fmt.Errorf("%s: %w: no registry to ask", key, ErrUnknownSchema)
	}
	text, err := d.ask(ctx, key)
	switch {
	case errors.Is(err, ErrUnknownSchema):
		w := &writer{key: key, err: fmt.Errorf("%s: %w", key, err), retry: d.now().Add(negativeTTL)}
		d.remember(w)
		return w, nil
	case err != nil:
		return nil, fmt.Errorf("looking up %s: %w: %w", key, ErrUnavailable, err)
	}
	w := &writer{key: key}
	program, err := NewTranscoder(text, d.reader)
	switch {
	case err != nil:
		w.err = fmt.Errorf("%s: %w", key, err) // a schema id never changes its meaning: refused for good
	case program.Identity():
		w.same = true
	default:
		w.program = program
	}
	d.remember(w)
	return w, nil
}

func (d *Decoder[V]) ask(ctx context.Context, key writerKey) (string, error) {
	if key.guid.IsZero() {
		return d.source.SchemaByID(ctx, int(key.id))
	}
	return d.source.SchemaByGUID(ctx, key.guid)
}

func (d *Decoder[V]) remember(w *writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := maps.Clone(*d.known.Load())
	if len(next) >= keptWriters {
		maps.DeleteFunc(next, func(_ writerKey, w *writer) bool { return w.err != nil })
	}
	next[w.key] = w
	d.known.Store(&next)
}

// String names the schema in messages.
func (k writerKey) String() string {
	if k.guid.IsZero() {
		return fmt.Sprintf("schema id %d", k.id)
	}
	return "schema GUID " + k.guid.String()
}
