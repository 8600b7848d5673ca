package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// The classic group protocol: every change of the membership stops all members, one of them computes the assignment
// for all, and they go on under the next generation.

const (
	protocolType = "consumer" // tools read subscription and assignment only of groups of this type
	protocolName = "range"
)

// classicMember is the state of a classic membership.
type classicMember struct {
	*Group
	generation int32
	leader     bool
	counts     map[string]int // partitions by topic when this leader made the assignment
	checked    time.Time
}

func (g *Group) serveClassic() error {
	m := &classicMember{Group: g, generation: -1}
	err := m.loop()
	if g.ctx.Err() != nil && g.memberID != "" && g.cfg.InstanceID == "" {
		m.leave()
	}
	return err
}

func (m *classicMember) interval() time.Duration {
	return max(min(m.cfg.SessionTimeout/5, 3*time.Second), 50*time.Millisecond)
}

func (m *classicMember) loop() error {
	for {
		switch err := m.insist(m.join); {
		case errors.Is(err, errRejoin):
			m.c.cfg.Log.Info("joining the group again", zap.String("group", m.cfg.ID), zap.Error(err))
			if err := m.sleep(100 * time.Millisecond); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		gained := m.ownedList()
		m.metrics.Rebalanced(telemetry.RebalanceAssigned, len(gained))
		cause, err := m.live(gained)
		if err != nil {
			return err
		}
		if Code(cause) != codeRebalanceInProgress {
			// Out of the group: the generation stays as it was until the loss is handled, so that commits fail.
			if err := m.lose(cause); err != nil {
				return err
			}
			if Code(cause) == codeUnknownMember {
				m.memberID = ""
			}
			continue
		}
	}
}

// live delivers the assignment and sends heartbeats until the group rebalances (after everything was handed back) or
// the membership is lost; cause tells which.
func (m *classicMember) live(gained []TopicPartition) (cause, err error) {
	beat := func() (time.Duration, bool) {
		if cause == nil {
			cause, err = m.beat()
		} else if Code(cause) == codeRebalanceInProgress {
			// The coordinator waits for this member to join again: keep the session alive until it can.
			if c, e := m.beat(); e != nil || (c != nil && Code(c) != codeRebalanceInProgress) {
				cause, err = c, e
			}
		}
		return m.interval(), cause == nil && err == nil
	}
	delivered := len(gained) == 0
	if !delivered {
		switch e := m.hand(GroupEvent{Kind: Assigned, Partitions: gained}, m.interval(), beat); {
		case e == nil:
			delivered = true
		case !errors.Is(e, errChanged):
			return nil, e
		}
	}
	for delivered && cause == nil && err == nil {
		if e := m.sleep(m.interval()); e != nil {
			return nil, e
		}
		beat()
	}
	if err != nil {
		return nil, err
	}
	if !delivered {
		clear(m.owned) // nobody heard of them
		return cause, nil
	}
	if Code(cause) == codeRebalanceInProgress && len(m.owned) > 0 {
		e := m.hand(GroupEvent{Kind: Revoked, Partitions: m.ownedList()}, m.interval(), func() (time.Duration, bool) {
			next, _ := beat()
			return next, true // they have to be given back in any case
		})
		if e != nil {
			return nil, e
		}
		clear(m.owned)
		m.metrics.Rebalanced(telemetry.RebalanceRevoked, 0)
	}
	return cause, err
}

// beat sends one heartbeat. cause is why the generation has ended, err is final.
func (m *classicMember) beat() (cause, err error) {
	ctx, cancel := context.WithTimeout(m.ctx, max(m.interval(), 5*time.Second))
	defer cancel()
	err = m.heartbeat(ctx)
	switch {
	case err == nil:
		m.lastOK = time.Now()
		if m.leader && m.partitionsChanged(ctx) {
			return codeErr(apiHeartbeat, codeRebalanceInProgress), nil
		}
		return nil, nil
	case m.ctx.Err() != nil:
		return nil, m.ctx.Err()
	case Code(err) == codeFencedInstance:
		return nil, err
	case errors.Is(err, ErrStaleMember):
		return err, nil
	case !IsRetriable(err):
		return nil, err
	case time.Since(m.lastOK) > m.cfg.SessionTimeout:
		return err, nil
	}
	return nil, nil
}

// codeFencedInstance is the end of a static member: another process has taken its instance id.
const codeFencedInstance = 82

// partitionsChanged looks, once in a while, whether a topic was created or has grown since the assignment.
func (m *classicMember) partitionsChanged(ctx context.Context) bool {
	if time.Since(m.checked) < min(m.c.cfg.MetadataMaxAge, time.Minute) {
		return false
	}
	m.checked = time.Now()
	counts, err := m.partitionCounts(ctx)
	if err != nil {
		return false
	}
	for _, t := range m.cfg.Topics {
		if counts[t] != m.counts[t] {
			return true
		}
	}
	return false
}

func (m *classicMember) partitionCounts(ctx context.Context, topics ...string) (map[string]int, error) {
	if len(topics) == 0 {
		topics = m.cfg.Topics
	}
	found, err := m.c.Topics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(found))
	for name, t := range found {
		counts[name] = t.Partitions
	}
	return counts, nil
}

// join goes through JoinGroup and SyncGroup once. Errors that a new attempt cures are retriable.
func (m *classicMember) join(ctx context.Context) error {
	j, err := m.joinGroup(ctx)
	if Code(err) == codeMemberIDRequired && j.member != "" {
		m.memberID = j.member
		j, err = m.joinGroup(ctx)
	}
	if err == nil {
		m.memberID, m.generation, m.leader = j.member, j.generation, j.leader == j.member
		err = m.sync(ctx, j)
	}
	switch Code(err) {
	case codeUnknownMember:
		m.memberID = ""
	case codeIllegalGeneration, codeRebalanceInProgress:
	default:
		if err == nil {
			m.lastOK = time.Now()
			m.setMeta(m.generation)
		}
		return err
	}
	return fmt.Errorf("%w: %w", errRejoin, err)
}

// errRejoin: the group moved on while this member was joining.
var errRejoin = errors.New("join again")

func (m *classicMember) sync(ctx context.Context, j joined) error {
	var plan map[string][]byte
	if m.leader {
		if j.protocol != protocolName {
			return fmt.Errorf("assignor %q: %w", j.protocol, ErrUnsupported)
		}
		var err error
		if plan, err = m.assign(ctx, j); err != nil {
			return err
		}
	}
	raw, err := m.syncGroup(ctx, j, plan)
	if err != nil {
		return err
	}
	parts, err := decodeAssignment(raw)
	if err != nil {
		return err
	}
	clear(m.owned)
	for _, tp := range parts {
		m.owned[tp] = struct{}{}
	}
	return nil
}

// assign computes everybody's partitions, as the leader of the generation.
func (m *classicMember) assign(ctx context.Context, j joined) (map[string][]byte, error) {
	var topics []string
	for i := range j.members {
		subscribed, err := decodeSubscription(j.members[i].subscription)
		if err != nil {
			return nil, fmt.Errorf("subscription of member %q: %w", j.members[i].id, err)
		}
		j.members[i].topics = subscribed
		topics = append(topics, subscribed...)
	}
	counts, err := m.partitionCounts(ctx, topics...)
	if err != nil {
		return nil, err
	}
	m.counts, m.checked = counts, time.Now()
	plan := map[string][]byte{}
	for id, parts := range assignRange(j.members, counts) {
		plan[id] = encodeAssignment(parts)
	}
	return plan, nil
}

func (m *classicMember) leave() {
	ctx, cancel := m.leaving()
	defer cancel()
	err := m.c.do(ctx, &request{
		api: apiLeaveGroup, min: 3, max: 5, to: toGroup(m.cfg.ID),
		write: func(e *encoder, v int16) {
			e.str(m.cfg.ID)
			e.arr(1)
			e.str(m.memberID)
			e.nullable(m.cfg.InstanceID)
			if v >= 5 {
				e.null() // reason
			}
			e.tags()
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code := d.i16()
			d.b = nil // the members' own codes tell nothing more
			return codeErr(apiLeaveGroup, code)
		},
	})
	if err != nil {
		m.c.cfg.Log.Info("leaving the group failed; it will notice by timeout", zap.String("group", m.cfg.ID), zap.Error(err))
	}
}

// joined is the answer to JoinGroup.
type joined struct {
	generation int32
	protocol   string
	leader     string
	member     string
	members    []groupMember // only the leader gets them
}

type groupMember struct {
	id, instance string
	subscription []byte
	topics       []string
}

func (m *classicMember) joinGroup(ctx context.Context) (joined, error) {
	var j joined
	sub := encodeSubscription(m.cfg.Topics)
	err := m.c.do(ctx, &request{
		api: apiJoinGroup, min: 5, max: 9, to: toGroup(m.cfg.ID), wait: m.cfg.RebalanceTimeout,
		write: func(e *encoder, v int16) {
			e.str(m.cfg.ID)
			e.i32(int32(min(m.cfg.SessionTimeout/time.Millisecond, math.MaxInt32)))
			e.i32(int32(min(m.cfg.RebalanceTimeout/time.Millisecond, math.MaxInt32)))
			e.str(m.memberID)
			e.nullable(m.cfg.InstanceID)
			e.str(protocolType)
			e.arr(1)
			e.str(protocolName)
			e.bytes(sub)
			e.tags()
			if v >= 8 {
				e.null() // reason
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			code := d.i16()
			j.generation = d.i32()
			if v >= 7 {
				d.raw() // protocol type
			}
			j.protocol, j.leader = d.str(), d.str()
			if v >= 9 {
				d.bool() // skip assignment: for static members, whose plan is computed all the same
			}
			j.member = d.str()
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				x := groupMember{id: d.str(), instance: d.str()}
				x.subscription = append([]byte(nil), d.bytes()...)
				d.tags()
				j.members = append(j.members, x)
			}
			d.tags()
			return codeErr(apiJoinGroup, code)
		},
	})
	return j, err
}

func (m *classicMember) syncGroup(ctx context.Context, j joined, plan map[string][]byte) ([]byte, error) {
	var raw []byte
	err := m.c.do(ctx, &request{
		api: apiSyncGroup, min: 3, max: 5, to: toGroup(m.cfg.ID), wait: m.cfg.RebalanceTimeout,
		write: func(e *encoder, v int16) {
			e.str(m.cfg.ID)
			e.i32(m.generation)
			e.str(m.memberID)
			e.nullable(m.cfg.InstanceID)
			if v >= 5 {
				e.str(protocolType)
				e.str(j.protocol)
			}
			e.arr(len(plan))
			for id, p := range plan {
				e.str(id)
				e.bytes(p)
				e.tags()
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			code := d.i16()
			if v >= 5 {
				d.raw()
				d.raw()
			}
			raw = append([]byte(nil), d.bytes()...)
			d.tags()
			return codeErr(apiSyncGroup, code)
		},
	})
	return raw, err
}

func (m *classicMember) heartbeat(ctx context.Context) error {
	return m.c.do(ctx, &request{
		api: apiHeartbeat, min: 3, max: 4, to: toGroup(m.cfg.ID),
		write: func(e *encoder, _ int16) {
			e.str(m.cfg.ID)
			e.i32(m.generation)
			e.str(m.memberID)
			e.nullable(m.cfg.InstanceID)
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code := d.i16()
			d.tags()
			return codeErr(apiHeartbeat, code)
		},
	})
}
