package kafkatest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meshwork.dev/pkg/kafka"
)

// worker copies the partitions it is assigned, exactly once: the shortest correct consume-transform-produce loop.
type worker struct {
	t     *testing.T
	c     *kafka.Client
	g     *kafka.Group
	p     *kafka.TxnProducer
	f     *kafka.Fetcher
	out   string
	every int // every so many transactions one is spoilt; 0 none

	cancel context.CancelFunc
	wg     sync.WaitGroup

	owned  map[kafka.TopicPartition]int64 // next offset to be read
	txns   int
	copied atomic.Int64
	aborts atomic.Int64
	stale  atomic.Int64
}

func startWorker(t *testing.T, c *kafka.Client, cfg kafka.GroupConfig, out string, every int) *worker {
	t.Helper()
	p, err := c.NewTxnProducer(ctx(t), kafka.TxnConfig{ID: cfg.ID + "-" + newID()})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{
		t: t, c: c, p: p, out: out, every: every, g: c.JoinGroup(cfg),
		f: c.NewFetcher(kafka.FetchConfig{}), owned: map[kafka.TopicPartition]int64{},
	}
	var run context.Context
	run, w.cancel = context.WithCancel(context.Background())
	w.wg.Go(func() { w.run(run) })
	t.Cleanup(w.stop)
	return w
}

// stop ends the worker in order. It may be called again.
func (w *worker) stop() {
	w.cancel()
	w.wg.Wait()
}

func (w *worker) run(ctx context.Context) {
	defer w.p.Close()
	defer w.f.Close()
	defer func() { //nolint:contextcheck // ctx has ended by then
		leave, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = w.g.Leave(leave)
	}()
	for ctx.Err() == nil {
		select {
		case ev, ok := <-w.g.Events():
			if !ok {
				return
			}
			w.handle(ctx, ev)
		default:
		}
		poll, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		chunks, err := w.f.Poll(poll)
		cancel()
		if err != nil {
			continue // nothing came
		}
		w.copy(ctx, chunks)
	}
}

func (w *worker) handle(ctx context.Context, ev kafka.GroupEvent) {
	if ev.Kind == kafka.Assigned {
		for _, tp := range ev.Partitions {
			w.owned[tp] = 0
		}
		w.rewind(ctx, ev.Partitions)
		return
	}
	if ev.Kind == kafka.Failed {
		w.t.Error(ev.Err)
	}
	for _, tp := range ev.Partitions {
		delete(w.owned, tp)
	}
	w.f.Remove(ev.Partitions...)
	w.g.Ack()
}

// rewind goes to the stable offsets: after an assignment, and after a transaction that did not commit.
func (w *worker) rewind(ctx context.Context, tps []kafka.TopicPartition) {
	w.f.Remove(tps...)
	for ctx.Err() == nil {
		offs, err := w.c.CommittedOffsets(ctx, w.g.Meta().Group, tps)
		if err != nil {
			continue
		}
		for _, tp := range tps {
			w.owned[tp] = max(offs[tp], 0)
			w.f.Add(tp, w.owned[tp])
		}
		return
	}
}

func (w *worker) copy(ctx context.Context, chunks []*kafka.Chunk) {
	tx := w.p.NewTxn()
	meta := w.g.Meta()
	for _, c := range chunks {
		if _, ok := w.owned[c.TopicPartition]; ok {
			var r kafka.Record
			for c.Next(&r) {
				tx.Append(kafka.TopicPartition{Topic: w.out, Partition: c.Partition}, r.Timestamp, r.Key, r.Value)
			}
			if c.Err() != nil {
				w.t.Error(c.Err())
			}
			if c.NextOffset() > w.owned[c.TopicPartition] {
				tx.Offset(meta, c.TopicPartition, c.NextOffset())
				w.owned[c.TopicPartition] = c.NextOffset()
			}
		}
		c.Release()
	}
	n := int64(tx.Records())
	if w.txns++; w.every > 0 && n > 0 && w.txns%w.every == 0 {
		tx.Offset(stranger(meta.Group+"-x"), kafka.TopicPartition{Topic: w.out}, 1)
	}
	switch err := w.p.Commit(ctx, tx); {
	case err == nil:
		w.copied.Add(n)
		return
	case errors.Is(err, kafka.ErrStaleMember):
		w.stale.Add(1)
	case !errors.Is(err, kafka.ErrTxnAborted) && !errors.Is(err, kafka.ErrTxnUnknown):
		w.t.Error(err)
	}
	w.aborts.Add(1)
	tps := make([]kafka.TopicPartition, 0, len(w.owned))
	for tp := range w.owned {
		tps = append(tps, tp)
	}
	w.rewind(ctx, tps)
}
