package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// What [TxnProducer.Commit] can say besides nil, told apart with errors.Is. [ErrFenced] is the fourth.
var (
	// ErrTxnAborted: nothing of the transaction is or will be visible. The producer is ready for the next one; the
	// caller goes back to the stable offsets. The cause is in the chain: [ErrStaleMember] when the group has moved on,
	// [ErrTooLarge] when it would fail again.
	ErrTxnAborted = errors.New("transaction aborted")
	// ErrTxnUnknown: the transaction is decided but this producer cannot tell how. Nothing of it can change any more:
	// the caller reads the stable offsets, which were part of the transaction, to learn it. The producer is ready.
	ErrTxnUnknown = errors.New("outcome of the transaction unknown")
	// ErrTxnUnresolved comes together with ErrTxnUnknown when the context ended before the transaction could be
	// decided: it may still be committed. [TxnProducer.Recover] must return nil before offsets are read.
	ErrTxnUnresolved = errors.New("transaction still undecided")
)

// TxnConfig configures a transactional producer.
type TxnConfig struct {
	// ID is the transactional id: one per process slot, stable over restarts. Required.
	ID string
	// Timeout is how long the broker lets a transaction take before it aborts it and fences the producer; default
	// 40 s. This side gives up earlier: writing after half of that time. transaction.max.timeout.ms bounds it.
	Timeout time.Duration
	// Codec compresses the batches.
	Codec Codec
	// MaxBatchBytes is the uncompressed size at which another batch is begun; default 900 KiB, below the broker's
	// default max.message.bytes.
	MaxBatchBytes int
	// MaxRequestBytes bounds the batches of one produce request, uncompressed; default 16 MiB. One batch always goes.
	MaxRequestBytes int
	// Version 1 keeps to the transaction protocol of Kafka 3 even where the cluster has finalized version 2. 0 means
	// the newest that the cluster has finalized.
	Version int
	// Metrics counts outcomes; nil counts nothing.
	Metrics *telemetry.Txn
}

func (cfg TxnConfig) withDefaults() (TxnConfig, error) {
	switch {
	case cfg.ID == "":
		return cfg, errors.New("transactional id is empty")
	case cfg.Codec < CodecNone || cfg.Codec > CodecZstd:
		return cfg, fmt.Errorf("%w: %v", ErrUnsupported, cfg.Codec)
	case cfg.Version < 0 || cfg.Version > 2:
		return cfg, fmt.Errorf("transaction version %d: use 1, 2 or 0 for the newest", cfg.Version)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 40 * time.Second
	}
	if cfg.MaxBatchBytes <= 0 {
		cfg.MaxBatchBytes = 900 << 10
	}
	if cfg.MaxRequestBytes <= 0 {
		cfg.MaxRequestBytes = 16 << 20
	}
	return cfg, nil
}

// TxnProducer writes transactions: records of many partitions and the consumer offsets they were made from become
// visible together or not at all. A transaction is built in memory ([TxnProducer.NewTxn]) and sent by one
// [TxnProducer.Commit]; one may be built while another is being committed. Commits follow one another.
type TxnProducer struct {
	c   *Client
	cfg TxnConfig

	turn chan struct{} // holds a token while no commit runs; whoever has it owns the fields below

	tv2     bool  // transaction.version 2: each transaction has its own epoch, partitions join by being written
	pid     int64 //
	epoch   int16
	seqs    map[TopicPartition]int32 // next sequence number, within the epoch
	began   bool                     // something of the present transaction was sent
	commits bool                     // an attempt to commit it was sent
	doubt   bool                     // some EndTxn got no definite answer, even if a later one did
	broken  bool                     // the last transaction is not cleaned up: recover first
	lost    bool                     // a new epoch was asked for, and the answer did not come
	fenced  bool
	closed  bool

	mu   sync.Mutex
	free []*Txn
}

// NewTxnProducer registers the transactional id. That fences every older producer with the same id and aborts what
// it had open, so when it returns the offsets of its last transaction are settled.
func (c *Client) NewTxnProducer(ctx context.Context, cfg TxnConfig) (*TxnProducer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kafka: transactional producer: %w", err)
	}
	p := &TxnProducer{c: c, cfg: cfg, turn: make(chan struct{}, 1), pid: -1, epoch: -1}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	if err := p.init(ctx); err != nil {
		return nil, fmt.Errorf("transactional id %q: %w", cfg.ID, err)
	}
	p.turn <- struct{}{}
	return p, nil
}

// ID is the transactional id.
func (p *TxnProducer) ID() string { return p.cfg.ID }

// Close waits for a commit under way and ends the producer. Transactions built and not committed are dropped.
func (p *TxnProducer) Close() {
	<-p.turn
	p.closed = true
	p.turn <- struct{}{}
}

// acquire takes the turn.
func (p *TxnProducer) acquire(ctx context.Context) error {
	select {
	case <-p.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.closed {
		p.turn <- struct{}{}
		return fmt.Errorf("transactional producer: %w", ErrClosed)
	}
	return nil
}

// Recover decides what an interrupted Commit left undecided; see [ErrTxnUnresolved]. It tries until ctx ends. When
// it returns nil the producer is ready and stable offsets tell the truth.
func (p *TxnProducer) Recover(ctx context.Context) error {
	if err := p.acquire(ctx); err != nil {
		return err
	}
	defer func() { p.turn <- struct{}{} }()
	if p.fenced {
		return p.fencedErr(nil)
	}
	if !p.broken {
		return nil
	}
	_, err := p.resolve(ctx, errors.New("recovery"))
	return err
}

func (p *TxnProducer) fencedErr(cause error) error {
	p.fenced = true
	if cause == nil {
		return fmt.Errorf("transactional id %q: %w", p.cfg.ID, ErrFenced)
	}
	return fmt.Errorf("transactional id %q: %w: %w", p.cfg.ID, ErrFenced, cause)
}

// init obtains producer id and epoch, and learns which transaction version holds. With the id and epoch at hand it
// continues them with a higher epoch, which only their present owner can.
func (p *TxnProducer) init(ctx context.Context) error {
	var f Features
	err := p.insist(ctx, func() (err error) {
		f, err = p.c.Features(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if p.cfg.Version == 2 && f.TransactionVersion < 2 {
		return fmt.Errorf("transaction version 2: %w: the cluster has finalized version %d", ErrUnsupported, f.TransactionVersion)
	}
	err = p.insist(ctx, func() error { return p.initProducerID(ctx) })
	if err != nil {
		return err
	}
	p.tv2 = f.TransactionVersion >= 2 && p.cfg.Version != 1
	p.seqs = map[TopicPartition]int32{}
	p.began, p.commits, p.doubt, p.broken = false, false, false, false
	return nil
}

// insist repeats fn while it fails for reasons that pass, until ctx ends. Pauses grow from 5 to 100 ms: what is
// waited for most, the markers of the previous transaction, takes a few milliseconds.
func (p *TxnProducer) insist(ctx context.Context, fn func() error) error {
	pause, said := 5*time.Millisecond, time.Now()
	for {
		err := fn()
		if err == nil || !IsRetriable(err) || ctx.Err() != nil {
			return err
		}
		if time.Since(said) > abortPatience {
			said = time.Now()
			p.c.cfg.Log.Warn("transaction: the producer gets no identity yet; asking again",
				zap.String("transactional_id", p.cfg.ID), zap.Error(err))
		}
		if errors.Is(err, ErrUnreachable) && !p.c.meta.known() {
			return err // never connected: a wrong address does not get better by waiting
		}
		if e := p.c.pause(ctx, pause); e != nil {
			return err
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}
