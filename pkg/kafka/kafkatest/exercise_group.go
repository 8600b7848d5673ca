package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
)

func (e *env) group(t *testing.T) {
	for _, classic := range []bool{true, false} {
		name := "classic"
		if !classic {
			if name = "consumer"; e.features.GroupVersion < 1 {
				continue
			}
		}
		t.Run(name, func(t *testing.T) {
			parallel(t, "share", func(t *testing.T) { e.groupShare(t, classic) })
			parallel(t, "revocation waits for ack", func(t *testing.T) { e.groupAck(t, classic) })
			parallel(t, "stale member", func(t *testing.T) { e.groupStale(t, classic) })
			parallel(t, "exactly once", func(t *testing.T) { e.exactlyOnce(t, classic) })
			if !classic {
				parallel(t, "rejoin", e.groupRejoin)
			}
		})
	}
}

func (e *env) groupConfig(topic string, classic bool) kafka.GroupConfig {
	return kafka.GroupConfig{ID: e.name("group"), Topics: []string{topic}, Classic: classic, SessionTimeout: 6 * time.Second}
}

// newClient is a client of its own, as another process would have.
func (e *env) newClient(t *testing.T) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: e.brokers})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (e *env) groupShare(t *testing.T, classic bool) {
	topic := e.topic(t, 6)
	cfg := e.groupConfig(topic, classic)
	m1 := Join(t, e.newClient(t), cfg)
	Settle(t, 6, m1)
	m2 := Join(t, e.newClient(t), cfg)
	Settle(t, 6, m1, m2)
	m3 := Join(t, e.newClient(t), cfg)
	Settle(t, 6, m1, m2, m3)
	require.NoError(t, m2.Leave(ctx(t)))
	<-m2.done
	Settle(t, 6, m1, m3)
	require.NoError(t, m1.Leave(ctx(t)))
	<-m1.done
	Settle(t, 6, m3)
	for _, m := range []*Member{m1, m2, m3} {
		require.NoError(t, m.Failure())
		require.NotContains(t, fmt.Sprint(m.History()), "lost")
		require.NotContains(t, fmt.Sprint(m.History()), "twice")
	}
}

// groupAck: a partition has no new owner before its old one has let go.
func (e *env) groupAck(t *testing.T, classic bool) {
	topic := e.topic(t, 2)
	cfg := e.groupConfig(topic, classic)
	m1 := Join(t, e.newClient(t), cfg)
	Settle(t, 2, m1)
	m1.Hold()
	m2 := Join(t, e.newClient(t), cfg)
	require.True(t, eventually(20*time.Second, func() bool { return slices.Contains(m1.History(), revoked(classic)) }), "%v", m1.History())
	require.False(t, eventually(time.Second, func() bool { return len(m2.Owned()) > 0 }), "m1 has not let go yet")
	// Until it does it is a member in good standing, and may commit.
	p := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn")})
	require.NoError(t, e.commitAs(t, p, m1.Meta(), kafka.TopicPartition{Topic: topic}))
	m1.Release()
	Settle(t, 2, m1, m2)
}

func revoked(classic bool) string {
	if classic {
		return "revoked 2" // eager: everything
	}
	return "revoked 1"
}

func (e *env) commitAs(t *testing.T, p *kafka.TxnProducer, m kafka.GroupMeta, tp kafka.TopicPartition) error {
	t.Helper()
	tx := p.NewTxn()
	tx.Offset(m, tp, 1)
	return p.Commit(ctx(t), tx)
}

// groupStale: offsets are refused from a member as it was before the last rebalance, for the partitions that have
// moved. For those that stayed Kafka 4.3 accepts them (KIP-1251), which is as it should be.
func (e *env) groupStale(t *testing.T, classic bool) {
	topic := e.topic(t, 2)
	cfg := e.groupConfig(topic, classic)
	p := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn")})
	m1 := Join(t, e.newClient(t), cfg)
	Settle(t, 2, m1)
	before := m1.Meta()
	require.NoError(t, e.commitAs(t, p, before, kafka.TopicPartition{Topic: topic}))
	m2 := Join(t, e.newClient(t), cfg)
	Settle(t, 2, m1, m2)
	// The epoch grows with the rebalance, sooner or later.
	require.True(t, eventually(20*time.Second, func() bool { return m1.Meta().Epoch > before.Epoch }))
	moved := m2.Owned()[0]
	require.ErrorIs(t, e.commitAs(t, p, before, moved), kafka.ErrStaleMember)
	gone := m2.Meta()
	require.NoError(t, m2.Leave(ctx(t)))
	Settle(t, 2, m1)
	require.ErrorIs(t, e.commitAs(t, p, gone, moved), kafka.ErrStaleMember)
	require.True(t, eventually(20*time.Second, func() bool { return e.commitAs(t, p, m1.Meta(), moved) == nil }))
}

// groupRejoin: a process that died without a word takes its partitions back at once under its old member id.
func (e *env) groupRejoin(t *testing.T) {
	topic := e.topic(t, 4)
	cfg := e.groupConfig(topic, false)
	survivor := Join(t, e.newClient(t), cfg)
	c := e.newClient(t)
	victim := Join(t, c, cfg)
	Settle(t, 4, survivor, victim)
	meta, undisturbed := victim.Meta(), survivor.History()
	c.Close() // nothing is sent any more
	<-victim.done
	again := cfg
	again.MemberID = meta.MemberID
	begun := time.Now()
	next := Join(t, e.newClient(t), again)
	Settle(t, 4, survivor, next)
	require.Less(t, time.Since(begun), 5*time.Second)
	require.Equal(t, meta.MemberID, next.Meta().MemberID)
	require.Equal(t, undisturbed, survivor.History(), "the survivor was left alone")
	p := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn")})
	require.True(t, eventually(10*time.Second, func() bool { return e.commitAs(t, p, next.Meta(), next.Owned()[0]) == nil }))
	require.ErrorIs(t, e.commitAs(t, p, kafka.GroupMeta{Group: cfg.ID, MemberID: meta.MemberID, Epoch: meta.Epoch - 1}, survivor.Owned()[0]), kafka.ErrStaleMember)
}

// exactlyOnce copies a topic through workers that come, go and fail, while transactions of the source abort.
func (e *env) exactlyOnce(t *testing.T, classic bool) {
	in, out := e.topic(t, 4), e.topic(t, 4)
	cfg := e.groupConfig(in, classic)
	const total = 2000
	fed := make(chan struct{})
	src := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn")})
	go func() {
		defer close(fed)
		pace := time.NewTicker(10 * time.Millisecond) // slow enough for members to come and go meanwhile
		defer pace.Stop()
		for i := 0; i < total; i += 20 {
			<-pace.C
			tx := src.NewTxn()
			for k := range 20 {
				tx.Append(kafka.TopicPartition{Topic: in, Partition: int32(k % 4)}, now(), nil, fmt.Appendf(nil, "%06d", i+k))
			}
			if err := src.Commit(context.Background(), tx); err != nil {
				t.Error(err)
			}
			tx = src.NewTxn() // aborted input must never reach the output
			tx.Append(kafka.TopicPartition{Topic: in, Partition: int32(i / 20 % 4)}, now(), nil, []byte("ABORTED"))
			tx.Offset(stranger(cfg.ID+"-x"), kafka.TopicPartition{Topic: in}, 1)
			if err := src.Commit(context.Background(), tx); !errors.Is(err, kafka.ErrTxnAborted) {
				t.Error(err)
			}
		}
	}()
	w1 := startWorker(t, e.newClient(t), cfg, out, 7)
	w2 := startWorker(t, e.newClient(t), cfg, out, 5)
	done := func(n int) func() bool {
		return func() bool { return w1.copied.Load()+w2.copied.Load() >= int64(n) }
	}
	require.True(t, eventually(30*time.Second, done(total/4)))
	w3 := startWorker(t, e.newClient(t), cfg, out, 0)
	require.True(t, eventually(30*time.Second, done(total/2)))
	w1.stop()
	<-fed
	require.True(t, eventually(40*time.Second, func() bool { return e.lag(t, cfg.ID, in, 4) == 0 }))
	w2.stop()
	w3.stop()
	t.Logf("copied %d+%d+%d, aborted %d+%d+%d, stale %d+%d+%d", w1.copied.Load(), w2.copied.Load(), w3.copied.Load(),
		w1.aborts.Load(), w2.aborts.Load(), w3.aborts.Load(), w1.stale.Load(), w2.stale.Load(), w3.stale.Load())
	want := make([]string, total)
	for i := range want {
		want[i] = fmt.Sprintf("%06d", i)
	}
	require.Equal(t, want, e.foreignReadAll(t, out, kgo.ReadCommitted()))
}

// lag is how many offsets the group is behind.
func (e *env) lag(t *testing.T, group, topic string, partitions int) int64 {
	t.Helper()
	tps := make([]kafka.TopicPartition, partitions)
	for i := range tps {
		tps[i] = kafka.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	ends, err := e.client.ListOffsets(ctx(t), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	offs, err := e.client.CommittedOffsets(ctx(t), group, tps)
	require.NoError(t, err)
	var lag int64
	for _, tp := range tps {
		lag += ends[tp] - max(offs[tp], 0)
	}
	return lag
}
