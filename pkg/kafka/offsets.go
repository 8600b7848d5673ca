package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// CommittedOffsets is the group's stable committed offsets: the next offset to read, -1 where there is none. While
// a transaction that moves them is pending it waits for its end, until ctx ends. Without partitions it tells all
// that the group has committed.
func (c *Client) CommittedOffsets(ctx context.Context, group string, tps []TopicPartition) (map[TopicPartition]int64, error) {
	pause := 5 * time.Millisecond
	var pending error
	for {
		out, err := c.committedOffsets(ctx, group, tps)
		switch {
		case Code(err) == codeUnstableOffset:
			pending = err
		case err != nil && ctx.Err() != nil && pending != nil:
			return nil, pending // says more than that the time is up
		default:
			return out, err
		}
		if c.pause(ctx, pause) != nil {
			return nil, err
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func (c *Client) committedOffsets(ctx context.Context, group string, tps []TopicPartition) (map[TopicPartition]int64, error) {
	sorted := slices.Clone(tps)
	sortPartitions(sorted)
	sorted = slices.Compact(sorted)
	var out map[TopicPartition]int64
	err := c.retry(ctx, func(ctx context.Context) error {
		out = make(map[TopicPartition]int64, len(tps))
		for _, tp := range tps {
			out[tp] = -1
		}
		unstable := error(nil)
		err := c.do(ctx, &request{
			api: apiOffsetFetch, min: 7, max: 7, to: toGroup(group), // 7 is the first that can ask for stable offsets
			write: func(e *encoder, _ int16) {
				e.str(group)
				if len(sorted) == 0 {
					e.arr(-1)
				} else {
					eachTopicPlain(e, sorted)
				}
				e.bool(true) // stable
				e.tags()
			},
			read: func(d *decoder, _ int16) error {
				d.throttled()
				var first error
				for n := d.arr(); n > 0 && d.err == nil; n-- {
					topic := d.str()
					for k := d.arr(); k > 0 && d.err == nil; k-- {
						p, offset := d.i32(), d.i64()
						d.i32() // leader epoch
						d.raw() // metadata
						code := d.i16()
						d.tags()
						switch {
						case code == codeUnstableOffset:
							unstable = codeErrAt(apiOffsetFetch, code, topic, p)
						case code != 0 && first == nil:
							first = codeErrAt(apiOffsetFetch, code, topic, p)
						default:
							out[TopicPartition{topic, p}] = offset
						}
					}
					d.tags()
				}
				switch code := d.i16(); code {
				case 0, codeGroupIDNotFound: // a group that does not exist has committed nothing
				case codeUnstableOffset:
					unstable = codeErr(apiOffsetFetch, code)
				default:
					first = codeErr(apiOffsetFetch, code)
				}
				d.tags()
				return first
			},
		})
		if err == nil && unstable != nil {
			return &unstableError{unstable}
		}
		return err
	})
	if u, ok := errors.AsType[*unstableError](err); ok {
		return nil, u.err
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// unstableError hides the code from retry, whose pauses grow too long for it.
type unstableError struct{ err error }

func (u *unstableError) Error() string { return u.err.Error() }

// eachTopicPlain writes partition numbers grouped by topic, without structure of their own.
func eachTopicPlain(e *encoder, tps []TopicPartition) {
	eachTopic(e, tps, func(tp TopicPartition) { e.i32(tp.Partition) })
}

// CommitOffsets sets the group's offsets from outside. The group must have no members: ErrGroupBusy or
// ErrStaleMember otherwise.
func (c *Client) CommitOffsets(ctx context.Context, group string, offsets map[TopicPartition]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	tps := slices.Collect(maps.Keys(offsets))
	sortPartitions(tps)
	return c.doRetry(ctx, &request{
		api: apiOffsetCommit, min: 5, max: 9, to: toGroup(group),
		write: func(e *encoder, v int16) {
			e.str(group)
			e.i32(-1) // no generation
			e.str("") // no member
			if v >= 7 {
				e.null() // no instance
			}
			eachTopic(e, tps, func(tp TopicPartition) {
				e.i32(tp.Partition)
				e.i64(offsets[tp])
				if v >= 6 {
					e.i32(-1) // leader epoch: unknown
				}
				e.null() // no metadata
				e.tags()
			})
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			var first error
			readTopics(d, func(topic string) {
				p, code := d.i32(), d.i16()
				d.tags()
				if code != 0 && first == nil {
					first = codeErrAt(apiOffsetCommit, code, topic, p)
				}
			})
			return first
		},
	})
}
