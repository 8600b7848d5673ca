package stream

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
)

// Tables are the copies of [Lookup] topics in a process. Runners that are given
// the same one share them: a topic is read and held once, however many products
// look into it. They also take turns in reading long changelogs. The zero value
// is ready; it must not be copied.
type Tables struct {
	mu    sync.Mutex
	m     map[tableKey]*follower
	turns chan struct{} // full while nobody else may begin
}

const (
	// turns is how many tasks of a process read long changelogs at a time. A
	// process that starts without local state has hundreds, and each holds what it
	// has fetched and not applied yet.
	turns = 8
	// longRead is from how many offsets on a changelog is long. A short one is the
	// tail after a crash, and may have to wait for a transaction to end: that must
	// not keep anybody else waiting.
	longRead = 10_000
)

// turn waits until a task may read so many offsets. leave lets the next one.
func (s *Tables) turn(ctx context.Context, offsets int64) (leave func(), err error) {
	if offsets < longRead {
		return func() {}, nil
	}
	s.mu.Lock()
	if s.turns == nil {
		s.turns = make(chan struct{}, turns)
	}
	s.mu.Unlock()
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type tableKey struct {
	kafka *kafka.Client
	viewKey
}

// viewKey tells the copies of a process apart: there is one of each topic as a
// whole, and one of each table with a Keep.
type viewKey struct {
	topic string
	kept  Dep // nil for all of the topic
}

func (d *tableDef) viewKey() viewKey {
	if d.reducer == nil {
		return viewKey{topic: d.info.Name}
	}
	return viewKey{d.info.Name, d.dep}
}

// acquire gives the copy of a topic, which it starts to read for the first one
// who asks. Each acquire is followed by a release.
func (s *Tables) acquire(ctx context.Context, r *Runner, def *tableDef) *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, key := def.info, tableKey{r.cfg.Kafka, def.viewKey()}
	f := s.m[key]
	if f == nil {
		if s.m == nil {
			s.m = map[tableKey]*follower{}
		}
		f = &follower{
			key: key, parts: r.parts[info.Name], log: r.cfg.Log, pages: r.cfg.State.Pages,
			limits:  newFetchLimits(r.cfg.MaxFetchBytes),
			reducer: def.reducer, source: r.cfg.Registry,
			ready: make(chan struct{}), done: make(chan struct{}),
		}
		s.m[key] = f
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the others may stay
		f.stop = cancel
		go func() {
			defer close(f.done)
			f.err = f.run(ctx)
		}()
	}
	f.users++
	return f
}

// release ends the reading with the last user, and waits for its end.
func (s *Tables) release(f *follower) {
	s.mu.Lock()
	f.users--
	last := f.users == 0
	if last {
		delete(s.m, f.key)
	}
	s.mu.Unlock()
	if last {
		f.stop()
		<-f.done
		f.close()
	}
}

// follower keeps a full copy of a topic. Its goroutine writes it; reactions of
// all products read it under the lock.
type follower struct {
	key     tableKey
	parts   int
	log     *zap.Logger
	pages   *state.Pages
	limits  fetchLimits
	reducer func(source avro.SchemaSource) (reducer, error) // nil: rows are kept whole
	source  avro.SchemaSource
	users   int // under Tables.mu
	stop    context.CancelFunc

	ready chan struct{} // closed when the copy is as complete as the topic was at the start
	done  chan struct{} // closed when nobody writes any more
	err   error         // why, after done

	mu    sync.RWMutex
	store state.Store
}

// Get appends the row of key.
func (f *follower) Get(dst, key []byte) ([]byte, bool) {
	f.mu.RLock() // a store in memory may be read by several at once
	defer f.mu.RUnlock()
	v, ok := f.store.Get(key)
	return append(dst, v...), ok
}

func (f *follower) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil {
		_ = f.store.Close() // in memory only: nothing can be lost
	}
}

// run follows the topic until ctx ends.
func (f *follower) run(ctx context.Context) error {
	var err error
	if f.store, err = state.OpenMemory("", state.Options{Pages: f.pages}); err != nil {
		return fmt.Errorf("copy of %s: %w", f.key.topic, err)
	}
	var tps []kafka.TopicPartition
	for p := range f.parts {
		tps = append(tps, kafka.TopicPartition{Topic: f.key.topic, Partition: int32(p)})
	}
	ends, err := f.key.kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadCommitted)
	if err == nil {
		var starts map[kafka.TopicPartition]int64
		if starts, err = f.key.kafka.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadCommitted); err == nil {
			return f.follow(ctx, starts, ends)
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was asked to stop
	}
	return fmt.Errorf("copy of %s: %w", f.key.topic, err)
}

func (f *follower) follow(ctx context.Context, starts, left map[kafka.TopicPartition]int64) error {
	fetch := f.key.kafka.NewFetcher(f.limits.copying(idleFetch))
	defer fetch.Close()
	for tp, at := range starts {
		fetch.Add(tp, at)
		if left[tp] <= at {
			delete(left, tp)
		}
	}
	told := false
	tell := func() {
		if len(left) == 0 && !told {
			told = true
			f.log.Info("lookup table complete", zap.String("topic", f.key.topic), zap.Int("rows", f.store.Len()))
			close(f.ready)
		}
	}
	tell()
	var rec kafka.Record
	var b state.Batch
	var buf []byte
	var reduce reducer
	if f.reducer != nil {
		var err error
		if reduce, err = f.reducer(f.source); err != nil {
			return fmt.Errorf("copy of %s: %w", f.key.topic, err)
		}
	}
	for {
		chunks, err := fetch.Poll(ctx)
		if err != nil {
			return nil
		}
		for _, c := range chunks {
			b.Reset()
			for c.Next(&rec) {
				switch {
				case rec.Value == nil:
					b.Delete(rec.Key)
				case reduce == nil:
					b.Put(rec.Key, rec.Value)
				default:
					if buf, err = reduce(ctx, buf[:0], &rec); err != nil {
						return nil // it was asked to stop
					}
					b.Put(rec.Key, buf)
				}
			}
			err := c.Err()
			if err == nil && b.Len() > 0 {
				f.mu.Lock()
				err = f.store.Apply(&b, nil)
				f.mu.Unlock()
			}
			if end, ok := left[c.TopicPartition]; ok && c.NextOffset() >= end {
				delete(left, c.TopicPartition)
			}
			c.Release()
			if err != nil {
				return fmt.Errorf("copy of %s: %w", f.key.topic, err)
			}
		}
		tell()
	}
}
