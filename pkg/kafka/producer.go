package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshwork.dev/pkg/telemetry"
)

// ProducerConfig configures a producer for the edges of the mesh. The zero value is good.
type ProducerConfig struct {
	Codec Codec
	// Linger is how long a batch waits for more records when its broker is idle; 0 sends at once. While a request is
	// under way records gather anyway.
	Linger time.Duration
	// MaxBatchBytes is the uncompressed size at which another batch is begun; default 900 KiB.
	MaxBatchBytes int
	// MaxRequestBytes bounds the batches of one request, uncompressed; default 8 MiB.
	MaxRequestBytes int
	// MaxBuffered bounds the bytes of records not yet acknowledged; Send waits beyond. Default 32 MiB.
	MaxBuffered int
	// DeliveryTimeout is how long a record is tried for; default 2 min.
	DeliveryTimeout time.Duration
}

func (cfg ProducerConfig) withDefaults() ProducerConfig {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	def(&cfg.MaxBatchBytes, 900<<10)
	def(&cfg.MaxRequestBytes, 8<<20)
	def(&cfg.MaxBuffered, 32<<20)
	if cfg.DeliveryTimeout <= 0 {
		cfg.DeliveryTimeout = 2 * time.Minute
	}
	return cfg
}

// Message is a record to be sent. Send copies it.
type Message struct {
	Timestamp  int64 // milliseconds since 1970; 0 is now
	Key, Value []byte
	Headers    []Header
	// Encoded are further headers in wire form, as AppendHeader writes them, for callers who send many alike.
	Encoded      []byte
	EncodedCount int
}

// Producer sends single records, batched, in the order of Send within a partition, each exactly once as far as the
// partition's log is concerned: every batch carries a sequence number by which brokers drop what they already have.
// That cannot be switched off. Safe for concurrent use.
type Producer struct {
	c      *Client
	cfg    ProducerConfig
	ctx    context.Context //nolint:containedctx // the producer's own lifetime
	cancel context.CancelFunc
	wake   chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	parts    map[TopicPartition]*outPart
	order    []*outPart // in order of first use
	busy     map[int32]bool
	identity producerIdentity // given to partitions without one
	buffered int
	space    chan struct{} // closed and replaced when buffered shrinks
	rotor    int32
	spare    []*BatchBuilder
	closed   bool
}

// producerIdentity is a producer id and epoch, once ok.
type producerIdentity struct {
	pid   int64
	epoch int16
	ok    bool
}

// outPart is one partition's queue. Only the first batch may be under way.
type outPart struct {
	tp       TopicPartition
	queue    []*outBatch
	inflight bool
	id       producerIdentity
	seq      int32
	retryAt  time.Time
	pause    time.Duration
	metrics  *telemetry.Producer
}

// outBatch is one batch with who waits for it.
type outBatch struct {
	b      *BatchBuilder
	dones  []func(offset int64, err error)
	born   time.Time
	full   bool // takes no more records
	urgent bool // does not linger
	maybe  bool // some attempt may have stored it although no answer said so
	bytes  int
	item   produceItem
	fin    chan struct{}
}

// NewProducer starts a producer. It connects with the first record.
func (c *Client) NewProducer(cfg ProducerConfig) *Producer {
	p := &Producer{
		c: c, cfg: cfg.withDefaults(), wake: make(chan struct{}, 1),
		parts: map[TopicPartition]*outPart{}, busy: map[int32]bool{}, space: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	p.wg.Go(p.run)
	return p
}

// Send queues a record. partition -1 chooses by key, as Java's producer does; records without key are spread. done,
// which may be nil, is called once with the record's offset (-1 if the broker does not remember it) or an error; it
// runs in the producer's goroutines and must not block. Send waits, within ctx, while the buffer is full or the topic's
// partitions are not known. An error of Send itself means that the record was not taken and done is not called.
func (p *Producer) Send(ctx context.Context, topic string, partition int32, m Message, done func(offset int64, err error)) error {
	if partition < 0 {
		var err error
		if partition, err = p.choose(ctx, topic, m.Key); err != nil {
			return fmt.Errorf("send to %s: %w", topic, err)
		}
	}
	if m.Timestamp == 0 {
		m.Timestamp = time.Now().UnixMilli()
	}
	var room [256]byte
	headers := room[:0]
	for _, h := range m.Headers {
		headers = AppendHeader(headers, h.Key, h.Value)
	}
	switch {
	case len(m.Headers) == 0:
		headers = m.Encoded
	case m.EncodedCount > 0:
		headers = append(headers, m.Encoded...)
	}
	size := len(m.Key) + len(m.Value) + len(headers) + 32
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.buffered > 0 && p.buffered+size > p.cfg.MaxBuffered {
		space := p.space
		p.mu.Unlock()
		var err error
		select {
		case <-space:
		case <-ctx.Done():
			err = ctx.Err()
		case <-p.ctx.Done():
			err = ErrClosed
		}
		p.mu.Lock()
		if err != nil {
			return fmt.Errorf("send to %s: waiting for room in the buffer: %w", topic, err)
		}
	}
	if p.closed || p.ctx.Err() != nil {
		return fmt.Errorf("send to %s: producer: %w", topic, ErrClosed)
	}
	p.enqueue(TopicPartition{topic, partition}, &m, headers, size, done)
	return nil
}

// choose is the partition of a record that names none.
func (p *Producer) choose(ctx context.Context, topic string, key []byte) (int32, error) {
	t, ok := p.c.known(topic, time.Now().Add(-p.c.cfg.MetadataMaxAge)) // nearly always: no deadline is needed then
	if !ok {
		err := p.c.retry(ctx, func(ctx context.Context) (err error) {
			t, err = p.c.topic(ctx, topic)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	if key != nil {
		return Partition(key, t.Partitions), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rotor = (p.rotor + 1) & 0x7fffffff
	return p.rotor % int32(t.Partitions), nil
}

func (p *Producer) enqueue(tp TopicPartition, m *Message, headers []byte, size int, done func(int64, error)) {
	pt := p.parts[tp]
	if pt == nil {
		pt = &outPart{tp: tp, metrics: p.c.cfg.Metrics.Producer(tp.Topic)}
		p.parts[tp] = pt
		p.order = append(p.order, pt)
	}
	var last *outBatch
	if n := len(pt.queue); n > 0 {
		last = pt.queue[n-1]
	}
	if last != nil && !last.full && last.b.Bytes()+size > p.cfg.MaxBatchBytes {
		last.full = true
	}
	if last == nil || last.full {
		last = &outBatch{b: p.builder(), born: time.Now(), fin: make(chan struct{})}
		pt.queue = append(pt.queue, last)
	}
	last.b.Append(m.Timestamp, m.Key, m.Value, headers, len(m.Headers)+m.EncodedCount)
	last.dones = append(last.dones, done)
	last.bytes += size
	p.buffered += size
	pt.metrics.AddBuffered(1)
	if len(last.dones) == 1 || len(pt.queue) > 1 {
		p.signal()
	}
}

// builder is an empty builder that never begins another batch by itself.
func (p *Producer) builder() *BatchBuilder {
	if n := len(p.spare); n > 0 {
		b := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return b
	}
	return &BatchBuilder{Codec: p.cfg.Codec, MaxBytes: 1 << 30}
}

func (p *Producer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Flush sends what has been taken so far without lingering and waits until each record is acknowledged or given up.
func (p *Producer) Flush(ctx context.Context) error {
	p.mu.Lock()
	var waits []chan struct{}
	for _, pt := range p.order {
		for _, b := range pt.queue {
			b.urgent = true
			waits = append(waits, b.fin)
		}
	}
	p.mu.Unlock()
	p.signal()
	for _, fin := range waits {
		select {
		case <-fin:
		case <-ctx.Done():
			return fmt.Errorf("flush: %w", ctx.Err())
		}
	}
	return nil
}

// Close refuses further records, flushes, and ends the producer. When ctx ends first the remaining records are given
// up with [ErrClosed], and their fate is not known.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.Flush(ctx)
	p.cancel()
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pt := range p.order {
		for len(pt.queue) > 0 {
			p.finish(pt, -1, fmt.Errorf("producer: %w", ErrClosed))
		}
	}
	return err
}

// finish takes the first batch of a partition off the queue and tells everybody who waits for it. The lock is held
// and given up for the calls.
func (p *Producer) finish(pt *outPart, base int64, err error) {
	b := pt.queue[0]
	p.mu.Unlock()
	for i, done := range b.dones {
		if done == nil {
			continue
		}
		offset := int64(-1)
		if err == nil && base >= 0 {
			offset = base + int64(i)
		}
		done(offset, err)
	}
	p.mu.Lock()
	pt.queue = pt.queue[1:]
	if len(pt.queue) == 0 {
		pt.queue = nil
	}
	p.buffered -= b.bytes
	close(p.space)
	p.space = make(chan struct{})
	pt.metrics.AddBuffered(-len(b.dones))
	if len(p.spare) < 64 && b.b.Cap() <= 2*p.cfg.MaxBatchBytes {
		b.b.Reset()
		p.spare = append(p.spare, b.b)
	}
	close(b.fin)
}

var errUncertain = errors.New("the record may or may not have been stored")
