package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshwork.dev/pkg/kafka"
)

// span is a range of offsets of one partition: from the first up to, not
// including, the end; end -1 means without end. What comes before the first
// record of the time since is left out: some brokers find a time only to the
// batch.
type span struct {
	from, end int64
	since     time.Time
}

// errEnough is returned by the function of scan to stop without error.
var errEnough = errors.New("enough")

// scan reads spans and calls fn for each committed record, in order within a
// partition. It returns nil when every span has been read, when fn returned
// errEnough, or when ctx ended.
func scan(ctx context.Context, cl *kafka.Client, spans map[kafka.TopicPartition]span, fn func(tp kafka.TopicPartition, r *kafka.Record) error) error {
	f := cl.NewFetcher(kafka.FetchConfig{})
	defer f.Close()
	open := 0
	for tp, s := range spans {
		if s.end >= 0 && s.from >= s.end {
			continue
		}
		open++
		f.Add(tp, s.from)
	}
	for open > 0 {
		chunks, err := f.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil // the caller ended the reading: not a failure
			}
			return fmt.Errorf("reading: %w", err)
		}
		for i, c := range chunks {
			s := spans[c.TopicPartition]
			done, err := scanChunk(c, &s, fn)
			spans[c.TopicPartition] = s
			if done {
				open--
				f.Remove(c.TopicPartition)
			}
			c.Release()
			if err != nil {
				for _, rest := range chunks[i+1:] {
					rest.Release()
				}
				if errors.Is(err, errEnough) {
					return nil
				}
				return err
			}
		}
	}
	return nil
}

// scanChunk hands one chunk's records to fn and says whether the span is read.
func scanChunk(c *kafka.Chunk, s *span, fn func(kafka.TopicPartition, *kafka.Record) error) (done bool, err error) {
	var r kafka.Record
	for c.Next(&r) {
		if s.end >= 0 && r.Offset >= s.end {
			return true, nil
		}
		if !s.since.IsZero() {
			if r.Timestamp < s.since.UnixMilli() {
				continue
			}
			s.since = time.Time{}
		}
		if err := fn(c.TopicPartition, &r); err != nil {
			return false, err
		}
	}
	if err := c.Err(); err != nil {
		return false, fmt.Errorf("reading %s: %w", c.TopicPartition, err)
	}
	return s.end >= 0 && c.NextOffset() >= s.end, nil
}

// parsePoint reads earliest, latest, a time (RFC 3339) or a duration back from
// now.
func parsePoint(s string, now time.Time) (kafka.OffsetSpec, error) {
	if d, err := time.ParseDuration(s); err == nil {
		if d < 0 {
			d = -d
		}
		return kafka.AtTime(now.Add(-d)), nil
	}
	spec, err := kafka.ParseOffsetSpec(s)
	if err != nil {
		return spec, usagef("%q: want earliest, latest, a time such as 2011-12-09T12:50:00Z, or a duration back from now such as 90m", s)
	}
	return spec, nil
}

// spans finds the ranges of a topic from one point to another. to nil means
// without end.
func spans(ctx context.Context, cl *kafka.Client, topic string, from kafka.OffsetSpec, to *kafka.OffsetSpec) (map[kafka.TopicPartition]span, error) {
	metas, err := cl.Topics(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", topic, err)
	}
	m, ok := metas[topic]
	if !ok {
		return nil, missingTopic(topic)
	}
	tps := make([]kafka.TopicPartition, m.Partitions)
	for p := range tps {
		tps[p] = kafka.TopicPartition{Topic: topic, Partition: int32(p)}
	}
	first, err := cl.ListOffsets(ctx, tps, from, kafka.ReadCommitted)
	if err != nil {
		return nil, fmt.Errorf("reading offsets of %s: %w", topic, err)
	}
	var end map[kafka.TopicPartition]int64
	if to != nil {
		if end, err = cl.ListOffsets(ctx, tps, *to, kafka.ReadCommitted); err != nil {
			return nil, fmt.Errorf("reading offsets of %s: %w", topic, err)
		}
	}
	out := map[kafka.TopicPartition]span{}
	for _, tp := range tps {
		s := span{from: first[tp], end: -1}
		if at, ok := from.Time(); ok {
			s.since = at
		}
		if to != nil {
			s.end = end[tp]
		}
		out[tp] = s
	}
	return out, nil
}
