package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/kafka/kafkatest"
)

func newClient(t *testing.T, b *broker.Broker, opts ...func(*kafka.Config)) *kafka.Client {
	t.Helper()
	cfg := kafka.Config{Brokers: b.Addrs()}
	for _, o := range opts {
		o(&cfg)
	}
	c, err := kafka.NewClient(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// eitherProtocol runs a test under both group protocols, with sessions of a second.
func eitherProtocol(t *testing.T, fn func(t *testing.T, b *broker.Broker, cfg kafka.GroupConfig)) {
	t.Helper()
	for _, classic := range []bool{true, false} {
		t.Run(fmt.Sprintf("classic=%v", classic), func(t *testing.T) {
			b := broker.New(t, broker.WithTopics(4, "in"), broker.WithKfake(kfake.GroupMinSessionTimeout(time.Second)),
				broker.WithSetting("group.consumer.session.timeout.ms", "3000"))
			fn(t, b, kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: classic, SessionTimeout: 3 * time.Second})
		})
	}
}

// cable is a network that can be unplugged.
type cable struct{ cut atomic.Bool }

type cableConn struct {
	net.Conn
	x *cable
}

var errUnplugged = errors.New("unplugged")

func (x *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if x.cut.Load() {
		return nil, errUnplugged
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return &cableConn{nc, x}, err
}

func (c *cableConn) Write(p []byte) (int, error) {
	if c.x.cut.Load() {
		return 0, errUnplugged
	}
	return c.Conn.Write(p)
}

// T5: a member is cut off for longer than its session. Another one takes over, and when the first is back it learns
// of its loss, cannot commit what it had, and joins again.
func TestT5MemberCutOff(t *testing.T) {
	t.Parallel()
	eitherProtocol(t, func(t *testing.T, b *broker.Broker, cfg kafka.GroupConfig) {
		x := &cable{}
		victim := kafkatest.Join(t, newClient(t, b, func(c *kafka.Config) { c.Dial = x.dial }), cfg)
		kafkatest.Settle(t, 4, victim)
		before := victim.Meta()
		victim.Hold() // it does not notice in time what it lost
		x.cut.Store(true)
		heir := kafkatest.Join(t, newClient(t, b), cfg)
		kafkatest.Settle(t, 4, heir)
		x.cut.Store(false)
		require.Eventually(t, func() bool { return len(victim.History()) > 1 }, 30*time.Second, 10*time.Millisecond)
		require.Equal(t, []string{"assigned 4", "lost 4"}, victim.History())
		require.Len(t, victim.Owned(), 4, "it has not acknowledged the loss")
		require.Equal(t, before, victim.Meta(), "so it has no new epoch to commit under")
		p, err := newClient(t, b).NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "tx"})
		require.NoError(t, err)
		commit := func(m kafka.GroupMeta) error {
			tx := p.NewTxn()
			tx.Offset(m, kafka.TopicPartition{Topic: "in"}, 1)
			return p.Commit(t.Context(), tx)
		}
		require.ErrorIs(t, commit(victim.Meta()), kafka.ErrStaleMember)
		require.NoError(t, commit(heir.Meta()))
		victim.Release()
		kafkatest.Settle(t, 4, victim, heir)
	})
}

// A coordinator that fences a member between heartbeats.
func TestGroupFencedMemberJoinsAgain(t *testing.T) {
	t.Parallel()
	eitherProtocol(t, func(t *testing.T, b *broker.Broker, cfg kafka.GroupConfig) {
		key, code := kmsg.Heartbeat, kerr.UnknownMemberID
		if !cfg.Classic {
			key, code = kmsg.ConsumerGroupHeartbeat, kerr.FencedMemberEpoch
		}
		m := kafkatest.Join(t, newClient(t, b), cfg)
		kafkatest.Settle(t, 4, m)
		b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code})
		require.Eventually(t, func() bool { return len(m.History()) >= 3 }, 30*time.Second, 10*time.Millisecond)
		require.Equal(t, []string{"assigned 4", "lost 4", "assigned 4"}, m.History())
	})
}

func TestGroupSurvivesCoordinatorMoves(t *testing.T) {
	t.Parallel()
	for _, classic := range []bool{true, false} {
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "in"))
		cfg := kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: classic, SessionTimeout: 6 * time.Second}
		m := kafkatest.Join(t, newClient(t, b), cfg)
		kafkatest.Settle(t, 4, m)
		tick := time.NewTicker(100 * time.Millisecond)
		for range 20 {
			b.Kfake().RehashCoordinators()
			<-tick.C
			require.NoError(t, m.Failure())
			require.Len(t, m.Owned(), 4)
		}
		tick.Stop()
	}
}

// A classic static member that comes back within its session keeps its partitions without a rebalance.
func TestGroupStaticMember(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(4, "in"))
	cfg := kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: true, SessionTimeout: 10 * time.Second}
	one, two := cfg, cfg
	one.InstanceID, two.InstanceID = "one", "two"
	m1 := kafkatest.Join(t, newClient(t, b), one)
	m2 := kafkatest.Join(t, newClient(t, b), two)
	kafkatest.Settle(t, 4, m1, m2)
	before := len(m1.History())
	require.NoError(t, m2.Leave(t.Context()))
	m2 = kafkatest.Join(t, newClient(t, b), two)
	kafkatest.Settle(t, 4, m1, m2)
	require.Len(t, m1.History(), before, "the other member was left alone")
}

// With KIP-848 an instance id is free when its member has left for the time being; until then a newcomer waits.
func TestGroupStaticMemberOfTheConsumerProtocol(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(4, "in"))
	cfg := kafka.GroupConfig{ID: "g", Topics: []string{"in"}, InstanceID: "one"}
	m1 := kafkatest.Join(t, newClient(t, b), cfg)
	kafkatest.Settle(t, 4, m1)
	h := b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ConsumerGroupHeartbeat}, Observe: true, Count: -1})
	m2 := kafkatest.Join(t, newClient(t, b), cfg)
	require.NoError(t, h.Wait(t.Context(), 10))
	require.Empty(t, m2.Owned())
	require.NoError(t, m2.Failure(), "waiting is not failing")
	require.NoError(t, m1.Leave(t.Context()))
	kafkatest.Settle(t, 4, m2)
}

func TestGroupFailsForGood(t *testing.T) {
	t.Parallel()
	for _, classic := range []bool{true, false} {
		b := broker.New(t, broker.WithTopics(4, "in"))
		b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup, kmsg.ConsumerGroupHeartbeat}, Err: kerr.GroupAuthorizationFailed, Count: -1})
		m := kafkatest.Join(t, newClient(t, b), kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: classic})
		require.Eventually(t, func() bool { return m.Failure() != nil }, 30*time.Second, 10*time.Millisecond)
		require.ErrorIs(t, m.Failure(), kafka.ErrAuth)
		require.ErrorContains(t, m.Failure(), `group "g"`)
	}
}

// Tools of other makes can show the members and their partitions.
func TestGroupIsLegibleForOthers(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(4, "in"))
	m := kafkatest.Join(t, newClient(t, b), kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: true})
	kafkatest.Settle(t, 4, m)
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
	require.NoError(t, err)
	defer cl.Close()
	groups, err := kadm.NewClient(cl).DescribeGroups(t.Context(), "g")
	require.NoError(t, err)
	require.Equal(t, map[string]map[int32]struct{}{"in": {0: {}, 1: {}, 2: {}, 3: {}}}, map[string]map[int32]struct{}(groups.AssignedPartitions()))
	members := groups["g"].Members
	require.Len(t, members, 1)
	join, ok := members[0].Join.AsConsumer()
	require.True(t, ok)
	require.Equal(t, []string{"in"}, join.Topics)
}

// A topic that is created or grows after the group has formed.
func TestGroupNoticesNewPartitions(t *testing.T) {
	t.Parallel()
	for _, classic := range []bool{true, false} {
		b := broker.New(t, broker.WithTopics(2, "in"))
		c := newClient(t, b, func(cfg *kafka.Config) { cfg.MetadataMaxAge = 100 * time.Millisecond })
		m := kafkatest.Join(t, c, kafka.GroupConfig{ID: "g", Topics: []string{"in", "late"}, Classic: classic, SessionTimeout: 6 * time.Second})
		kafkatest.Settle(t, 2, m)
		require.NoError(t, c.CreateTopics(t.Context(), kafka.TopicSpec{Name: "late", Partitions: 3}))
		kafkatest.Settle(t, 5, m)
	}
}

// The broker goes away and comes back: the members go on, or join again, without failing.
func TestGroupOutlivesBrokerRestarts(t *testing.T) {
	for _, classic := range []bool{true, false} {
		cfg := broker.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}
		broker.WithTopics(4, "in")(&cfg)
		b, err := broker.Start(t.Context(), cfg)
		require.NoError(t, err)
		cfg.Listen = b.Addr()
		group := kafka.GroupConfig{ID: "g", Topics: []string{"in"}, Classic: classic, SessionTimeout: 6 * time.Second}
		m1 := kafkatest.Join(t, newClient(t, b), group)
		m2 := kafkatest.Join(t, newClient(t, b), group)
		kafkatest.Settle(t, 4, m1, m2)
		for range 2 {
			require.NoError(t, b.Close())
			require.Never(t, func() bool { return m1.Failure() != nil }, 300*time.Millisecond, 50*time.Millisecond)
			b, err = broker.Start(t.Context(), cfg)
			require.NoError(t, err)
			require.Never(t, func() bool { return m1.Failure() != nil }, time.Second, 50*time.Millisecond)
			kafkatest.Settle(t, 4, m1, m2)
		}
		p, err := newClient(t, b).NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "tx"})
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			owned := m1.Owned()
			if len(owned) == 0 {
				return false // on its way back
			}
			tx := p.NewTxn()
			tx.Offset(m1.Meta(), owned[0], 1)
			return p.Commit(t.Context(), tx) == nil
		}, 30*time.Second, 50*time.Millisecond)
		t.Log(m1.History(), m2.History())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		require.NoError(t, errors.Join(m1.Leave(ctx), m2.Leave(ctx)))
		cancel()
		require.NoError(t, b.Close())
	}
}
