package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// run starts requests: at most one per broker and one per partition at a time, so that a batch that has to be sent
// again is never overtaken by the next.
func (p *Producer) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := p.dispatch()
		timer.Reset(wait)
		select {
		case <-p.wake:
		case <-timer.C:
		case <-p.ctx.Done():
			return
		}
	}
}

// dispatch starts what can be started and returns when to look again at the latest.
func (p *Producer) dispatch() time.Duration {
	ready, gathering, wait := p.ready()
	if len(ready) == 0 {
		return wait
	}
	if err := p.identify(slices.Concat(ready, gathering)); err != nil {
		p.postpone(ready, err)
		return 20 * time.Millisecond
	}
	byLeader := map[int32][]*outPart{}
	for _, pt := range ready {
		id, err := p.c.leader(p.ctx, pt.tp)
		if err != nil {
			p.postpone([]*outPart{pt}, err)
			wait = min(wait, 20*time.Millisecond)
			continue
		}
		byLeader[id] = append(byLeader[id], pt)
	}
	// What would be due a moment later rides along: a topic of a dozen partitions
	// would otherwise make a dozen requests of one linger.
	for _, pt := range gathering {
		if id, err := p.c.leader(p.ctx, pt.tp); err == nil && len(byLeader[id]) > 0 {
			byLeader[id] = append(byLeader[id], pt)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, parts := range byLeader {
		if p.busy[id] {
			continue // its answer wakes the loop
		}
		items, sent := p.pack(parts)
		p.busy[id] = true
		p.wg.Go(func() { p.send(id, items, sent) })
	}
	return wait
}

// ready lists the partitions whose first batch is to be sent now, and those
// whose batch could be, but still gathers records.
func (p *Producer) ready() (ready, gathering []*outPart, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	wait = time.Hour
	for _, pt := range p.order {
		if pt.inflight || len(pt.queue) == 0 {
			continue
		}
		b := pt.queue[0]
		due := pt.retryAt
		if !b.full && !b.urgent && len(pt.queue) == 1 && p.cfg.Linger > 0 {
			if t := b.born.Add(p.cfg.Linger); t.After(due) {
				due = t
			}
		}
		if due.After(now) {
			wait = min(wait, due.Sub(now))
			if !pt.retryAt.After(now) {
				gathering = append(gathering, pt)
			}
			continue
		}
		ready = append(ready, pt)
	}
	return ready, gathering, wait
}

// pack makes one request's items of the partitions' first batches, by topic.
func (p *Producer) pack(parts []*outPart) ([]*produceItem, []*outPart) {
	slices.SortFunc(parts, func(a, b *outPart) int {
		return cmp.Or(cmp.Compare(a.tp.Topic, b.tp.Topic), cmp.Compare(a.tp.Partition, b.tp.Partition))
	})
	var items []*produceItem
	var sent []*outPart
	size := 0
	for _, pt := range parts {
		b := pt.queue[0]
		n := b.b.Bytes()
		if size > 0 && size+n > p.cfg.MaxRequestBytes {
			continue
		}
		size += n
		b.full = true // its bytes must not change any more
		b.item = produceItem{
			tp: pt.tp, b: b.b, meta: BatchMeta{PID: pt.id.pid, Epoch: pt.id.epoch, Seq: pt.seq},
		}
		pt.inflight = true
		items, sent = append(items, &b.item), append(sent, pt)
	}
	return items, sent
}

// identify gives a producer id to partitions that have none.
func (p *Producer) identify(ready []*outPart) error {
	missing := slices.DeleteFunc(slices.Clone(ready), func(pt *outPart) bool { return pt.id.ok })
	if len(missing) == 0 {
		return nil
	}
	p.mu.Lock()
	id := p.identity
	p.mu.Unlock()
	if !id.ok {
		var err error
		if id, err = p.newIdentity(); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.identity = id
	for _, pt := range missing {
		pt.id, pt.seq = id, 0
	}
	return nil
}

func (p *Producer) newIdentity() (producerIdentity, error) {
	id := producerIdentity{}
	err := p.c.do(p.ctx, &request{
		api: apiInitProducerID, min: 2, max: 4, to: toAny(),
		write: func(e *encoder, v int16) {
			e.null() // no transactional id
			e.i32(-1)
			if v >= 3 {
				e.i64(-1)
				e.i16(-1)
			}
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code := d.i16()
			id.pid, id.epoch = d.i64(), d.i16()
			d.tags()
			id.ok = code == 0
			return codeErr(apiInitProducerID, code)
		},
	})
	return id, err
}

// postpone puts off partitions that cannot be sent to, or gives up what has been tried for too long.
func (p *Producer) postpone(parts []*outPart, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pt := range parts {
		if p.ctx.Err() == nil && len(pt.queue) > 0 && !pt.inflight {
			p.retryOrFail(pt, err)
		}
	}
}

// send sends one request and deals with the answers.
func (p *Producer) send(broker int32, items []*produceItem, sent []*outPart) {
	start := time.Now()
	err := p.c.produce(p.ctx, broker, "", 3, maxProduceTV1, items)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, pt := range sent {
		p.settle(pt, items[i], err, time.Since(start))
		pt.inflight = false
	}
	p.busy[broker] = false
	p.signal()
}

// settle deals with the answer for one partition's first batch.
func (p *Producer) settle(pt *outPart, it *produceItem, failed error, took time.Duration) {
	b := pt.queue[0]
	if it.stored() {
		pt.seq = nextSequence(pt.seq, it.b.Len())
		pt.pause = 0
		pt.metrics.Acked(took, it.b.Bytes())
		base := it.base
		if it.code == codeDuplicateSequence {
			base = -1
		}
		p.finish(pt, base, nil)
		return
	}
	if failed == nil {
		failed = it.err()
	}
	if failed == nil {
		failed = codeErrAt(apiProduce, codeNetworkException, pt.tp.Topic, pt.tp.Partition)
	}
	if p.ctx.Err() != nil {
		return // Close gives the rest up
	}
	if it.maybeStored() && (it.answered || MaybeSent(failed)) {
		b.maybe = true
	}
	switch it.code {
	case codeOutOfOrderSequence, codeUnknownProducerID, codeInvalidProducerEpoch:
		// The broker has lost track of this producer: go on as a new one. If every attempt was refused that cannot
		// store the batch twice; otherwise it might.
		pt.id = producerIdentity{}
		p.identity = producerIdentity{}
		if b.maybe {
			p.giveUp(pt, fmt.Errorf("%w: %w", errUncertain, failed))
			return
		}
		pt.pause = 0
		pt.retryAt = time.Time{}
		return
	}
	if !it.retriable() || !IsRetriable(failed) {
		p.giveUp(pt, failed)
		return
	}
	p.c.moved(pt.tp.Topic)
	pt.metrics.Retried()
	p.retryOrFail(pt, failed)
}

// retryOrFail puts the first batch off, or gives it up after DeliveryTimeout or for errors that stay.
func (p *Producer) retryOrFail(pt *outPart, err error) {
	b := pt.queue[0]
	if !IsRetriable(err) && !errors.Is(err, context.DeadlineExceeded) {
		p.giveUp(pt, err)
		return
	}
	if time.Since(b.born) > p.cfg.DeliveryTimeout {
		if b.maybe {
			err = fmt.Errorf("%w: %w", errUncertain, err)
		}
		p.giveUp(pt, fmt.Errorf("not acknowledged within %v: %w", p.cfg.DeliveryTimeout, err))
		return
	}
	pt.pause = min(max(2*pt.pause, 10*time.Millisecond), 500*time.Millisecond)
	pt.retryAt = time.Now().Add(pt.pause)
}

// giveUp fails the first batch. When it may have been stored its sequence numbers are in doubt, and the partition
// goes on under another producer id.
func (p *Producer) giveUp(pt *outPart, err error) {
	if pt.queue[0].maybe {
		pt.id = producerIdentity{}
		p.identity = producerIdentity{}
	}
	pt.metrics.Failed(errorClass(err))
	pt.pause, pt.retryAt = 0, time.Time{}
	p.finish(pt, -1, fmt.Errorf("send to %v: %w", pt.tp, err))
}
