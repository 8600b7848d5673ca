package kafka

import (
	"context"
	"errors"
	"math"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// The consumer group protocol of KIP-848: one request, repeated. The member tells what it owns, the coordinator
// answers what it should own; partitions move one by one, each only after its former owner has let go of it.

const (
	epochJoin        = 0
	epochLeave       = -1
	epochLeaveStatic = -2
)

// eagerness is how long after a join or a release the member asks more often than it has to: the coordinator works
// out assignments some time after it was told of a change.
const (
	eagerness   = 10 * time.Second
	eagerAtMost = 250 * time.Millisecond
)

// consumerMember is the state of a KIP-848 membership.
type consumerMember struct {
	*Group
	epoch    int32
	interval time.Duration
	eager    time.Time // ask often until then
	target   map[TopicPartition]struct{}
	raw      map[[16]byte][]int32 // target as answered, while some topic id is not known
	names    map[[16]byte]string
	ids      map[string][16]byte
	tell     bool  // the coordinator has to be told what is owned
	lost     error // why the membership broke
}

// heartbeatAnswer is what a coordinator answers.
type heartbeatAnswer struct {
	member   string
	epoch    int32
	interval time.Duration
	assigned map[[16]byte][]int32 // nil: unchanged
}

func (g *Group) serveConsumer() error {
	if g.memberID == "" {
		g.memberID = newMemberID()
	}
	m := &consumerMember{Group: g, interval: time.Second, names: map[[16]byte]string{}, ids: map[string][16]byte{}}
	err := m.loop()
	if g.ctx.Err() != nil && m.epoch > 0 {
		m.leave()
	}
	return err
}

func (m *consumerMember) loop() error {
	m.restart()
	for {
		wait, err := m.beat()
		if err != nil {
			return err
		}
		if m.lost != nil {
			if err := m.lose(m.lost); err != nil {
				return err
			}
			m.restart()
			continue
		}
		moved, err := m.reconcile(wait)
		if err != nil {
			return err
		}
		if moved {
			continue
		}
		if err := m.sleep(wait); err != nil {
			return err
		}
	}
}

// restart joins anew, under the same id.
func (m *consumerMember) restart() {
	m.epoch, m.target, m.raw, m.tell, m.lost = epochJoin, nil, nil, true, nil
	m.lastOK = time.Now()
	m.eager = time.Now().Add(eagerness)
}

// reconcile goes one step from what is owned towards the target: releases first, then gains.
func (m *consumerMember) reconcile(wait time.Duration) (moved bool, err error) {
	if m.target == nil {
		return false, nil
	}
	var release, gain []TopicPartition
	for tp := range m.owned {
		if _, ok := m.target[tp]; !ok {
			release = append(release, tp)
		}
	}
	for tp := range m.target {
		if _, ok := m.owned[tp]; !ok {
			gain = append(gain, tp)
		}
	}
	sortPartitions(release)
	sortPartitions(gain)
	switch {
	case len(release) > 0:
		// Every heartbeat meanwhile leaves open what is owned, which the coordinator takes as "no news".
		err := m.hand(GroupEvent{Kind: Revoked, Partitions: release}, wait, m.keepAlive(nil))
		if errors.Is(err, errChanged) {
			return true, nil // the membership broke before the owner heard of it: it hears of the loss instead
		}
		if err != nil {
			return false, err
		}
		for _, tp := range release {
			delete(m.owned, tp)
		}
		m.metrics.Rebalanced(telemetry.RebalanceRevoked, len(m.owned))
	case len(gain) > 0:
		err := m.hand(GroupEvent{Kind: Assigned, Partitions: gain}, wait, m.keepAlive(gain))
		if errors.Is(err, errChanged) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		for _, tp := range gain {
			m.owned[tp] = struct{}{}
		}
		m.metrics.Rebalanced(telemetry.RebalanceAssigned, len(m.owned))
	default:
		return false, nil
	}
	m.tell = true
	m.eager = time.Now().Add(eagerness)
	return true, nil
}

// keepAlive is the heartbeat while an event waits. The event is void when a partition of gain is no longer meant
// for this member, or the membership broke.
func (m *consumerMember) keepAlive(gain []TopicPartition) func() (time.Duration, bool) {
	return func() (time.Duration, bool) {
		if m.lost != nil {
			return m.interval, false
		}
		wait, err := m.beat()
		if err != nil || m.lost != nil {
			// A final error shows again after the event is handled: the heartbeat is repeated then.
			return max(wait, time.Second), false
		}
		for _, tp := range gain {
			if _, ok := m.target[tp]; !ok {
				return wait, false
			}
		}
		return wait, true
	}
}

// beat sends one heartbeat and learns from the answer; it returns when the next is due. An error is final; what
// only breaks the present membership goes to m.lost.
func (m *consumerMember) beat() (time.Duration, error) {
	timeout := max(m.interval, 5*time.Second)
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	ans, err := m.heartbeat(ctx, m.epoch)
	switch code := Code(err); {
	case err == nil:
		m.learn(ctx, ans)
		return m.nextBeat(), nil
	case m.ctx.Err() != nil:
		return 0, m.ctx.Err()
	case code == codeFencedMemberEpoch || code == codeUnknownMember || code == codeGroupIDNotFound || code == codeStaleMemberEpoch:
		if m.epoch == epochJoin {
			m.pauseJoin(err)
			return time.Second, nil
		}
		m.lost = err
		return m.interval, nil
	case code == codeUnreleasedInstance:
		m.pauseJoin(err)
		return time.Second, nil
	case !IsRetriable(err):
		return 0, err
	case m.epoch != epochJoin && time.Since(m.lastOK) > m.cfg.SessionTimeout:
		m.lost = err
		return m.interval, nil
	}
	return min(m.interval, 500*time.Millisecond), nil
}

// pauseJoin reports a join that has to be repeated.
func (m *consumerMember) pauseJoin(err error) {
	m.c.cfg.Log.Warn("joining the group has to wait", zap.String("group", m.cfg.ID), zap.Error(err))
}

func (m *consumerMember) nextBeat() time.Duration {
	if time.Now().Before(m.eager) || m.raw != nil {
		return min(m.interval, eagerAtMost)
	}
	return m.interval
}

func (m *consumerMember) learn(ctx context.Context, ans heartbeatAnswer) {
	m.lastOK = time.Now()
	m.tell = false
	if ans.member != "" {
		m.memberID = ans.member
	}
	if ans.interval > 0 {
		m.interval = ans.interval
	}
	m.epoch = ans.epoch
	m.setMeta(ans.epoch)
	if ans.assigned != nil {
		m.raw = ans.assigned
	}
	if m.raw != nil {
		m.resolve(ctx)
	}
}

// resolve turns topic ids into names. While one is unknown the target stays as it was.
func (m *consumerMember) resolve(ctx context.Context) {
	known := func() bool {
		for id := range m.raw {
			if _, ok := m.names[id]; !ok {
				return false
			}
		}
		return true
	}
	if !known() {
		topics, err := m.c.Topics(ctx, m.cfg.Topics...)
		if err != nil {
			return
		}
		for name, t := range topics {
			m.names[t.ID], m.ids[name] = name, t.ID
		}
		if !known() {
			return
		}
	}
	m.target = map[TopicPartition]struct{}{}
	for id, parts := range m.raw {
		for _, p := range parts {
			m.target[TopicPartition{m.names[id], p}] = struct{}{}
		}
	}
	m.raw = nil
}

func (m *consumerMember) leave() {
	ctx, cancel := m.leaving()
	defer cancel()
	epoch := int32(epochLeave)
	if m.cfg.InstanceID != "" {
		epoch = epochLeaveStatic
	}
	if _, err := m.heartbeat(ctx, epoch); err != nil {
		m.c.cfg.Log.Info("leaving the group failed; it will notice by timeout", zap.String("group", m.cfg.ID), zap.Error(err))
	}
}

// heartbeat sends one ConsumerGroupHeartbeat. A join tells everything; later ones only what changed.
func (m *consumerMember) heartbeat(ctx context.Context, epoch int32) (heartbeatAnswer, error) {
	var ans heartbeatAnswer
	join := epoch == epochJoin
	owned := map[[16]byte][]int32{}
	for tp := range m.owned {
		id := m.ids[tp.Topic]
		owned[id] = append(owned[id], tp.Partition)
	}
	err := m.c.do(ctx, &request{
		api: apiConsumerGroupHeartbeat, min: 0, max: 1, to: toGroup(m.cfg.ID),
		write: func(e *encoder, v int16) {
			e.str(m.cfg.ID)
			e.str(m.memberID)
			e.i32(epoch)
			e.nullable(m.cfg.InstanceID)
			e.null() // rack
			if join {
				e.i32(int32(min(m.cfg.RebalanceTimeout/time.Millisecond, math.MaxInt32)))
				e.arr(len(m.cfg.Topics))
				for _, t := range m.cfg.Topics {
					e.str(t)
				}
			} else {
				e.i32(-1)
				e.arr(-1)
			}
			if v >= 1 {
				e.null() // subscription by pattern
			}
			// Every topic is spread over all members, as by the classic range assignor here. The default, uniform,
			// spreads the partitions of all topics together and may give a member none of one topic.
			e.nullable("range")
			switch {
			case join:
				e.arr(0)
			case !m.tell:
				e.arr(-1)
			default:
				e.arr(len(owned))
				for id, parts := range owned {
					e.uuid(id)
					e.arr(len(parts))
					for _, p := range parts {
						e.i32(p)
					}
					e.tags()
				}
			}
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code, msg := d.i16(), d.str()
			ans.member, ans.epoch = d.str(), d.i32()
			ans.interval = time.Duration(d.i32()) * time.Millisecond
			if d.i8() >= 0 {
				ans.assigned = map[[16]byte][]int32{}
				for n := d.arr(); n > 0 && d.err == nil; n-- {
					id := d.uuid()
					var parts []int32
					for k := d.arr(); k > 0 && d.err == nil; k-- {
						parts = append(parts, d.i32())
					}
					ans.assigned[id] = parts
					d.tags()
				}
				d.tags()
			}
			d.tags()
			return codeErrMsg(apiConsumerGroupHeartbeat, code, msg)
		},
	})
	return ans, err
}
