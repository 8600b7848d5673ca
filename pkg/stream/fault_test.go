package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
)

var errKill = errors.New("kill")

// crashed waits for a killed runner and takes its process away.
func (n *node) crashed(t *testing.T) {
	t.Helper()
	select {
	case err := <-n.done:
		require.ErrorIs(t, err, errCrashed)
	case <-time.After(20 * time.Second):
		t.Fatal("the crash point was not reached")
	}
	n.c.Close()
	n.cancel()
}

// TestCrashAtEveryPoint kills the process at each named point, several times,
// while records flow, and compares the tables at the end.
func TestCrashAtEveryPoint(t *testing.T) {
	beside(t)
	for name, opts := range map[string][]broker.Option{"kafka 4": nil, "kafka 3.9": {broker.AsKafka39()}} {
		t.Run(name, func(t *testing.T) {
			beside(t)
			w := newWorld(t, opts...)
			dir, dead := t.TempDir(), 0
			defs := []Definition{w.counts()}
			for round, point := range []string{
				crashAfterRead, crashAfterProcess, crashAfterCommit, state.CrashInSnapshot, crashAfterApply, crashInRestore, state.CrashBeforeNamed,
				crashAfterCommit, state.CrashBeforeCurrent, crashAfterProcess, state.CrashBeforeTidied, state.CrashInSnapshot,
			} {
				dead += w.feed(400)
				left := atomic.Int32{}
				left.Store(int32(1 + round%3))
				n := w.start(dir, defs, func(c *Config) {
					c.MaxTxnBytes = 4 << 10
					c.State.SnapshotLogBytes, c.State.SnapshotRatio = 512, 0.01 // always within a snapshot
					c.SessionTimeout = 6 * time.Second
					c.crash = func(at string) error {
						if at == point && left.Add(-1) <= 0 {
							return errKill
						}
						return nil
					}
				})
				n.crashed(t)
			}
			n := w.start(dir, defs)
			n.caughtUp(t)
			n.stop(t)
			w.check(dead)
		})
	}
}

// atTheEnd is a connection that notices the request which ends a transaction, and in whose Write the process dies: before
// the request has left, with everything produced, or after that.
type atTheEnd struct {
	net.Conn
	left *atomic.Int32
	sent bool
	died chan<- struct{}
}

func (c *atTheEnd) Write(p []byte) (int, error) {
	const endTxn = 26
	if len(p) < 6 || int16(binary.BigEndian.Uint16(p[4:])) != endTxn || c.left.Add(-1) != 0 {
		return c.Conn.Write(p)
	}
	if c.sent {
		if _, err := c.Conn.Write(p); err != nil {
			return 0, err
		}
	}
	close(c.died)
	return 0, net.ErrClosed
}

// TestCrashAtTheEndOfATransaction kills the process when everything of a transaction has been produced, and when its end
// has been asked for and not yet been answered.
func TestCrashAtTheEndOfATransaction(t *testing.T) {
	beside(t)
	for name, opts := range map[string][]broker.Option{"kafka 4": nil, "kafka 3.9": {broker.AsKafka39()}} {
		t.Run(name, func(t *testing.T) {
			beside(t)
			w := newWorld(t, opts...)
			dir, dead := t.TempDir(), 0
			defs := []Definition{w.counts()}
			for round := range 6 {
				dead += w.feed(200)
				left, died := &atomic.Int32{}, make(chan struct{})
				left.Store(int32(1 + round))
				dying, err := kafka.NewClient(kafka.Config{Brokers: w.addrs, Log: w.log, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
					return &atTheEnd{Conn: c, left: left, sent: round%2 == 1, died: died}, err
				}})
				require.NoError(t, err)
				n := w.start(dir, defs, func(c *Config) {
					c.Kafka, c.MaxTxnBytes, c.SessionTimeout = dying, 4<<10, 6*time.Second
				})
				select {
				case <-died:
				case err := <-n.done:
					t.Fatalf("the runner ended: %v", err)
				case <-time.After(20 * time.Second):
					t.Fatal("no transaction came to its end")
				}
				dying.Close()
				require.Error(t, <-n.done)
				n.c.Close()
				n.cancel()
			}
			n := w.start(dir, defs)
			n.caughtUp(t)
			n.stop(t)
			w.check(dead)
		})
	}
}

// faulty stands between worker and producer.
type faulty struct {
	producer
	commitFn func(ctx context.Context, t transaction, commit func() error) error
}

func (f faulty) commit(ctx context.Context, t transaction) error {
	return f.commitFn(ctx, t, func() error { return f.producer.commit(ctx, t) })
}

// TestUncertainCommits lets commits succeed and be reported as unknown, and
// fail and be reported as aborted, in turn.
func TestUncertainCommits(t *testing.T) {
	beside(t)
	w := newWorld(t)
	dead := w.feed(2000)
	count := 0
	n := w.start(t.TempDir(), []Definition{w.counts()}, func(c *Config) {
		c.MaxTxnBytes = 4 << 10
		c.wrap = func(p producer) producer {
			return faulty{p, func(_ context.Context, txn transaction, commit func() error) error {
				count++
				switch count % 4 {
				case 1:
					if err := commit(); err != nil {
						return err
					}
					return fmt.Errorf("injected: %w", kafka.ErrTxnUnknown)
				case 2:
					txn.discard()
					return fmt.Errorf("injected: %w", kafka.ErrTxnAborted)
				}
				return commit()
			}}
		}
	})
	n.caughtUp(t)
	dead += w.feed(500)
	n.caughtUp(t)
	n.stop(t)
	require.Greater(t, count, 8)
	w.check(dead)
}

func embeddedOnly(t *testing.T) {
	t.Helper()
	if os.Getenv("KAFKA") != "" {
		t.Skip("needs the embedded broker, whose answers can be changed")
	}
}

// TestBrokerErrors injects errors into the requests a transaction consists of
// and checks that they were met.
func TestBrokerErrors(t *testing.T) {
	beside(t)
	embeddedOnly(t)
	for name, key := range map[string]kmsg.Key{"EndTxn": kmsg.EndTxn, "TxnOffsetCommit": kmsg.TxnOffsetCommit, "Produce": kmsg.Produce} {
		t.Run(name, func(t *testing.T) {
			beside(t)
			w := newWorld(t)
			dead := w.feed(1500)
			var met atomic.Int32
			w.b.Kfake().ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
				w.b.Kfake().KeepControl()
				if met.Add(1)%3 != 1 {
					return nil, nil, false
				}
				resp := req.ResponseKind()
				switch r := resp.(type) {
				case *kmsg.EndTxnResponse:
					r.ErrorCode = []int16{kerr.UnknownServerError.Code, kerr.CoordinatorNotAvailable.Code, kerr.InvalidTxnState.Code}[met.Load()/3%3]
				case *kmsg.TxnOffsetCommitResponse:
					for _, topic := range req.(*kmsg.TxnOffsetCommitRequest).Topics { //nolint:errcheck,forcetypeassert // of the answer it is for
						rt := kmsg.NewTxnOffsetCommitResponseTopic()
						rt.Topic = topic.Topic
						for _, p := range topic.Partitions {
							rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
							rp.Partition, rp.ErrorCode = p.Partition, kerr.IllegalGeneration.Code
							rt.Partitions = append(rt.Partitions, rp)
						}
						r.Topics = append(r.Topics, rt)
					}
				case *kmsg.ProduceResponse:
					for _, topic := range req.(*kmsg.ProduceRequest).Topics { //nolint:errcheck,forcetypeassert // of the answer it is for
						rt := kmsg.NewProduceResponseTopic()
						rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
						for _, p := range topic.Partitions {
							rp := kmsg.NewProduceResponseTopicPartition()
							rp.Partition, rp.ErrorCode = p.Partition, kerr.OutOfOrderSequenceNumber.Code
							rt.Partitions = append(rt.Partitions, rp)
						}
						r.Topics = append(r.Topics, rt)
					}
				}
				return resp, nil, true
			})
			n := w.start(t.TempDir(), []Definition{w.counts()}, func(c *Config) { c.MaxTxnBytes = 8 << 10 })
			n.caughtUp(t)
			n.stop(t)
			require.Greater(t, met.Load(), int32(6), "the fault must have been met")
			w.check(dead)
		})
	}
}

// TestMembersComeAndGo runs the product with one, two, three and again one
// member while records flow.
func TestMembersComeAndGo(t *testing.T) {
	beside(t)
	for name, opts := range map[string][]broker.Option{"kafka 4": nil, "kafka 3.9": {broker.AsKafka39()}} {
		t.Run(name, func(t *testing.T) {
			beside(t)
			w := newWorld(t, opts...)
			dead := 0
			small := func(c *Config) { c.MaxTxnBytes = 8 << 10; c.InstanceID = "" }
			var nodes []*node
			for range 3 {
				dead += w.feed(500)
				nodes = append(nodes, w.start(t.TempDir(), []Definition{w.counts()}, small))
				w.settled(nodes)
			}
			dead += w.feed(500)
			nodes[0].stop(t)
			nodes = nodes[1:]
			dead += w.feed(500)
			w.settled(nodes)
			nodes[1].stop(t)
			nodes = nodes[:1]
			dead += w.feed(500)
			w.settled(nodes)
			nodes[0].caughtUp(t)
			nodes[0].stop(t)
			w.check(dead)
		})
	}
}

// settled waits until the members together own every task.
func (w *world) settled(nodes []*node) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		tasks := 0
		for _, n := range nodes {
			select {
			case err := <-n.done:
				w.t.Fatalf("a runner ended: %v", err)
			default:
			}
			own := n.Status()[0].Tasks
			if own == 0 {
				return false
			}
			tasks += own
		}
		return tasks == w.s.Counts.Info.Partitions
	}, 30*time.Second, 10*time.Millisecond)
}

// TestRestartReadsTheTailOnly shows by the count of restored records that a
// restart reads what its store has not seen, and a lost folder everything.
func TestRestartReadsTheTailOnly(t *testing.T) {
	beside(t)
	w := newWorld(t)
	dir := t.TempDir()
	defs := []Definition{w.counts()}
	dead := w.feed(3000)
	n := w.start(dir, defs)
	n.caughtUp(t)
	n.stop(t)

	dead += w.feed(500)
	n = w.start(dir, defs, func(c *Config) {
		c.crash = func(at string) error {
			if at == crashAfterCommit {
				return errKill // the first transaction is in Kafka and not in the store
			}
			return nil
		}
	})
	n.crashed(t)
	require.Zero(t, restoredOf(n), "a clean stop leaves nothing to be read")

	n = w.start(dir, defs)
	n.caughtUp(t)
	tail := restoredOf(n)
	require.Positive(t, tail)
	require.Less(t, tail, int64(600))
	n.stop(t)

	n = w.start(t.TempDir(), defs)
	n.caughtUp(t)
	require.Greater(t, restoredOf(n), int64(3000))
	dead += w.feed(200)
	n.caughtUp(t)
	n.stop(t)
	w.check(dead)
}

// countRequest counts requests and answers none.
func countRequest(w *world, n *atomic.Int32) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(kmsg.Request) (kmsg.Response, error, bool) {
		w.b.Kfake().KeepControl()
		n.Add(1)
		return nil, nil, false
	}
}
