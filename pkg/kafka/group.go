package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

// GroupConfig configures the membership of a consumer group. ID and Topics are required.
type GroupConfig struct {
	ID     string
	Topics []string // every member should name the same ones
	// InstanceID makes the membership static: a restart within the session timeout keeps the partitions.
	InstanceID string
	// MemberID is the id this process had before a restart, as told by [Group.Meta]: with KIP-848 it takes its
	// partitions back at once even after a crash. Empty makes a new one.
	MemberID string
	// SessionTimeout is how long the group waits for a silent member; default 15 s. With KIP-848 the broker's
	// group.consumer.session.timeout.ms decides, and this one only bounds how long an unreachable broker is borne
	// before the partitions are reported lost.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long a member may take to give partitions back; default 60 s.
	RebalanceTimeout time.Duration
	// Classic keeps to the protocol of Kafka 3 even where the broker offers KIP-848.
	Classic bool
}

// GroupEventKind says what happened to a membership.
type GroupEventKind uint8

// The kinds of events.
const (
	// Assigned: the partitions are this member's from now on.
	Assigned GroupEventKind = iota + 1
	// Revoked: the group wants the partitions back. They remain this member's until Ack.
	Revoked
	// Lost: the partitions are no longer this member's, and what it still commits for them is refused. The member
	// joins again after Ack.
	Lost
	// Failed: the membership ended with Err; it is the last event.
	Failed
)

// String is the kind in lower case.
func (k GroupEventKind) String() string {
	switch k {
	case Assigned:
		return "assigned"
	case Revoked:
		return "revoked"
	case Lost:
		return "lost"
	case Failed:
		return "failed"
	default:
		return fmt.Sprintf("event(%d)", uint8(k))
	}
}

// GroupEvent is one change of a membership.
type GroupEvent struct {
	Kind       GroupEventKind
	Partitions []TopicPartition // by topic and partition; what this event is about, not all that is owned
	Err        error            // of Failed, and the reason of Lost
}

// Group is the membership of one consumer group: KIP-848, where the broker assigns partitions one by one, or the
// classic protocol with the range assignor, where every rebalance takes all partitions away for a moment.
//
// Exactly-once processing rests on three rules kept here: a revocation is acknowledged only after [Group.Ack], so
// that its last transaction may commit; after a loss the member joins again, under a new epoch, only after Ack, so
// that nothing processed before can be committed with it; and an assignment that the broker took back before it was
// delivered is not delivered.
type Group struct {
	c       *Client
	cfg     GroupConfig
	metrics *telemetry.Group

	ctx    context.Context //nolint:containedctx // the membership's own lifetime
	cancel context.CancelFunc
	done   chan struct{}
	events chan GroupEvent
	acks   chan struct{}

	mu   sync.Mutex
	meta GroupMeta

	// owned by the goroutine
	memberID string
	owned    map[TopicPartition]struct{}
	lastOK   time.Time
}

// JoinGroup begins a membership; events tell how it goes. End it with [Group.Leave] before the client is closed.
func (c *Client) JoinGroup(cfg GroupConfig) *Group {
	if cfg.SessionTimeout <= 0 {
		cfg.SessionTimeout = 15 * time.Second
	}
	if cfg.RebalanceTimeout <= 0 {
		cfg.RebalanceTimeout = time.Minute
	}
	cfg.Topics = slices.Sorted(slices.Values(cfg.Topics))
	g := &Group{
		c: c, cfg: cfg, metrics: c.cfg.Metrics.Group(cfg.ID),
		done: make(chan struct{}), events: make(chan GroupEvent), acks: make(chan struct{}),
		memberID: cfg.MemberID, owned: map[TopicPartition]struct{}{},
	}
	g.ctx, g.cancel = context.WithCancel(c.ctx)
	g.setMeta(-1)
	go g.run()
	return g
}

// Events delivers the changes one at a time. It is closed after Failed or Leave.
func (g *Group) Events() <-chan GroupEvent { return g.events }

// Ack ends the handling of the Revoked or Lost event received last: partitions are given back. It waits for the
// membership to take notice, at most one request long. For other events it does nothing.
func (g *Group) Ack() {
	select {
	case g.acks <- struct{}{}:
	case <-g.done:
	}
}

// Meta is who this member is now. Read it when a transaction is committed, for all partitions assigned and not
// revoked or lost since.
func (g *Group) Meta() GroupMeta {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.meta
}

func (g *Group) setMeta(epoch int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.meta = GroupMeta{Group: g.cfg.ID, MemberID: g.memberID, InstanceID: g.cfg.InstanceID, Epoch: epoch}
}

// Leave ends the membership: partitions go to other members at once (a classic static member's after its session
// timeout, so that it can come back). It returns when the goroutine has ended, or with ctx's error.
func (g *Group) Leave(ctx context.Context) error {
	g.cancel()
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave group %q: %w", g.cfg.ID, ctx.Err())
	}
}

func (g *Group) run() {
	defer close(g.done)
	defer close(g.events)
	defer g.cancel()
	err := g.serve()
	if g.ctx.Err() != nil || errors.Is(err, ErrClosed) {
		return // left, or the client was closed
	}
	err = fmt.Errorf("group %q: %w", g.cfg.ID, err)
	g.metrics.Rebalanced(telemetry.RebalanceFailed, 0)
	g.c.cfg.Log.Error("group membership ended", zap.String("group", g.cfg.ID), zap.Error(err))
	select {
	case g.events <- GroupEvent{Kind: Failed, Partitions: g.ownedList(), Err: err}:
	case <-g.ctx.Done():
	}
}

func (g *Group) serve() error {
	if g.cfg.ID == "" || len(g.cfg.Topics) == 0 {
		return errors.New("a group needs an id and topics")
	}
	modern := false
	err := g.insist(func(ctx context.Context) error {
		if g.cfg.Classic {
			return nil
		}
		f, err := g.c.Features(ctx)
		if err != nil || f.GroupVersion < 1 {
			return err
		}
		modern, err = g.c.offers(ctx, toGroup(g.cfg.ID), apiConsumerGroupHeartbeat, 0)
		return err
	})
	if err != nil {
		return err
	}
	if modern {
		return g.serveConsumer()
	}
	return g.serveClassic()
}

// insist repeats fn while it fails for reasons that pass, until the membership ends.
func (g *Group) insist(fn func(ctx context.Context) error) error {
	pause := 20 * time.Millisecond
	for {
		err := fn(g.ctx)
		if err == nil || !IsRetriable(err) {
			return err
		}
		if e := g.c.pause(g.ctx, pause); e != nil {
			return e
		}
		pause = min(2*pause, time.Second)
	}
}

// errChanged: what was to be delivered is no longer true.
var errChanged = errors.New("changed before delivery")

// hand delivers an event and, for Revoked and Lost, waits for Ack. Meanwhile beat keeps the membership alive; its
// answer tells when to call it next and whether the event is still true, which matters only until it is delivered.
func (g *Group) hand(ev GroupEvent, wait time.Duration, beat func() (next time.Duration, valid bool)) error {
	out := g.events
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case out <- ev:
			out = nil
			if ev.Kind == Assigned {
				return nil
			}
		case <-g.acks:
			if out == nil {
				return nil
			}
		case <-timer.C:
			next, valid := beat()
			if !valid && out != nil {
				return errChanged
			}
			timer.Reset(next)
		case <-g.ctx.Done():
			return g.ctx.Err()
		}
	}
}

// sleep waits and takes needless Acks meanwhile.
func (g *Group) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-g.acks:
		case <-g.ctx.Done():
			return g.ctx.Err()
		}
	}
}

// lose delivers the loss of everything owned.
func (g *Group) lose(cause error) error {
	parts := g.ownedList()
	clear(g.owned)
	if len(parts) == 0 {
		return nil
	}
	g.metrics.Rebalanced(telemetry.RebalanceLost, 0)
	g.c.cfg.Log.Warn("group took partitions away", zap.String("group", g.cfg.ID), zap.Int("partitions", len(parts)), zap.Error(cause))
	return g.hand(GroupEvent{Kind: Lost, Partitions: parts, Err: cause}, time.Hour,
		func() (time.Duration, bool) { return time.Hour, true })
}

func (g *Group) ownedList() []TopicPartition {
	parts := make([]TopicPartition, 0, len(g.owned))
	for tp := range g.owned {
		parts = append(parts, tp)
	}
	sortPartitions(parts)
	return parts
}

// leaving is the context of the last request of a membership that has ended.
func (g *Group) leaving() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(g.ctx), min(g.c.cfg.RequestTimeout, 5*time.Second))
}

// newMemberID is a random id in the form of Kafka's own.
func newMemberID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
