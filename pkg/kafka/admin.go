package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int               // 0 or -1: the broker's default
	Replication int               // 0 or -1: the broker's default
	Config      map[string]string // such as "cleanup.policy": "compact"
}

func orDefault(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// CreateTopics creates the topics that do not exist yet and returns when the metadata shows a leader for each
// of their partitions. A topic that exists is not an error and is left as it is.
func (c *Client) CreateTopics(ctx context.Context, specs ...TopicSpec) error {
	if len(specs) == 0 {
		return nil
	}
	left := slices.Clone(specs)
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	err := c.retry(ctx, func(ctx context.Context) error {
		answers, err := c.createTopics(ctx, left)
		if err != nil {
			return err
		}
		var errs []error
		left = slices.DeleteFunc(left, func(s TopicSpec) bool {
			err, answered := answers[s.Name]
			if err == nil || errors.Is(err, ErrTopicExists) {
				return answered
			}
			errs = append(errs, err)
			return false
		})
		return joinErrors(errs)
	})
	if err != nil {
		return err
	}
	return c.awaitTopics(ctx, names, func(metas map[string]TopicMeta) error {
		for _, n := range names {
			if t, ok := metas[n]; !ok || !t.ready() {
				return codeErrAt(apiMetadata, codeLeaderNotAvailable, n, -1)
			}
		}
		return nil
	})
}

// joinErrors joins errors so that a final one decides whether all are retriable.
func joinErrors(errs []error) error {
	for _, err := range errs {
		if !IsRetriable(err) {
			if len(errs) == 1 {
				return err
			}
			slices.SortStableFunc(errs, func(a, b error) int {
				switch {
				case IsRetriable(a) == IsRetriable(b):
					return 0
				case IsRetriable(a):
					return 1
				default:
					return -1
				}
			})
			break
		}
	}
	return errors.Join(errs...)
}

// awaitTopics asks for the topics until ok is content. A busy broker takes a minute for a thousand new partitions, so
// without a deadline of ctx it waits longer than for an answer.
func (c *Client) awaitTopics(ctx context.Context, names []string, ok func(map[string]TopicMeta) error) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 4*c.cfg.RequestTimeout)
		defer cancel()
	}
	return c.retry(ctx, func(ctx context.Context) error {
		metas, err := c.Topics(ctx, names...)
		if err != nil {
			return err
		}
		return ok(metas)
	})
}

// patience is how long the controller may take to carry out a request.
func (c *Client) patience() int32 { return int32((c.cfg.RequestTimeout / 2).Milliseconds()) }

func (c *Client) createTopics(ctx context.Context, specs []TopicSpec) (map[string]error, error) {
	answers := map[string]error{}
	err := c.do(ctx, &request{
		api: apiCreateTopics, min: 4, max: 7, to: toController(),
		write: func(e *encoder, _ int16) {
			e.arr(len(specs))
			for _, s := range specs {
				e.str(s.Name)
				e.i32(int32(orDefault(s.Partitions)))
				e.i16(int16(orDefault(s.Replication)))
				e.arr(0) // no assignment by hand
				e.arr(len(s.Config))
				for _, k := range slices.Sorted(maps.Keys(s.Config)) {
					e.str(k)
					e.str(s.Config[k])
					e.tags()
				}
				e.tags()
			}
			e.i32(c.patience())
			e.bool(false)
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				name := d.str()
				if v >= 7 {
					d.uuid()
				}
				code, msg := d.i16(), d.str()
				if v >= 5 {
					skipTopicConfigs(d)
				}
				d.tags()
				answers[name] = nil
				if code != 0 {
					answers[name] = &Error{API: apiCreateTopics.name, Code: code, Topic: name, Partition: -1, Msg: msg}
				}
			}
			return firstOf(answers, codeNotController)
		},
	})
	return answers, err
}

func skipTopicConfigs(d *decoder) {
	d.i32()
	d.i16()
	for k := d.arr(); k > 0 && d.err == nil; k-- {
		d.raw()
		d.raw()
		d.bool()
		d.i8()
		d.bool()
		d.tags()
	}
}

// firstOf is an error with the code, if one is among the answers: it concerns the request as a whole.
func firstOf(answers map[string]error, code int16) error {
	for _, err := range answers {
		if Code(err) == code {
			return err
		}
	}
	return nil
}

// DeleteTopics deletes the topics and returns when the metadata no longer shows them. A topic that does not exist
// is not an error.
func (c *Client) DeleteTopics(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	left := slices.Clone(names)
	err := c.retry(ctx, func(ctx context.Context) error {
		answers := map[string]error{}
		err := c.do(ctx, &request{
			api: apiDeleteTopics, min: 1, max: 5, to: toController(),
			write: func(e *encoder, _ int16) {
				e.arr(len(left))
				for _, n := range left {
					e.str(n)
				}
				e.i32(c.patience())
				e.tags()
			},
			read: func(d *decoder, v int16) error {
				d.throttled()
				for n := d.arr(); n > 0 && d.err == nil; n-- {
					name, code := d.str(), d.i16()
					if v >= 5 {
						d.raw() // message
					}
					d.tags()
					answers[name] = codeErrAt(apiDeleteTopics, code, name, -1)
				}
				return firstOf(answers, codeNotController)
			},
		})
		if err != nil {
			return err
		}
		var errs []error
		left = slices.DeleteFunc(left, func(name string) bool {
			err, answered := answers[name]
			if err == nil || Code(err) == codeUnknownTopic {
				return answered
			}
			errs = append(errs, err)
			return false
		})
		return joinErrors(errs)
	})
	if err != nil {
		return err
	}
	c.moved(names...)
	return c.awaitTopics(ctx, names, func(metas map[string]TopicMeta) error {
		for _, n := range names {
			if _, ok := metas[n]; ok {
				return &Error{API: apiDeleteTopics.name, Code: codeRequestTimedOut, Topic: n, Partition: -1, Msg: "not gone yet"}
			}
		}
		return nil
	})
}

// ConfigEntry is the effective value of one setting of a topic.
type ConfigEntry struct {
	Value     string // "" when sensitive
	Own       bool   // set on the topic itself, not inherited from the broker or its defaults
	Sensitive bool
	ReadOnly  bool
}

const resourceTopic = 2

// TopicConfigs is every setting of the topics in effect, by topic and setting, as some broker knows it.
func (c *Client) TopicConfigs(ctx context.Context, topics ...string) (map[string]map[string]ConfigEntry, error) {
	return c.topicConfigs(ctx, toAny(), topics)
}

func (c *Client) topicConfigs(ctx context.Context, to route, topics []string) (map[string]map[string]ConfigEntry, error) {
	out := map[string]map[string]ConfigEntry{}
	if len(topics) == 0 {
		return out, nil
	}
	err := c.doRetry(ctx, &request{
		api: apiDescribeConfigs, min: 1, max: 4, to: to,
		write: func(e *encoder, v int16) {
			e.arr(len(topics))
			for _, t := range topics {
				e.i8(resourceTopic)
				e.str(t)
				e.arr(-1) // all settings
				e.tags()
			}
			e.bool(false) // no synonyms
			if v >= 3 {
				e.bool(false) // no documentation
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			var first error
			d.throttled()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				code, msg := d.i16(), d.str()
				d.i8()
				name := d.str()
				out[name] = readConfigs(d, v)
				d.tags()
				if code != 0 && first == nil {
					first = &Error{API: apiDescribeConfigs.name, Code: code, Topic: name, Partition: -1, Msg: msg}
				}
			}
			return first
		},
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func readConfigs(d *decoder, v int16) map[string]ConfigEntry {
	const sourceTopic = 1
	cfg := map[string]ConfigEntry{}
	for k := d.arr(); k > 0 && d.err == nil; k-- {
		key := d.str()
		e := ConfigEntry{Value: d.str(), ReadOnly: d.bool()}
		e.Own = d.i8() == sourceTopic
		e.Sensitive = d.bool()
		for s := d.arr(); s > 0 && d.err == nil; s-- {
			d.raw()
			d.raw()
			d.i8()
			d.tags()
		}
		if v >= 3 {
			d.i8()  // type
			d.raw() // documentation
		}
		d.tags()
		cfg[key] = e
	}
	return cfg
}

// AlterTopicConfigs sets settings of a topic and returns others to what they inherit.
func (c *Client) AlterTopicConfigs(ctx context.Context, topic string, set map[string]string, unset ...string) error {
	const opSet, opDelete = 0, 1
	return c.doRetry(ctx, &request{
		api: apiIncrementalAlterConfigs, min: 0, max: 1, to: toController(),
		write: func(e *encoder, _ int16) {
			e.arr(1)
			e.i8(resourceTopic)
			e.str(topic)
			e.arr(len(set) + len(unset))
			for _, k := range slices.Sorted(maps.Keys(set)) {
				e.str(k)
				e.i8(opSet)
				e.str(set[k])
				e.tags()
			}
			for _, k := range unset {
				e.str(k)
				e.i8(opDelete)
				e.null()
				e.tags()
			}
			e.tags()
			e.bool(false)
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			var first error
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				code, msg := d.i16(), d.str()
				d.i8()
				d.raw()
				d.tags()
				if code != 0 && first == nil {
					first = &Error{API: apiIncrementalAlterConfigs.name, Code: code, Topic: topic, Partition: -1, Msg: msg}
				}
			}
			return first
		},
	})
}

// AwaitTopicConfig returns when every broker that is there knows the setting of the topics: brokers follow the
// controller at their own pace, a busy one many seconds behind. One that leaves the cluster meanwhile is not waited for,
// because it learns the settings before it takes up work again.
func (c *Client) AwaitTopicConfig(ctx context.Context, key, value string, topics ...string) error {
	if len(topics) == 0 {
		return nil
	}
	cluster, err := c.DescribeCluster(ctx)
	if err != nil {
		return err
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 4*c.cfg.RequestTimeout)
		defer cancel()
	}
	g, gctx := errgroup.WithContext(ctx)
	for id := range cluster.Brokers {
		g.Go(func() error {
			return c.retry(gctx, func(ctx context.Context) error { return c.knowsTopicConfig(ctx, id, key, value, topics) })
		})
	}
	return g.Wait()
}

// knowsTopicConfig is nil when the broker knows the setting of the topics, or is no longer in the cluster.
func (c *Client) knowsTopicConfig(ctx context.Context, broker int32, key, value string, topics []string) error {
	notYet := &Error{API: apiDescribeConfigs.name, Code: codeRequestTimedOut, Partition: -1, Msg: fmt.Sprintf("broker %d does not know of %s = %s yet", broker, key, value)}
	found, err := c.topicConfigs(ctx, toBroker(broker), topics)
	switch {
	case errors.Is(err, ErrUnknownTopic):
		return notYet
	case err != nil:
		if cluster, cerr := c.DescribeCluster(ctx); cerr == nil && cluster.Brokers[broker] == "" {
			return nil
		}
		return err
	}
	for _, t := range topics {
		if found[t][key].Value != value {
			notYet.Topic = t
			return notYet
		}
	}
	return nil
}

// DeleteRecords deletes all records before the given offsets; -1 means up to the high watermark. The answer is the
// first offset left in each partition.
func (c *Client) DeleteRecords(ctx context.Context, before map[TopicPartition]int64) (map[TopicPartition]int64, error) {
	return c.perLeader(ctx, apiDeleteRecords, slices.Collect(maps.Keys(before)),
		func(ctx context.Context, broker int32, tps []TopicPartition, answer func(TopicPartition, int64, int16)) error {
			return c.do(ctx, &request{
				api: apiDeleteRecords, min: 0, max: 2, to: toBroker(broker),
				write: func(e *encoder, _ int16) {
					eachTopic(e, tps, func(tp TopicPartition) {
						e.i32(tp.Partition)
						e.i64(before[tp])
						e.tags()
					})
					e.i32(c.patience())
					e.tags()
				},
				read: func(d *decoder, _ int16) error {
					d.throttled()
					readTopics(d, func(topic string) {
						p, low, code := d.i32(), d.i64(), d.i16()
						d.tags()
						answer(TopicPartition{topic, p}, low, code)
					})
					return nil
				},
			})
		})
}

// OffsetSpec says which offset of a partition is asked for.
type OffsetSpec struct{ ts int64 }

// The offsets one can ask for.
var (
	Earliest = OffsetSpec{-2} // the first record that retention has left
	Latest   = OffsetSpec{-1} // the end: the last stable offset for read-committed, else the high watermark
)

// AtTime asks for the first record whose timestamp is t or later, and for the end when there is none.
func AtTime(t time.Time) OffsetSpec { return OffsetSpec{t.UnixMilli()} }

// Time is what AtTime was given, to the millisecond; ok is false for other offsets.
func (s OffsetSpec) Time() (t time.Time, ok bool) { return time.UnixMilli(s.ts).UTC(), s.ts >= 0 }

// ParseOffsetSpec reads "earliest", "latest" or a time in RFC 3339 or milliseconds since 1970.
func ParseOffsetSpec(text string) (OffsetSpec, error) {
	switch strings.ToLower(text) {
	case "earliest":
		return Earliest, nil
	case "latest":
		return Latest, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil && ms >= 0 {
		return OffsetSpec{ms}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.UnixMilli() < 0 {
		return OffsetSpec{}, fmt.Errorf("offset %q: use earliest, latest, a time such as 2011-12-09T12:50:00Z or milliseconds since 1970", text)
	}
	return AtTime(t), nil
}

// ListOffsets looks up an offset of each partition.
func (c *Client) ListOffsets(ctx context.Context, tps []TopicPartition, at OffsetSpec, iso Isolation) (map[TopicPartition]int64, error) {
	out, err := c.listOffsets(ctx, tps, at, iso)
	if err != nil || at.ts < 0 {
		return out, err
	}
	var none []TopicPartition
	for tp, o := range out {
		if o < 0 {
			none = append(none, tp)
		}
	}
	ends, err := c.listOffsets(ctx, none, Latest, iso)
	if err != nil {
		return nil, err
	}
	maps.Copy(out, ends)
	return out, nil
}

func (c *Client) listOffsets(ctx context.Context, tps []TopicPartition, at OffsetSpec, iso Isolation) (map[TopicPartition]int64, error) {
	return c.perLeader(ctx, apiListOffsets, tps,
		func(ctx context.Context, broker int32, tps []TopicPartition, answer func(TopicPartition, int64, int16)) error {
			return c.do(ctx, &request{
				api: apiListOffsets, min: 2, max: 7, to: toBroker(broker),
				write: func(e *encoder, v int16) {
					e.i32(-1) // not a replica
					e.i8(iso.wire())
					eachTopic(e, tps, func(tp TopicPartition) {
						e.i32(tp.Partition)
						if v >= 4 {
							e.i32(-1) // leader epoch: not checked
						}
						e.i64(at.ts)
						e.tags()
					})
					e.tags()
				},
				read: func(d *decoder, v int16) error {
					d.throttled()
					readTopics(d, func(topic string) {
						p, code := d.i32(), d.i16()
						d.i64() // timestamp
						offset := d.i64()
						if v >= 4 {
							d.i32()
						}
						d.tags()
						answer(TopicPartition{topic, p}, offset, code)
					})
					return nil
				},
			})
		})
}
