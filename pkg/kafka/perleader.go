package kafka

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// eachTopic writes partitions grouped by topic. tps must be sorted.
func eachTopic(e *encoder, tps []TopicPartition, write func(tp TopicPartition)) {
	topics := 0
	for i := range tps {
		if i == 0 || tps[i].Topic != tps[i-1].Topic {
			topics++
		}
	}
	e.arr(topics)
	for i := 0; i < len(tps); {
		n := i
		for n < len(tps) && tps[n].Topic == tps[i].Topic {
			n++
		}
		e.str(tps[i].Topic)
		e.arr(n - i)
		for ; i < n; i++ {
			write(tps[i])
		}
		e.tags()
	}
}

// readTopics reads answers grouped by topic; read takes one partition's.
func readTopics(d *decoder, read func(topic string)) {
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topic := d.str()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			read(topic)
		}
		d.tags()
	}
	d.tags()
}

func sortPartitions(tps []TopicPartition) {
	slices.SortFunc(tps, func(a, b TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

// perLeader asks the leader of every partition for a number, and repeats for those whose leader moved. ask sends
// one request to a broker for its partitions (sorted) and reports each one's answer.
func (c *Client) perLeader(ctx context.Context, a api, tps []TopicPartition,
	ask func(ctx context.Context, broker int32, tps []TopicPartition, answer func(TopicPartition, int64, int16)) error,
) (map[TopicPartition]int64, error) {
	out := make(map[TopicPartition]int64, len(tps))
	left := slices.Clone(tps)
	sortPartitions(left)
	left = slices.Compact(left)
	err := c.retry(ctx, func(ctx context.Context) error {
		byBroker, err := c.groupByLeader(ctx, left)
		if err != nil {
			return err
		}
		var (
			mu   sync.Mutex
			errs []error
		)
		g, gctx := errgroup.WithContext(ctx)
		for broker, tps := range byBroker {
			g.Go(func() error {
				return ask(gctx, broker, tps, func(tp TopicPartition, v int64, code int16) {
					mu.Lock()
					defer mu.Unlock()
					if code != 0 {
						c.moved(tp.Topic)
						errs = append(errs, codeErrAt(a, code, tp.Topic, tp.Partition))
						return
					}
					out[tp] = v
				})
			})
		}
		if err := g.Wait(); err != nil {
			if errors.Is(err, ErrUnreachable) {
				for _, tp := range left {
					c.moved(tp.Topic)
				}
			}
			return err
		}
		left = slices.DeleteFunc(left, func(tp TopicPartition) bool { _, done := out[tp]; return done })
		if len(errs) == 0 && len(left) > 0 {
			return codeErrAt(a, codeUnknownTopic, left[0].Topic, left[0].Partition)
		}
		return joinErrors(errs)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// groupByLeader is which broker leads which of the partitions.
func (c *Client) groupByLeader(ctx context.Context, tps []TopicPartition) (map[int32][]TopicPartition, error) {
	topics := map[string]bool{}
	for _, tp := range tps {
		topics[tp.Topic] = true
	}
	if _, err := c.topicsFor(ctx, topics); err != nil { // all in one request
		return nil, err
	}
	out := map[int32][]TopicPartition{}
	for _, tp := range tps {
		id, err := c.leader(ctx, tp)
		if err != nil {
			return nil, err
		}
		out[id] = append(out[id], tp)
	}
	return out, nil
}
