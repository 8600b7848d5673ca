package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// Commit sends the transaction and commits it. It blocks until the outcome is known and takes the transaction over:
// t must not be used afterwards. An empty transaction succeeds without a request.
//
//	nil            committed
//	ErrTxnAborted  not committed, and never will be; go on after going back to the stable offsets
//	ErrTxnUnknown  decided, but not known how; read the stable offsets (after Recover, if also ErrTxnUnresolved)
//	ErrFenced      another producer has taken the transactional id: stop the process
//	ErrClosed      the client or producer was closed; as unresolved
//
// When ctx ends before the commit is asked for, the transaction is aborted; afterwards the commit is awaited
// nevertheless, within the client's RequestTimeout.
//
// The rules behind it: bytes and sequence numbers of a batch never change between attempts; what may still be on its
// way is made harmless by a higher producer epoch before the next transaction; a commit that got no definite answer
// is repeated, and where repeating does not settle it, the transaction is aborted at the coordinator, whose answer
// tells whether the commit had come through.
func (p *TxnProducer) Commit(ctx context.Context, t *Txn) error {
	defer p.recycle(t)
	if err := p.acquire(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrTxnAborted, err)
	}
	defer func() { p.turn <- struct{}{} }()
	if err := p.ready(ctx); err != nil {
		return err
	}
	parts, groups := t.work()
	if len(parts) == 0 && len(groups) == 0 {
		return nil
	}
	start := time.Now()
	err := p.transact(ctx, parts, groups)
	p.count(err, time.Since(start), t.Records())
	return err
}

// ready makes the producer usable for another transaction.
func (p *TxnProducer) ready(ctx context.Context) error {
	switch {
	case p.fenced:
		return p.fencedErr(nil)
	case p.broken:
		// What was built may rest on offsets read while the last transaction was undecided.
		if _, err := p.resolve(ctx, errors.New("an earlier transaction was undecided")); err != nil {
			return err
		}
		return fmt.Errorf("%w: an earlier one was undecided until now", ErrTxnAborted)
	case p.doubt:
		// Version 1 does not tell a delayed EndTxn of the last transaction from one of the next: a new epoch does.
		p.cfg.Metrics.Reinitialised(telemetry.ErrorOther)
		if err := p.init(ctx); err != nil {
			if fencingCode(err) {
				return p.fencedErr(err)
			}
			return fmt.Errorf("%w: %w", ErrTxnAborted, err)
		}
	}
	return nil
}

// work is what the transaction has to send, in a fixed order.
func (t *Txn) work() ([]*txnPart, []*txnOffsets) {
	parts := t.used[:0:len(t.used)]
	for _, pt := range t.used {
		pt.Cancel()
		if pt.Len() > 0 {
			parts = append(parts, pt)
		} else {
			pt.inUse = false
		}
	}
	t.used = parts
	slices.SortFunc(parts, func(a, b *txnPart) int {
		return cmp.Or(cmp.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
	var groups []*txnOffsets
	for _, o := range t.offsets {
		if len(o.at) > 0 {
			groups = append(groups, o)
		}
	}
	slices.SortFunc(groups, func(a, b *txnOffsets) int { return cmp.Compare(a.meta.Group, b.meta.Group) })
	return parts, groups
}

// transact spends half of the transaction's time on writing and up to three quarters until the commit is answered.
// The rest is for aborting, for the broker's own clock runs too, and fences the producer when it is up (KIP-588).
func (p *TxnProducer) transact(ctx context.Context, parts []*txnPart, groups []*txnOffsets) error {
	start := time.Now()
	if err := p.stage(ctx, start.Add(p.cfg.Timeout/2), parts, groups); err != nil {
		return p.fail(ctx, err)
	}
	err := p.commit(ctx, start.Add(p.cfg.Timeout*3/4))
	if err == nil {
		for _, pt := range parts {
			if !p.tv2 {
				p.seqs[pt.tp] = pt.seq
			}
		}
		p.began, p.commits = false, false
		p.doubt = p.doubt && !p.tv2
		return nil
	}
	return p.fail(ctx, err)
}

// stage writes records and offsets under the transaction.
func (p *TxnProducer) stage(ctx context.Context, until time.Time, parts []*txnPart, groups []*txnOffsets) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	p.began = true
	if p.tv2 {
		// Leaders and group coordinator register with the transaction by themselves; in parallel they would get into
		// each other's way at its coordinator.
		if err := p.produceAll(ctx, parts); err != nil {
			return err
		}
		return p.commitGroups(ctx, groups)
	}
	if len(parts) > 0 {
		if err := p.insist(ctx, func() error { return p.addPartitions(ctx, parts) }); err != nil {
			return err
		}
	}
	for _, o := range groups {
		if err := p.insist(ctx, func() error { return p.addOffsets(ctx, o.meta.Group) }); err != nil {
			return err
		}
	}
	var offsets error
	var wg sync.WaitGroup
	if len(groups) > 0 {
		wg.Go(func() {
			if offsets = p.commitGroups(ctx, groups); offsets != nil {
				cancel() // no use in writing the rest
			}
		})
	}
	err := p.produceAll(ctx, parts)
	wg.Wait()
	if offsets != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return offsets
	}
	return err
}

func (p *TxnProducer) commitGroups(ctx context.Context, groups []*txnOffsets) error {
	for _, o := range groups {
		if err := p.insist(ctx, func() error { return p.commitOffsets(ctx, o) }); err != nil {
			return err
		}
	}
	return nil
}

// produceAll writes every batch of every partition, all leaders at once, until all have them or one refuses.
func (p *TxnProducer) produceAll(ctx context.Context, parts []*txnPart) error {
	todo := make([]*txnPart, 0, len(parts))
	for _, pt := range parts {
		pt.next, pt.seq = 0, p.seqs[pt.tp]
		todo = append(todo, pt)
	}
	pause := 5 * time.Millisecond
	for {
		before := remaining(todo)
		err := p.produceRound(ctx, todo)
		todo = slices.DeleteFunc(todo, func(pt *txnPart) bool { return pt.next == pt.Batches() })
		if len(todo) == 0 {
			return nil
		}
		if err != nil && !IsRetriable(err) {
			return err
		}
		if e := p.c.pause(ctx, pause); e != nil {
			return fmt.Errorf("writing to %v: %w", todo[0].tp, errors.Join(e, err))
		}
		if remaining(todo) < before {
			pause = 5 * time.Millisecond
		} else {
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
}

func remaining(parts []*txnPart) int {
	n := 0
	for _, pt := range parts {
		n += pt.Batches() - pt.next
	}
	return n
}

// produceRound sends to each leader what belongs there and returns the gravest error.
func (p *TxnProducer) produceRound(ctx context.Context, todo []*txnPart) error {
	byLeader := map[int32][]*txnPart{}
	var worst error
	for _, pt := range todo {
		id, err := p.c.leader(ctx, pt.tp)
		if err != nil {
			worst = graver(worst, err)
			continue
		}
		byLeader[id] = append(byLeader[id], pt)
	}
	if worst != nil && !IsRetriable(worst) {
		return worst
	}
	errs := make(chan error, len(byLeader))
	n := 0
	for id, parts := range byLeader {
		if n++; n == len(byLeader) { // the last one in this goroutine: mostly there is only one
			errs <- p.produceTo(ctx, id, parts)
			break
		}
		go func() { errs <- p.produceTo(ctx, id, parts) }()
	}
	for range byLeader {
		worst = graver(worst, <-errs)
	}
	return worst
}

func graver(a, b error) error {
	if a == nil || (b != nil && IsRetriable(a) && !IsRetriable(b)) {
		return b
	}
	return a
}

// produceTo sends batches to one leader: in each request the next one of every partition, as far as the request may
// grow, until all are there or some request fails.
func (p *TxnProducer) produceTo(ctx context.Context, leader int32, parts []*txnPart) error {
	lo, hi := int16(3), int16(maxProduceTV1)
	if p.tv2 {
		lo, hi = produceTV2, produceTV2
	}
	items := make([]*produceItem, 0, len(parts))
	sent := make([]*txnPart, 0, len(parts))
	for {
		items, sent = items[:0], sent[:0]
		size := 0
		for _, pt := range parts {
			if pt.next == pt.Batches() {
				continue
			}
			if n := pt.batchBytes(pt.next); size == 0 || size+n <= p.cfg.MaxRequestBytes {
				size += n
				pt.item = produceItem{
					tp: pt.tp, b: &pt.BatchBuilder, batch: pt.next,
					meta: BatchMeta{PID: p.pid, Epoch: p.epoch, Seq: pt.seq, Txn: true},
				}
				items, sent = append(items, &pt.item), append(sent, pt)
			}
		}
		if len(items) == 0 {
			return nil
		}
		if err := p.c.produce(ctx, leader, p.cfg.ID, lo, hi, items); err != nil {
			for _, it := range items {
				p.c.moved(it.tp.Topic)
			}
			return err
		}
		if err := p.accept(sent); err != nil {
			return err
		}
	}
}

// accept advances the partitions whose batch is stored and returns the gravest error of the others.
func (p *TxnProducer) accept(sent []*txnPart) error {
	var worst error
	for _, pt := range sent {
		it := &pt.item
		if it.stored() {
			pt.seq = nextSequence(pt.seq, pt.BatchLen(pt.next))
			pt.next++
			continue
		}
		if it.retriable() && it.code != codeConcurrentTransactions {
			p.c.moved(pt.tp.Topic)
		}
		err := it.err()
		if !it.answered {
			err = codeErrAt(apiProduce, codeNetworkException, pt.tp.Topic, pt.tp.Partition)
		}
		worst = graver(worst, err)
	}
	return worst
}

// commit asks the coordinator to commit until it says yes, or something that repeating does not settle.
func (p *TxnProducer) commit(parent context.Context, until time.Time) error {
	ctx, cancel := linger(parent, p.c.cfg.RequestTimeout)
	defer cancel()
	ctx, cancel = context.WithDeadline(ctx, until)
	defer cancel()
	p.commits = true
	pause, failures := 5*time.Millisecond, 0
	for {
		err := p.endTxn(ctx, true)
		if err == nil {
			return nil
		}
		if indefinite(err) {
			p.doubt = true
		}
		code := Code(err)
		if code == -1 {
			failures++
		}
		again := IsRetriable(err) || (code == -1 && failures < 3)
		if !again || ctx.Err() != nil || p.c.pause(ctx, pause) != nil {
			return err
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// fail cleans up after cause and says what became of the transaction.
func (p *TxnProducer) fail(parent context.Context, cause error) error {
	p.broken = true
	if p.commits {
		p.c.cfg.Log.Warn("transaction: no definite answer to the commit; resolving",
			zap.String("transactional_id", p.cfg.ID), zap.Error(cause))
	}
	if p.commits && fencingCode(cause) {
		return p.fencedErr(cause)
	}
	ctx, cancel := linger(parent, min(p.c.cfg.RequestTimeout, 10*time.Second))
	defer cancel()
	commits := p.commits
	aborted, err := p.resolve(ctx, cause)
	switch {
	case err != nil && errors.Is(err, ErrFenced):
		return err
	case !commits || aborted:
		return fmt.Errorf("%w: %w", ErrTxnAborted, cause)
	case err != nil:
		return fmt.Errorf("%w: %w: %w", ErrTxnUnknown, ErrTxnUnresolved, cause)
	default:
		return fmt.Errorf("%w: %w", ErrTxnUnknown, cause)
	}
}

// resolve makes sure that the broken transaction is decided and that nothing of it which may still be on its way can
// do harm. It reports whether the transaction is known to be aborted. After an error the producer remains broken.
func (p *TxnProducer) resolve(ctx context.Context, cause error) (aborted bool, err error) {
	p.cfg.Metrics.Reinitialised(errorClass(cause))
	if p.began {
		aborted, err = p.abort(ctx)
		if err != nil {
			return false, err
		}
		p.began = false
		if aborted && p.tv2 && !p.doubt {
			p.commits, p.broken = false, false
			return true, nil // the answer brought a new epoch
		}
	}
	if err := p.init(ctx); err != nil {
		if fencingCode(err) {
			return aborted, p.fencedErr(err)
		}
		return aborted, err
	}
	return aborted, nil
}

// abortPatience is how long abort asks for an answer before a new epoch settles the matter: longer than the election of
// a coordinator takes.
const abortPatience = 15 * time.Second

// abort asks the coordinator to abort until it answers definitely, or abortPatience has passed. aborted is false when
// there was nothing to abort, which after an attempt to commit may mean that it was committed, and when there was no
// answer; the caller's new epoch then makes the coordinator abort what is open.
func (p *TxnProducer) abort(ctx context.Context) (aborted bool, err error) {
	pause, failures, began := 5*time.Millisecond, 0, time.Now()
	for {
		err := p.endTxn(ctx, false)
		code := Code(err)
		switch {
		case err == nil:
			return true, nil
		case fencingCode(err):
			return false, p.fencedErr(err)
		case code == codeInvalidTxnState:
			return false, nil
		case code == -1:
			p.doubt = true
			if failures++; failures >= 5 {
				return false, nil // the new epoch settles it
			}
		case !IsRetriable(err):
			return false, err
		case indefinite(err):
			p.doubt = true
		}
		if time.Since(began) > abortPatience {
			p.c.cfg.Log.Warn("transaction: no answer to the abort; settling it with a new epoch",
				zap.String("transactional_id", p.cfg.ID), zap.Error(err))
			p.doubt = true
			return false, nil
		}
		if e := p.c.pause(ctx, pause); e != nil {
			return false, errors.Join(e, err)
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// fencingCode says whether the coordinator regards this producer as superseded. Brokers give the same answer to a
// producer whose transaction timed out (KIP-588), so stopping and starting anew is right in both cases.
func fencingCode(err error) bool {
	switch Code(err) {
	case codeProducerFenced, codeInvalidProducerEpoch, 49: // INVALID_PRODUCER_ID_MAPPING
		return true
	}
	return false
}

func (p *TxnProducer) count(err error, d time.Duration, records int) {
	r := telemetry.TxnCommitted
	switch {
	case err == nil:
	case errors.Is(err, ErrFenced):
		r = telemetry.TxnFenced
	case errors.Is(err, ErrTxnUnknown):
		r = telemetry.TxnUnconfirmed
	default:
		r = telemetry.TxnAborted
	}
	p.cfg.Metrics.Ended(r, d, records)
}

// linger is a context that outlives parent by grace.
func linger(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(ctx, func() { t.Stop() })
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// errorClass files an error for metrics.
func errorClass(err error) telemetry.ErrorClass {
	switch code := Code(err); {
	case code == codeNotLeader || code == codeLeaderNotAvailable || code == codeNotCoordinator:
		return telemetry.ErrorLeader
	case errors.Is(err, ErrFenced), errors.Is(err, ErrStaleMember), fencingCode(err):
		return telemetry.ErrorFenced
	case errors.Is(err, ErrTooLarge):
		return telemetry.ErrorTooLarge
	case errors.Is(err, ErrAuth):
		return telemetry.ErrorAuthorization
	case errors.Is(err, ErrClosed):
		return telemetry.ErrorClosed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrUnreachable):
		return telemetry.ErrorTimeout
	default:
		return telemetry.ErrorOther
	}
}
