package query

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/schemas"
)

// ErrNotReady is returned while the copy is being made, or made again after a failure.
var ErrNotReady = errors.New("the table is being read")

// errClosed ends a table's goroutine.
var errClosed = errors.New("the table is closed")

// again is the wait before a failed copy is started over.
const again = time.Second

// Table is a full copy of a state topic.
type Table[K, V any] struct {
	topic *schemas.Topic[K, V]
	kafka *kafka.Client
	dec   *avro.Decoder[V]
	log   *zap.Logger
	pages *state.Pages

	ctx  context.Context //nolint:containedctx // the life of the goroutine, which Get starts
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex // guards what follows
	started bool
	ready   bool
	rows    state.Store
}

// Option adjusts a table.
type Option func(*options)

type options struct{ pages *state.Pages }

// WithPages lets the copy share a limit of memory with other state of the process: what does not fit lies in a file.
func WithPages(p *state.Pages) Option { return func(o *options) { o.pages = p } }

// Open prepares a table. It does not connect: the first Get does.
func Open[K, V any](topic *schemas.Topic[K, V], client *kafka.Client, source avro.SchemaSource, log *zap.Logger,
	with ...Option,
) (*Table[K, V], error) {
	var o options
	for _, f := range with {
		f(&o)
	}
	dec, err := avro.NewTopicDecoder(topic, source)
	if err != nil {
		return nil, fmt.Errorf("table of %s: %w", topic.Name(), err)
	}
	ctx, stop := context.WithCancel(context.Background()) //nolint:gosec // Close calls stop
	return &Table[K, V]{
		topic: topic, kafka: client, dec: dec, log: log.With(zap.String("topic", topic.Name())), ctx: ctx, stop: stop,
		done: make(chan struct{}), pages: o.pages,
	}, nil
}

// Close ends the copy and waits for its goroutine. Get returns ErrNotReady afterwards.
func (t *Table[K, V]) Close() error {
	t.stop()
	t.mu.Lock()
	if !t.started {
		t.started = true
		close(t.done)
	}
	t.mu.Unlock()
	<-t.done
	return nil
}

// Get reads a row. ok is false where there is none, or none yet.
func (t *Table[K, V]) Get(ctx context.Context, key K) (row V, ok bool, err error) {
	framed, ok, err := t.framed(t.topic.Keys.Append(nil, key))
	if err != nil || !ok {
		return row, false, err
	}
	if err := t.dec.DecodeRecord(ctx, &row, framed, nil); err != nil {
		return row, false, fmt.Errorf("row of %s: %w", t.topic.Name(), err)
	}
	return row, true, nil
}

func (t *Table[K, V]) framed(key []byte) ([]byte, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.started {
		t.started = true
		go t.run()
	}
	if !t.ready {
		return nil, false, ErrNotReady
	}
	v, ok := t.rows.Get(key)
	return append([]byte(nil), v...), ok, nil
}

// run follows the topic until Close, starting over after failures.
func (t *Table[K, V]) run() {
	defer close(t.done)
	for {
		err := t.follow()
		t.mu.Lock()
		t.ready = false
		if t.rows != nil {
			_ = t.rows.Close() // in memory only: nothing can be lost
			t.rows = nil
		}
		t.mu.Unlock()
		if t.ctx.Err() != nil {
			return
		}
		t.log.Warn("reading a table failed, starting over", zap.Error(err))
		wait := time.NewTimer(again)
		select {
		case <-t.ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// follow makes the copy and keeps it current.
func (t *Table[K, V]) follow() error {
	name := t.topic.Name()
	meta, err := t.kafka.Topics(t.ctx, name)
	if err != nil {
		return err
	}
	tm, ok := meta[name]
	if !ok {
		return fmt.Errorf("topic %s: %w", name, kafka.ErrUnknownTopic)
	}
	var tps []kafka.TopicPartition
	for p := range tm.Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: name, Partition: int32(p)})
	}
	left, err := t.kafka.ListOffsets(t.ctx, tps, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	starts, err := t.kafka.ListOffsets(t.ctx, tps, kafka.Earliest, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	rows, err := state.OpenMemory("", state.Options{Pages: t.pages})
	if err != nil {
		return err
	}
	fetch := t.kafka.NewFetcher(kafka.FetchConfig{MaxBufferedBytes: 8 << 20})
	defer fetch.Close()
	t.mu.Lock()
	t.rows = rows
	t.mu.Unlock()
	for tp, at := range starts {
		fetch.Add(tp, at)
		if left[tp] <= at {
			delete(left, tp)
		}
	}
	t.tell(left)
	for {
		chunks, err := fetch.Poll(t.ctx)
		if err != nil {
			return errors.Join(errClosed, err)
		}
		for _, c := range chunks {
			err = errors.Join(err, t.take(c))
			if end, ok := left[c.TopicPartition]; ok && c.NextOffset() >= end {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
		if err != nil {
			return err
		}
		t.tell(left)
	}
}

// take applies what was fetched.
func (t *Table[K, V]) take(c *kafka.Chunk) error {
	var rec kafka.Record
	var b state.Batch
	for c.Next(&rec) {
		if rec.Value == nil {
			b.Delete(rec.Key)
		} else {
			b.Put(rec.Key, rec.Value)
		}
	}
	if err := c.Err(); err != nil {
		return err
	}
	if b.Len() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows.Apply(&b, nil)
}

// tell makes the table readable once nothing of what there was at the start is left to be read.
func (t *Table[K, V]) tell(left map[kafka.TopicPartition]int64) {
	if len(left) > 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ready {
		t.ready = true
		t.log.Info("table is complete", zap.Int("rows", t.rows.Len()))
	}
}
