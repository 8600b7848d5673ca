package stream

import (
	"context"
	"errors"
	"fmt"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
)

// FromRegistry adapts the registry client.
func FromRegistry(c *registry.Client) Registry { return registryClient{c} }

type registryClient struct{ *registry.Client }

func (r registryClient) RegisterSchema(ctx context.Context, subject, schema string) (int, error) {
	s, err := r.Register(ctx, subject, registry.Schema{Text: schema})
	return s.ID, err
}

// LookupSchema finds a registered schema's id.
func (r registryClient) LookupSchema(ctx context.Context, subject, schema string) (int, error) {
	s, err := r.Lookup(ctx, subject, registry.Schema{Text: schema})
	return s.ID, err
}

// txnProducer adapts kafka.TxnProducer.
type txnProducer struct{ p *kafka.TxnProducer }

func (w *worker) connectProducer(ctx context.Context, id string) (producer, error) {
	p, err := w.r.cfg.Kafka.NewTxnProducer(ctx, kafka.TxnConfig{ID: id, Codec: w.r.cfg.Codec, Metrics: w.r.cfg.Metrics.Txn(w.r.cfg.Service, "task")})
	if err != nil {
		return nil, fmt.Errorf("transactional producer %s: %w", id, err)
	}
	return txnProducer{p}, nil
}

func (t txnProducer) begin() transaction { return builtTxn{t.p.NewTxn()} }

func (t txnProducer) close() { t.p.Close() }

// commit returns when the outcome is decided, even where it cannot tell how.
func (t txnProducer) commit(ctx context.Context, txn transaction) error {
	b, ok := txn.(builtTxn)
	if !ok {
		return errors.New("a transaction of another producer")
	}
	err := t.p.Commit(ctx, b.t)
	for errors.Is(err, kafka.ErrTxnUnresolved) {
		rerr := t.p.Recover(ctx)
		switch {
		case rerr == nil:
			return fmt.Errorf("%w (%v)", kafka.ErrTxnUnknown, err) //nolint:errorlint // no longer unresolved
		case errors.Is(rerr, kafka.ErrTxnUnresolved) && ctx.Err() == nil, kafka.IsRetriable(rerr) && ctx.Err() == nil:
			continue
		default:
			return rerr
		}
	}
	return err
}

type builtTxn struct{ t *kafka.Txn }

func (b builtTxn) partition(tp kafka.TopicPartition) *kafka.BatchBuilder { return b.t.Partition(tp) }

func (b builtTxn) offset(meta kafka.GroupMeta, tp kafka.TopicPartition, next int64) {
	b.t.Offset(meta, tp, next)
}

func (b builtTxn) bytes() int { return b.t.Bytes() }
func (b builtTxn) discard()   { b.t.Discard() }

func (w *worker) joinGroup(member string) membership {
	cfg := kafka.GroupConfig{ID: w.def.group, MemberID: member, SessionTimeout: w.r.cfg.SessionTimeout, Classic: w.r.cfg.Classic}
	for _, in := range w.def.inputs {
		cfg.Topics = append(cfg.Topics, in.info.Name)
	}
	return groupMember{w.r.cfg.Kafka.JoinGroup(cfg)}
}

// groupMember adapts kafka.Group.
type groupMember struct{ g *kafka.Group }

func (m groupMember) events() <-chan kafka.GroupEvent { return m.g.Events() }
func (m groupMember) ack()                            { m.g.Ack() }
func (m groupMember) meta() kafka.GroupMeta           { return m.g.Meta() }

func (m groupMember) leave(ctx context.Context) error { return m.g.Leave(ctx) }
