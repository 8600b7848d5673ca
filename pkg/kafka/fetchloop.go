package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// How many requests one broker may have of one fetcher. Those that wait for new records are counted apart: they
// must not keep a partition that has records waiting for its turn.
const (
	maxFetchCalls     = 6
	maxIdleFetchCalls = 4
	// joinWait is how long the broker keeps a request for new records when another one waits there already. When it
	// comes back its partitions join those of other requests. Were all to wait for long, a partition that finds no
	// request free would go unasked for as long.
	joinWait          = 200 * time.Millisecond
	minPartitionBytes = 32 << 10
	maxPause          = time.Second
	logEvery          = 30 * time.Second
)

// dispatchLoop sends requests whenever something changed or a pause is over.
func (f *Fetcher) dispatchLoop() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := f.dispatch()
		if next > 0 {
			timer.Reset(next)
		}
		select {
		case <-f.wake:
		case <-timer.C:
		case <-f.ctx.Done():
			return
		}
	}
}

// dispatch starts the requests that can be made now, and says when to look again, 0 for when woken.
func (f *Fetcher) dispatch() (next time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	picks := map[int32]*fetchPick{}
	find := false
	if len(f.order) > 0 {
		f.turn = (f.turn + 1) % len(f.order)
	}
	for i := range f.order {
		p := f.order[(i+f.turn)%len(f.order)]
		if p.busy || p.paused || p.resting {
			continue
		}
		if wait := p.retryAt.Sub(now); wait > 0 {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		if p.leader < 0 {
			find = true
			continue
		}
		b := picks[p.leader]
		if b == nil {
			b = &fetchPick{}
			picks[p.leader] = b
		}
		switch {
		case p.idle():
			b.parts = append(b.parts, p)
		case p.buffered < f.cfg.MaxPartitionBytes:
			b.parts = append(b.parts, p)
			b.hot++
			b.fresh = b.fresh || !p.known
		}
	}
	for id, b := range picks {
		f.send(id, b)
	}
	if find && !f.finding {
		f.finding = true
		f.wg.Go(f.findLeaders)
	}
	return next
}

// fetchPick is what could be asked of one broker now.
type fetchPick struct {
	parts []*fetchPart
	hot   int  // of which have records to read, as far as known
	fresh bool // one was never asked for
}

func (p *fetchPart) idle() bool { return p.known && p.pos >= p.end }

// send starts a request to a broker, unless enough are under way.
func (f *Fetcher) send(id int32, pick *fetchPick) {
	b := f.brokers[id]
	if b == nil {
		b = &fetchBroker{}
		f.brokers[id] = b
	}
	hot, idle := pick.hot, len(pick.parts)-pick.hot
	room := f.cfg.MaxBufferedBytes - f.buffered - f.reserved
	if b.calls >= maxFetchCalls || room <= 0 {
		hot = 0
	}
	if hot == 0 && (b.idle >= maxIdleFetchCalls || idle == 0) {
		return
	}
	call := &fetchCall{broker: id, cfg: &f.cfg, wait: f.cfg.MaxWait}
	call.items = make([]fetchItem, 0, hot+idle)
	limit := f.cfg.MaxPartitionBytes
	if hot > 0 {
		limit = max(minPartitionBytes, min(limit, room/hot))
		call.reserve = limit * hot
		if pick.fresh {
			call.wait = 0 // tell at once where the end is
		}
	} else {
		limit = max(minPartitionBytes, min(limit, f.cfg.MaxBufferedBytes/idle))
		if b.idle > 0 {
			call.wait = min(call.wait, joinWait)
		}
	}
	for _, p := range pick.parts {
		if hot == 0 && !p.idle() {
			continue
		}
		p.busy = true
		m := limit
		if p.max > f.cfg.MaxPartitionBytes {
			m = p.max
		}
		call.items = append(call.items, fetchItem{part: p, tp: p.tp, offset: p.pos, max: int32(m)})
	}
	b.calls++
	if hot == 0 {
		b.idle++
	}
	f.reserved += call.reserve
	f.wg.Go(func() { f.run(call, hot == 0) })
}

// run makes one request and files what it brought.
func (f *Fetcher) run(call *fetchCall, idle bool) {
	call.req = request{
		api: apiFetch, min: 4, max: 12, to: toBroker(call.broker), wait: call.wait, keep: true,
		write: call.write, read: call.read,
	}
	err := f.c.do(f.ctx, &call.req)
	chunks := make([]*Chunk, len(call.items))
	if err == nil {
		for i := range call.items {
			chunks[i] = f.chunk(call.req.body, &call.items[i])
		}
		call.req.body.release()
	}
	f.mu.Lock()
	b := f.brokers[call.broker]
	b.calls--
	if idle {
		b.idle--
	}
	f.reserved -= call.reserve
	if err != nil {
		f.failed(call, b, err)
	} else {
		if b.failures > 0 {
			b.failures = 0
			f.c.cfg.Log.Info("fetching again", zap.Int32("broker", call.broker))
		}
		for i := range call.items {
			f.file(&call.items[i], chunks[i])
		}
	}
	some := len(f.ready) > 0
	f.mu.Unlock()
	if some {
		signal(f.filled)
	}
	signal(f.wake)
}

// chunk makes a chunk of an answered partition; nil when it brought no bytes.
func (f *Fetcher) chunk(body *buffer, it *fetchItem) *Chunk {
	if it.code != 0 || len(it.raw) == 0 {
		return nil
	}
	c, _ := chunkPool.Get().(*Chunk)
	c.TopicPartition, c.from, c.bytes, c.part = it.tp, it.offset, len(it.raw), it.part
	c.scan(it.raw, it.aborted, f.cfg.Isolation)
	if len(c.batches) > 0 {
		body.retain()
		c.buf = body
	}
	return c
}

// file takes one partition's part of an answer into account. f.mu is held.
func (f *Fetcher) file(it *fetchItem, c *Chunk) {
	p := it.part
	p.busy = false
	switch {
	case p.dead:
		if c != nil {
			c.Release()
		}
		return
	case !it.answered: // cut off by the limit of the whole answer
		return
	case it.code != 0:
		f.partitionFailed(p, codeErrAt(apiFetch, it.code, p.tp.Topic, p.tp.Partition))
		return
	}
	p.failures, p.unknown, p.outside, p.answered = 0, time.Time{}, time.Time{}, time.Now()
	p.known, p.high, p.end = true, it.high, it.stable
	if f.cfg.Isolation == ReadUncommitted || it.stable < 0 {
		p.end = it.high
	}
	if c != nil && c.err == nil && c.next == p.pos {
		// Nothing usable: a batch larger than the limit, of which the broker sends a part or, when other
		// partitions have records too, none. The next request allows more.
		c.Release()
		c = nil
	}
	gap := c == nil && p.pos < p.end && len(it.raw) == 0 && it.max >= wholeMax
	if c == nil && p.pos < p.end && !gap {
		p.max = min(max(p.max, f.cfg.MaxPartitionBytes)*8, wholeMax)
		return
	}
	p.max = f.cfg.MaxPartitionBytes
	switch {
	case gap:
		// Even without a limit there was nothing: compaction removed all up to the end, which is that of the
		// readable records because a transaction is open there.
		c = f.emptyChunk(p)
		c.next = p.end
	case c == nil:
		if p.told == p.end {
			return
		}
		c = f.emptyChunk(p)
	}
	p.pos = c.next
	c.end, c.high = p.end, p.high
	if c.err != nil {
		p.resting = true
	}
	f.push(c)
}

func (f *Fetcher) emptyChunk(p *fetchPart) *Chunk {
	c, _ := chunkPool.Get().(*Chunk)
	c.TopicPartition, c.from, c.next, c.part = p.tp, p.pos, p.pos, p
	return c
}

// push makes a chunk ready for Poll.
func (f *Fetcher) push(c *Chunk) {
	p := c.part
	if c.err == nil && c.next >= c.end {
		p.told = c.end
	}
	p.buffered += c.bytes
	if !p.paused {
		f.buffered += c.bytes
	}
	f.ready = append(f.ready, c)
}

// rest hands the error to the caller and stops fetching the partition. f.mu is held.
func (f *Fetcher) rest(p *fetchPart, err error) {
	p.resting = true
	c := f.emptyChunk(p)
	c.err, c.end, c.high = err, -1, -1
	f.push(c)
}

// partitionFailed reacts to an error code of one partition. f.mu is held.
func (f *Fetcher) partitionFailed(p *fetchPart, err error) {
	p.failures++
	code := Code(err)
	switch {
	case errors.Is(err, ErrUnknownTopic):
		f.unknownTopic(p, err)
		return
	case code == codeOffsetOutOfRange && f.mayPass(p):
		f.c.moved(p.tp.Topic)
		p.leader = -1
	case code == codeNotLeader, code == codeLeaderNotAvailable, code == codeFencedLeaderEpoch, code == codeUnknownLeaderEpoch:
		f.c.moved(p.tp.Topic)
		p.leader = -1
		if p.failures == 1 {
			return // the metadata may know the new one already
		}
	case IsRetriable(err) && !errors.Is(err, ErrCorrupt), code == -1 && p.failures < 10:
	default:
		f.rest(p, err)
		return
	}
	p.retryAt = time.Now().Add(backoff(p.failures))
	if p.failures == 10 {
		f.c.cfg.Log.Warn("partition cannot be fetched; trying on", zap.Stringer("partition", p.tp), zap.Error(err))
	}
}

// outOfRangeWait is for how long OFFSET_OUT_OF_RANGE is not believed: brokers say so for a moment while leaders move,
// about offsets that are there.
const outOfRangeWait = 5 * time.Second

// mayPass says whether a partition's position, said to be out of range, may still turn out to be within. f.mu is held.
func (f *Fetcher) mayPass(p *fetchPart) bool {
	if p.outside.IsZero() {
		p.outside = time.Now()
		f.c.cfg.Log.Warn("the leader says that the offset is out of range; asking again",
			zap.Stringer("partition", p.tp), zap.Int64("offset", p.pos))
	}
	return time.Since(p.outside) < outOfRangeWait
}

// unknownTopic waits for a topic to appear, then gives up. f.mu is held.
func (f *Fetcher) unknownTopic(p *fetchPart, err error) {
	now := time.Now()
	if p.unknown.IsZero() {
		p.unknown = now
	}
	if now.Sub(p.unknown) >= f.cfg.UnknownTopicWait {
		f.rest(p, err)
		return
	}
	f.c.moved(p.tp.Topic)
	p.leader = -1
	p.retryAt = now.Add(backoff(p.failures))
}

// failed reacts to a request without answer. f.mu is held.
func (f *Fetcher) failed(call *fetchCall, b *fetchBroker, err error) {
	now := time.Now()
	if f.ctx.Err() == nil {
		b.failures++
		if now.Sub(b.loggedAt) > logEvery {
			b.loggedAt = now
			f.c.cfg.Log.Warn("fetch failed; trying on", zap.Int32("broker", call.broker), zap.Error(err))
		}
	}
	final := errors.Is(err, ErrUnsupported) || errors.Is(err, ErrAuth) || errors.Is(err, ErrCorrupt)
	for i := range call.items {
		p := call.items[i].part
		p.busy = false
		switch {
		case p.dead:
		case final:
			f.rest(p, fmt.Errorf("fetch %s: %w", p.tp, err))
		default:
			f.c.moved(p.tp.Topic)
			p.leader = -1
			p.failures++
			p.retryAt = now.Add(backoff(b.failures))
		}
	}
}

// backoff is the pause after the n-th failure in a row: 20 ms, doubled, up to a second.
func backoff(n int) time.Duration {
	return min(20*time.Millisecond<<min(max(n-1, 0), 6), maxPause)
}

// findLeaders asks for the leaders of all partitions that lack one, in one request.
func (f *Fetcher) findLeaders() {
	f.mu.Lock()
	topics := map[string]bool{}
	for _, p := range f.order {
		if p.leader < 0 && !p.resting {
			topics[p.tp.Topic] = true
		}
	}
	f.mu.Unlock()
	metas, err := f.c.topicsFor(f.ctx, topics)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer signal(f.wake)
	f.finding = false
	now := time.Now()
	for _, p := range f.order {
		if p.leader >= 0 || p.resting || !topics[p.tp.Topic] || p.retryAt.After(now) {
			continue
		}
		t, ok := metas[p.tp.Topic]
		switch {
		case err != nil && (errors.Is(err, ErrAuth) || errors.Is(err, ErrUnsupported)):
			f.rest(p, err)
		case err != nil:
			p.failures++
			p.retryAt = now.Add(backoff(p.failures))
		case !ok || int(p.tp.Partition) >= t.Partitions || p.tp.Partition < 0:
			p.failures++
			f.unknownTopic(p, codeErrAt(apiMetadata, codeUnknownTopic, p.tp.Topic, p.tp.Partition))
		case t.Leaders[p.tp.Partition] < 0:
			p.failures++
			f.c.moved(p.tp.Topic)
			p.retryAt = now.Add(backoff(p.failures))
		default:
			p.leader = t.Leaders[p.tp.Partition]
		}
	}
	if err != nil && f.ctx.Err() == nil && now.Sub(f.loggedAt) > logEvery {
		f.loggedAt = now
		f.c.cfg.Log.Warn("no partition leaders; trying on", zap.Error(err))
	}
	if len(f.ready) > 0 {
		signal(f.filled)
	}
}

// topicsFor is the cached or fresh description of several topics; those that do not exist are absent.
func (c *Client) topicsFor(ctx context.Context, names map[string]bool) (map[string]TopicMeta, error) {
	now := time.Now()
	out := map[string]TopicMeta{}
	look := func(since time.Time) (missing []string) {
		c.meta.mu.Lock()
		defer c.meta.mu.Unlock()
		for name := range names {
			if e, ok := c.meta.topics[name]; ok && e.at.After(since) {
				out[name] = e.meta
			} else {
				missing = append(missing, name)
			}
		}
		return missing
	}
	missing := look(now.Add(-c.cfg.MetadataMaxAge))
	if len(missing) == 0 {
		return out, nil
	}
	if err := c.refresh(ctx, now, missing); err != nil {
		return nil, err
	}
	look(time.Time{})
	return out, nil
}
