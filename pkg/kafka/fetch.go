package kafka

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// FetchConfig says how a fetcher reads. The zero value is read-committed with the defaults given.
type FetchConfig struct {
	Isolation         Isolation
	MinBytes          int           // the broker answers when it has this much; default 1
	MaxPartitionBytes int           // of one partition in one answer, a single larger batch excepted; default 1 MiB
	MaxWait           time.Duration // the broker answers after this long when it has less than MinBytes; default 500 ms
	MaxBufferedBytes  int           // fetched and not yet polled, compressed; default 64 MiB
	UnknownTopicWait  time.Duration // how long an unknown topic may take to appear before it is an error; default 5 s
}

func (cfg FetchConfig) withDefaults() FetchConfig {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&cfg.MinBytes, 1)
	def(&cfg.MaxPartitionBytes, 1<<20)
	def(&cfg.MaxBufferedBytes, 64<<20)
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 500 * time.Millisecond
	}
	if cfg.UnknownTopicWait <= 0 {
		cfg.UnknownTopicWait = 5 * time.Second
	}
	return cfg
}

// Fetcher reads many partitions over many brokers and keeps fetching ahead, bounded in bytes. Lost connections,
// moved leaders and elections are its own affair: it logs them and goes on. What only the caller can decide comes
// as a [Chunk] with an error, and the partition rests until it is added anew.
//
// Add, Remove, Pause, Resume, Position and End may be called from any goroutine; Poll from one at a time.
type Fetcher struct {
	c      *Client
	cfg    FetchConfig
	ctx    context.Context //nolint:containedctx // the fetcher's own lifetime
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // tells the dispatcher to look again
	filled chan struct{} // tells Poll that chunks are ready

	mu       sync.Mutex
	closed   bool
	parts    map[TopicPartition]*fetchPart
	order    []*fetchPart // by topic and partition
	turn     int          // where in order the next request begins, so that nobody is always last
	brokers  map[int32]*fetchBroker
	ready    []*Chunk
	buffered int       // bytes of ready chunks, paused partitions left out
	reserved int       // bytes that requests under way may bring
	finding  bool      // a request for leaders is under way
	loggedAt time.Time // when its failure was logged last
	out      []*Chunk
}

// fetchPart is a partition from Add to Remove or the next Add. An answer to an older one is dropped because the
// pointer differs: this is the generation that keeps stale data out.
type fetchPart struct {
	tp    TopicPartition
	pos   int64 // next offset to ask for
	given int64 // position after what Poll handed out
	end   int64
	high  int64
	known bool  // end and high are set
	told  int64 // the end last told by a chunk; -1: none

	leader   int32 // -1: to be found
	busy     bool  // in a request under way
	paused   bool
	resting  bool // after an error
	dead     bool // removed
	buffered int  // bytes of its ready chunks
	max      int  // byte limit, raised while a batch does not fit
	retryAt  time.Time
	failures int
	unknown  time.Time // since when its topic is unknown
	outside  time.Time // since when its leader says that pos is out of range
	answered time.Time // when its leader answered last, or when it was added
}

// fetchBroker is what is known of one leader.
type fetchBroker struct {
	calls    int // requests under way
	idle     int // of which wait for new records
	failures int
	loggedAt time.Time
}

// NewFetcher starts a fetcher without partitions. Close it before the client.
func (c *Client) NewFetcher(cfg FetchConfig) *Fetcher {
	f := &Fetcher{
		c: c, cfg: cfg.withDefaults(),
		wake: make(chan struct{}, 1), filled: make(chan struct{}, 1),
		parts: map[TopicPartition]*fetchPart{}, brokers: map[int32]*fetchBroker{},
	}
	f.ctx, f.cancel = context.WithCancel(c.ctx)
	f.wg.Go(f.dispatchLoop)
	return f
}

// Close ends fetching and waits for its goroutines. Chunks already polled stay valid until released.
func (f *Fetcher) Close() {
	f.cancel()
	f.wg.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, c := range f.ready {
		c.Release()
	}
	f.ready = nil
}

// Add reads the partition from the offset on. A partition that is being read jumps there: nothing fetched for its
// old position is delivered any more.
func (f *Fetcher) Add(tp TopicPartition, offset int64) {
	f.mu.Lock()
	p := &fetchPart{tp: tp, pos: offset, given: offset, told: -1, leader: -1, max: f.cfg.MaxPartitionBytes, answered: time.Now()}
	if old := f.parts[tp]; old != nil {
		old.dead = true
		p.leader, p.paused, p.end, p.high, p.known = old.leader, old.paused, old.end, old.high, old.known
		f.dropDead()
	}
	f.parts[tp] = p
	i, found := slices.BinarySearchFunc(f.order, tp, func(p *fetchPart, tp TopicPartition) int {
		return cmp.Or(cmp.Compare(p.tp.Topic, tp.Topic), cmp.Compare(p.tp.Partition, tp.Partition))
	})
	if found {
		f.order[i] = p
	} else {
		f.order = slices.Insert(f.order, i, p)
	}
	f.mu.Unlock()
	signal(f.wake)
}

// Remove stops reading the partitions. Nothing of them is delivered after it returns.
func (f *Fetcher) Remove(tps ...TopicPartition) {
	f.mu.Lock()
	for _, tp := range tps {
		if p := f.parts[tp]; p != nil {
			p.dead = true
			delete(f.parts, tp)
		}
	}
	f.order = slices.DeleteFunc(f.order, func(p *fetchPart) bool { return p.dead })
	f.dropDead()
	f.mu.Unlock()
	signal(f.wake)
}

// dropDead releases ready chunks of partitions that are gone.
func (f *Fetcher) dropDead() {
	f.ready = slices.DeleteFunc(f.ready, func(c *Chunk) bool {
		if !c.part.dead {
			return false
		}
		if !c.part.paused {
			f.buffered -= c.bytes
		}
		c.Release()
		return true
	})
}

// Pause keeps the partitions' records back, and stops fetching them, until Resume. What was fetched already is
// kept and does not count towards MaxBufferedBytes.
func (f *Fetcher) Pause(tps ...TopicPartition) { f.setPaused(tps, true) }

// Resume ends Pause.
func (f *Fetcher) Resume(tps ...TopicPartition) { f.setPaused(tps, false) }

func (f *Fetcher) setPaused(tps []TopicPartition, paused bool) {
	f.mu.Lock()
	for _, tp := range tps {
		p := f.parts[tp]
		if p == nil || p.paused == paused {
			continue
		}
		p.paused = paused
		if paused {
			f.buffered -= p.buffered
		} else {
			f.buffered += p.buffered
		}
	}
	f.mu.Unlock()
	signal(f.wake)
	signal(f.filled)
}

// Position is the offset after everything Poll handed out; ok is false when the partition is not being read.
func (f *Fetcher) Position(tp TopicPartition) (offset int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[tp]
	if p == nil {
		return 0, false
	}
	return p.given, true
}

// End is the end of the partition as of its last answer: the last stable offset for read-committed, else the high
// watermark. known is false before the first answer.
func (f *Fetcher) End(tp TopicPartition) (end int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[tp]
	if p == nil || !p.known {
		return -1, false
	}
	return p.end, true
}

// HighWatermark is the offset after the last replicated record as of the partition's last answer; the records of
// open transactions lie between End and it.
func (f *Fetcher) HighWatermark(tp TopicPartition) (offset int64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.parts[tp]
	if p == nil || !p.known {
		return -1, false
	}
	return p.high, true
}

// Poll waits for chunks and hands out all that are ready; those of one partition are in order. A chunk without
// records tells that the position moved over records that are not delivered, that the end was reached for the
// first time, or an error. The slice is valid until the next Poll, each chunk until its Release.
// The error is that of ctx, or ErrClosed.
func (f *Fetcher) Poll(ctx context.Context) ([]*Chunk, error) {
	for {
		f.mu.Lock()
		out := f.take()
		closed := f.closed
		f.mu.Unlock()
		if len(out) > 0 {
			signal(f.wake)
			return out, nil
		}
		if closed {
			return nil, fmt.Errorf("fetcher: %w", ErrClosed)
		}
		select {
		case <-f.filled:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.ctx.Done():
			return nil, fmt.Errorf("fetcher: %w", ErrClosed)
		}
	}
}

// take removes the chunks that may be handed out from the ready list.
func (f *Fetcher) take() []*Chunk {
	clear(f.out)
	f.out = f.out[:0]
	keep := f.ready[:0]
	for _, c := range f.ready {
		p := c.part
		if p.paused {
			keep = append(keep, c)
			continue
		}
		p.buffered -= c.bytes
		f.buffered -= c.bytes
		p.given = c.next
		f.out = append(f.out, c)
	}
	clear(f.ready[len(keep):])
	f.ready = keep
	return f.out
}

// signal sets a flag channel.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
