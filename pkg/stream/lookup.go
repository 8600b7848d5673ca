package stream

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/schemas"
)

// follower keeps a full copy of a topic. Its goroutine writes it; reactions
// read it under the lock.
type follower struct {
	r     *Runner
	info  *schemas.Info
	ready chan struct{}

	mu    sync.Mutex
	store state.Store
}

func newFollower(r *Runner, info *schemas.Info) *follower {
	return &follower{r: r, info: info, ready: make(chan struct{})}
}

// Get appends the row of key.
func (f *follower) Get(dst, key []byte) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
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

// run follows the topic until ctx ends; ready is closed when the copy is as
// complete as the topic was at the start.
func (f *follower) run(ctx context.Context) error {
	var err error
	if f.store, err = state.OpenMemory("", state.Options{}); err != nil {
		return fmt.Errorf("copy of %s: %w", f.info.Name, err)
	}
	var tps []kafka.TopicPartition
	for p := range f.r.parts[f.info.Name] {
		tps = append(tps, kafka.TopicPartition{Topic: f.info.Name, Partition: int32(p)})
	}
	ends, err := f.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadCommitted)
	if err == nil {
		var starts map[kafka.TopicPartition]int64
		if starts, err = f.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadCommitted); err == nil {
			return f.follow(ctx, starts, ends)
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was asked to stop
	}
	return fmt.Errorf("copy of %s: %w", f.info.Name, err)
}

func (f *follower) follow(ctx context.Context, starts, left map[kafka.TopicPartition]int64) error {
	fetch := f.r.cfg.Kafka.NewFetcher(kafka.FetchConfig{MaxBufferedBytes: 8 << 20})
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
			f.r.cfg.Log.Info("lookup table complete", zap.String("topic", f.info.Name), zap.Int("rows", f.store.Len()))
			close(f.ready)
		}
	}
	tell()
	var rec kafka.Record
	var b state.Batch
	for {
		chunks, err := fetch.Poll(ctx)
		if err != nil {
			return nil
		}
		for _, c := range chunks {
			b.Reset()
			for c.Next(&rec) {
				if rec.Value == nil {
					b.Delete(rec.Key)
				} else {
					b.Put(rec.Key, rec.Value)
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
				return fmt.Errorf("copy of %s: %w", f.info.Name, err)
			}
		}
		tell()
	}
}
