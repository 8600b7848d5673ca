package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// GroupInfo is a group as a broker lists it.
type GroupInfo struct {
	ID       string
	Protocol string // "consumer" for consumer groups
	State    string // "Stable", "Empty", …; "" when the broker is too old to tell
	Type     string // "consumer" (KIP-848) or "classic"; "" when the broker is too old to tell
}

// Groups lists all groups of the cluster, in order of their ids.
func (c *Client) Groups(ctx context.Context) ([]GroupInfo, error) {
	var out []GroupInfo
	err := c.retry(ctx, func(ctx context.Context) error {
		c.meta.expire() // a new broker has groups too
		cl, err := c.cluster(ctx)
		if err != nil {
			return err
		}
		out = nil
		var mu sync.Mutex
		g, gctx := errgroup.WithContext(ctx)
		for id := range cl.Brokers {
			g.Go(func() error {
				groups, err := c.groupsOf(gctx, id)
				mu.Lock()
				defer mu.Unlock()
				out = append(out, groups...)
				return err
			})
		}
		return g.Wait()
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b GroupInfo) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(out, func(a, b GroupInfo) bool { return a.ID == b.ID }), nil
}

func (c *Client) groupsOf(ctx context.Context, broker int32) ([]GroupInfo, error) {
	var out []GroupInfo
	err := c.do(ctx, &request{
		api: apiListGroups, min: 1, max: 5, to: toBroker(broker),
		write: func(e *encoder, v int16) {
			if v >= 4 {
				e.arr(0) // any state
			}
			if v >= 5 {
				e.arr(0) // any type
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			code := d.i16()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				g := GroupInfo{ID: d.str(), Protocol: d.str()}
				if v >= 4 {
					g.State = d.str()
				}
				if v >= 5 {
					g.Type = d.str()
				}
				d.tags()
				out = append(out, g)
			}
			return codeErr(apiListGroups, code)
		},
	})
	return out, err
}

// GroupDescription is a group with its members.
type GroupDescription struct {
	GroupInfo
	Epoch    int32 // KIP-848; 0 for classic groups
	Assignor string
	Members  []GroupMember
}

// GroupMember is one member of a group.
type GroupMember struct {
	ID         string
	InstanceID string
	ClientID   string
	Host       string
	Epoch      int32
	Assigned   []TopicPartition
}

// DescribeGroup describes a group of either protocol; ErrUnknownGroup when there is none.
func (c *Client) DescribeGroup(ctx context.Context, group string) (GroupDescription, error) {
	var out GroupDescription
	err := c.retry(ctx, func(ctx context.Context) (err error) {
		out, err = c.describeConsumerGroup(ctx, group)
		if errors.Is(err, ErrUnsupported) || errors.Is(err, ErrUnknownGroup) {
			out, err = c.describeClassicGroup(ctx, group)
		}
		return err
	})
	if err != nil {
		return GroupDescription{}, fmt.Errorf("group %s: %w", group, err)
	}
	return out, nil
}

func (c *Client) describeConsumerGroup(ctx context.Context, group string) (GroupDescription, error) {
	out := GroupDescription{GroupInfo: GroupInfo{ID: group, Protocol: "consumer", Type: "consumer"}}
	err := c.do(ctx, &request{
		api: apiConsumerGroupDescribe, min: 0, max: 1, to: toGroup(group),
		write: func(e *encoder, _ int16) {
			e.arr(1)
			e.str(group)
			e.bool(false)
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			if d.arr() < 1 {
				return codeErr(apiConsumerGroupDescribe, codeGroupIDNotFound)
			}
			code, msg := d.i16(), d.str()
			d.raw() // id
			out.State = d.str()
			out.Epoch = d.i32()
			d.i32() // assignment epoch
			out.Assignor = d.str()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				out.Members = append(out.Members, readConsumerMember(d, v))
			}
			d.i32()
			d.tags()
			return codeErrMsg(apiConsumerGroupDescribe, code, msg)
		},
	})
	if err != nil {
		return out, err
	}
	return out, c.nameTopics(ctx, out.Members)
}

// nameTopics puts names where a broker has told only the ids of topics, which as text are 16 bytes long. A topic that
// is named like that exists under its own name, so it is left alone.
func (c *Client) nameTopics(ctx context.Context, members []GroupMember) error {
	const idLen = 16
	ids := false
	for _, m := range members {
		ids = ids || slices.ContainsFunc(m.Assigned, func(tp TopicPartition) bool { return len(tp.Topic) == idLen })
	}
	if !ids {
		return nil
	}
	metas, err := c.Topics(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for name, t := range metas {
		names[string(t.ID[:])] = name
	}
	for _, m := range members {
		for i, tp := range m.Assigned {
			if name, ok := names[tp.Topic]; ok {
				m.Assigned[i].Topic = name
			}
		}
	}
	return nil
}

func readConsumerMember(d *decoder, v int16) GroupMember {
	m := GroupMember{ID: d.str(), InstanceID: d.str()}
	d.raw() // rack
	m.Epoch = d.i32()
	m.ClientID, m.Host = d.str(), d.str()
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		d.raw() // subscribed
	}
	d.raw() // pattern
	assignment := func() (tps []TopicPartition) {
		for n := d.arr(); n > 0 && d.err == nil; n-- {
			id, topic := d.uuid(), d.str()
			if topic == "" {
				topic = string(id[:]) // resolved later
			}
			for k := d.arr(); k > 0 && d.err == nil; k-- {
				tps = append(tps, TopicPartition{topic, d.i32()})
			}
			d.tags()
		}
		d.tags()
		return tps
	}
	m.Assigned = assignment()
	assignment() // the target
	if v >= 1 {
		d.i8() // member type
	}
	d.tags()
	return m
}

func (c *Client) describeClassicGroup(ctx context.Context, group string) (GroupDescription, error) {
	out := GroupDescription{GroupInfo: GroupInfo{ID: group, Type: "classic"}}
	err := c.do(ctx, &request{
		api: apiDescribeGroups, min: 3, max: 5, to: toGroup(group),
		write: func(e *encoder, _ int16) {
			e.arr(1)
			e.str(group)
			e.bool(false)
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			if d.arr() < 1 {
				return codeErr(apiDescribeGroups, codeGroupIDNotFound)
			}
			code := d.i16()
			d.raw() // id
			out.State, out.Protocol, out.Assignor = d.str(), d.str(), d.str()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				m := GroupMember{ID: d.str()}
				if v >= 4 {
					m.InstanceID = d.str()
				}
				m.ClientID, m.Host = d.str(), d.str()
				d.bytes() // subscription
				m.Assigned = readClassicAssignment(d.bytes())
				d.tags()
				out.Members = append(out.Members, m)
			}
			d.i32()
			d.tags()
			if code == 0 && out.State == "Dead" { // how these versions say that there is none
				code = codeGroupIDNotFound
			}
			return codeErr(apiDescribeGroups, code)
		},
	})
	return out, err
}

// readClassicAssignment reads the consumer protocol's assignment; nil when it is another protocol's.
func readClassicAssignment(p []byte) (tps []TopicPartition) {
	d := decoder{b: p}
	d.i16() // version
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topic := d.str()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			tps = append(tps, TopicPartition{topic, d.i32()})
		}
	}
	if d.err != nil {
		return nil
	}
	return tps
}

// DeleteGroups deletes groups without members, with their offsets. A group that does not exist is not an error.
func (c *Client) DeleteGroups(ctx context.Context, groups ...string) error {
	var errs []error
	for _, group := range groups {
		err := c.doRetry(ctx, &request{
			api: apiDeleteGroups, min: 0, max: 2, to: toGroup(group),
			write: func(e *encoder, _ int16) {
				e.arr(1)
				e.str(group)
				e.tags()
			},
			read: func(d *decoder, _ int16) error {
				d.throttled()
				var code int16
				for n := d.arr(); n > 0 && d.err == nil; n-- {
					d.raw()
					code = d.i16()
					d.tags()
				}
				return codeErr(apiDeleteGroups, code)
			},
		})
		if err != nil && !errors.Is(err, ErrUnknownGroup) {
			errs = append(errs, fmt.Errorf("group %s: %w", group, err))
		}
	}
	return errors.Join(errs...)
}
