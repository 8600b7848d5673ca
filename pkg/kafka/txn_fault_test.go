package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"meshwork.dev/pkg/broker"
)

var (
	outTP = TopicPartition{"out", 0}
	inTP  = TopicPartition{"in", 0}
)

// attempt commits one record and one offset.
func attempt(t *testing.T, p *TxnProducer, value string, offset int64) error {
	t.Helper()
	tx := p.NewTxn()
	tx.Append(outTP, 1, nil, []byte(value))
	tx.Offset(GroupMeta{Group: "g", Epoch: -1}, inTP, offset)
	return p.Commit(t.Context(), tx)
}

func stable(t *testing.T, c *Client) int64 {
	t.Helper()
	offs, err := c.CommittedOffsets(t.Context(), "g", []TopicPartition{inTP})
	require.NoError(t, err)
	return offs[inTP]
}

// What brokers answer while things move must not abort a transaction; what they refuse must, and the next one works.
func TestTxnInjectedFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		key    kmsg.Key
		err    *kerr.Error
		passes bool
	}{
		{kmsg.AddPartitionsToTxn, kerr.ConcurrentTransactions, true},
		{kmsg.AddOffsetsToTxn, kerr.NotCoordinator, true},
		{kmsg.TxnOffsetCommit, kerr.CoordinatorNotAvailable, true},
		{kmsg.TxnOffsetCommit, kerr.CoordinatorLoadInProgress, true},
		{kmsg.EndTxn, kerr.ConcurrentTransactions, true},
		{kmsg.EndTxn, kerr.NotCoordinator, true},
		{kmsg.EndTxn, kerr.CoordinatorNotAvailable, true},
		{kmsg.EndTxn, kerr.UnknownServerError, true},
		{kmsg.Produce, kerr.NotLeaderForPartition, true},
		{kmsg.Produce, kerr.NotEnoughReplicasAfterAppend, true},
		{kmsg.Produce, kerr.RequestTimedOut, true},
		{kmsg.Produce, kerr.ConcurrentTransactions, true},
		{kmsg.Produce, kerr.TransactionAbortable, false},
		{kmsg.Produce, kerr.OutOfOrderSequenceNumber, false},
		{kmsg.Produce, kerr.MessageTooLarge, false},
		{kmsg.Produce, kerr.UnknownProducerID, false},
		{kmsg.Produce, kerr.InvalidProducerEpoch, false},
		{kmsg.TxnOffsetCommit, kerr.RebalanceInProgress, false},
		{kmsg.TxnOffsetCommit, kerr.IllegalGeneration, false},
		{kmsg.TxnOffsetCommit, kerr.StaleMemberEpoch, false},
		{kmsg.TxnOffsetCommit, kerr.FencedMemberEpoch, false},
		{kmsg.EndTxn, kerr.TransactionAbortable, false},
		{kmsg.EndTxn, kerr.InvalidTxnState, false},
	}
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version})
		var want []string
		for i, x := range cases {
			if version == 2 && (x.key == kmsg.AddPartitionsToTxn || x.key == kmsg.AddOffsetsToTxn) {
				continue
			}
			count := 1
			if x.passes {
				count = 2
			}
			name := fmt.Sprintf("%02d %s %s", i, kmsg.NameForKey(int16(x.key)), x.err.Message)
			h := b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{x.key}, Err: x.err, Count: count})
			err := attempt(t, p, name, int64(i))
			require.Equal(t, count, h.Hits(), name)
			h.Remove()
			if x.passes {
				require.NoError(t, err, name)
			} else {
				require.ErrorIs(t, err, ErrTxnAborted, name)
				require.NotErrorIs(t, err, ErrTxnUnknown)
				require.Equal(t, x.err.Code, Code(err), name)
				require.NoError(t, attempt(t, p, name, int64(i)), "the transaction after")
			}
			want = append(want, name)
			require.EqualValues(t, i, stable(t, c))
		}
		require.Equal(t, want, committed(t, b, "out"))
	})
}

// T1: an EndTxn that was delayed in the network arrives during a later transaction.
func TestT1DelayedEndTxn(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		t.Parallel()
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		x := &cutter{key: int16(kmsg.EndTxn)}
		c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial = x.dial })
		p := txnProducer(t, c, TxnConfig{Version: version})
		late := kmsg.NewPtrEndTxnRequest()
		late.TransactionalID, late.ProducerID, late.ProducerEpoch, late.Commit = "tx", p.pid, p.epoch, true
		x.left.Store(1)
		require.NoError(t, attempt(t, p, "first", 1), "the second attempt is answered")

		opts := []kgo.Opt{kgo.SeedBrokers(b.Addr())}
		if version == 1 {
			opts = append(opts, kgo.MaxVersions(kversion.V3_7_0()))
		}
		kcl, err := kgo.NewClient(opts...)
		require.NoError(t, err)
		defer kcl.Close()
		// The late request arrives when the next transaction has written its record and before it is aborted.
		arrived := make(chan error, 1)
		var once sync.Once // a request that slept passes here again
		b.Kfake().ControlKey(int16(kmsg.TxnOffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			once.Do(func() {
				b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.IllegalGeneration})
				b.Kfake().SleepControl(func() {
					resp, err := late.RequestWith(context.Background(), kcl)
					if err == nil {
						err = kerr.ErrorForCode(resp.ErrorCode)
					}
					arrived <- err
				})
			})
			return nil, nil, false
		})
		require.ErrorIs(t, attempt(t, p, "ABORTED", 2), ErrStaleMember)
		require.ErrorIs(t, <-arrived, kerr.ProducerFenced)
		require.NoError(t, attempt(t, p, "third", 3))
		require.Equal(t, []string{"first", "third"}, committed(t, b, "out"))
		require.EqualValues(t, 3, stable(t, c))
	})
}

// T2: the connection breaks after EndTxn was written, carried out or not, once or again and again.
func TestT2EndTxnWithoutAnswer(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		for _, applied := range []bool{true, false} {
			t.Run(fmt.Sprintf("applied=%v", applied), func(t *testing.T) {
				t.Parallel()
				b := broker.New(t, broker.WithTopics(1, "in", "out"))
				cut, lose := &cutter{key: 26}, &tamper{key: 26}
				c := testClient(t, b.Addrs(), func(cfg *Config) {
					if cfg.Dial = cut.dial; !applied {
						cfg.Dial = lose.dial
					}
				})
				fail := func(n int32) {
					if applied {
						cut.left.Store(n)
					} else {
						lose.swallow.Store(n)
					}
				}
				p := txnProducer(t, c, TxnConfig{Version: version, Timeout: 8 * time.Second})
				fail(1)
				require.NoError(t, attempt(t, p, "a", 1), "asking again tells")
				fail(math.MaxInt32)
				// Between the end of its asking, three quarters of the time, and that of the broker's patience.
				stop := time.AfterFunc(7*time.Second, func() { fail(0) })
				defer stop.Stop()
				err := attempt(t, p, "b", 2)
				if applied {
					require.ErrorIs(t, err, ErrTxnUnknown)
					require.NotErrorIs(t, err, ErrTxnUnresolved)
					require.EqualValues(t, 2, stable(t, c), "the offsets tell that it was committed")
				} else {
					require.ErrorIs(t, err, ErrTxnAborted)
					require.EqualValues(t, 1, stable(t, c))
					require.NoError(t, attempt(t, p, "b", 2))
				}
				require.NoError(t, attempt(t, p, "c", 3))
				require.Equal(t, []string{"a", "b", "c"}, committed(t, b, "out"))
			})
		}
	})
}

// A caller that gives up while the commit is undecided is told so, and can have it decided later.
func TestTxnUnresolvedUntilRecover(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		x := &cutter{key: 26}
		c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial, cfg.RequestTimeout = x.dial, 2*time.Second })
		p := txnProducer(t, c, TxnConfig{Version: version})
		x.left.Store(math.MaxInt32)
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		defer waiting.Wait()
		defer cancel()
		waiting.Go(func() { // it gives up when the commit has been asked for
			for tick := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-tick.C {
				if x.left.Load() < math.MaxInt32 {
					cancel()
				}
			}
		})
		tx := p.NewTxn()
		tx.Append(outTP, 1, nil, []byte("a"))
		tx.Offset(GroupMeta{Group: "g", Epoch: -1}, inTP, 1)
		err := p.Commit(ctx, tx)
		require.ErrorIs(t, err, ErrTxnUnresolved)
		require.ErrorIs(t, err, ErrTxnUnknown)
		x.left.Store(0)
		if version == 1 {
			require.NoError(t, p.Recover(t.Context()))
		} else { // who commits without asking is kept from building on old offsets
			require.ErrorIs(t, attempt(t, p, "STALE", 9), ErrTxnAborted)
		}
		require.EqualValues(t, 1, stable(t, c))
		require.NoError(t, attempt(t, p, "b", 2))
		require.Equal(t, []string{"a", "b"}, committed(t, b, "out"))
	})
}

// T3: answers to EndTxn that lie: the commit was carried out.
func TestT3EndTxnAnswersLie(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		for _, code := range []*kerr.Error{kerr.UnknownServerError, kerr.InvalidTxnState, kerr.CoordinatorNotAvailable} {
			t.Run(code.Message, func(t *testing.T) {
				b := broker.New(t, broker.WithTopics(1, "in", "out"))
				x := &tamper{key: 26, lieAt: 4 + 4 + 1 + 4, lieCode: code.Code}
				c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial = x.dial })
				p := txnProducer(t, c, TxnConfig{Version: version})
				for i := range 5 {
					x.lie.Store(1)
					err := attempt(t, p, fmt.Sprint("v", i), int64(i))
					if err != nil {
						require.ErrorIs(t, err, ErrTxnUnknown, "never reported as aborted")
					}
					require.EqualValues(t, i, stable(t, c))
				}
				require.Equal(t, []string{"v0", "v1", "v2", "v3", "v4"}, committed(t, b, "out"))
			})
		}
	})
}

// T4: a produce request gets lost on the way, its transaction is given up, and then it arrives after all.
func TestT4LateProduce(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		x := &tamper{key: 0}
		c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial, cfg.RequestTimeout = x.dial, 10*time.Second })
		p := txnProducer(t, c, TxnConfig{Version: version, Timeout: 5 * time.Second})
		require.NoError(t, attempt(t, p, "a", 1))
		x.hold.Store(true)
		require.ErrorIs(t, attempt(t, p, "LATE", 2), ErrTxnAborted)
		require.EqualValues(t, 1, stable(t, c))
		x.deliver(t)
		require.NoError(t, attempt(t, p, "b", 2))
		x.deliver(t)
		require.NoError(t, attempt(t, p, "c", 3))
		require.Equal(t, []string{"a", "b", "c"}, committed(t, b, "out"))
		info := b.Kfake().PartitionInfo("out", 0)
		require.Equal(t, info.HighWatermark, info.LastStableOffset, "no transaction hangs")
	})
}

// Lost acknowledgements: the same bytes under the same sequence numbers are dropped by the broker.
func TestTxnLostAcksDoNotDuplicate(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		t.Parallel()
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "out"))
		x := &cutter{key: 0}
		c := testClient(t, b.Addrs(), func(cfg *Config) { cfg.Dial = x.dial })
		p := txnProducer(t, c, TxnConfig{Version: version, MaxBatchBytes: 200})
		var want []string
		for n := range 10 {
			x.left.Store(2)
			tx := p.NewTxn()
			for i := range 60 {
				v := fmt.Sprintf("%d-%02d", n, i)
				want = append(want, v)
				tx.Append(TopicPartition{"out", int32(i % 4)}, 1, nil, []byte(v))
			}
			require.NoError(t, p.Commit(t.Context(), tx))
		}
		require.Equal(t, want, oracle(t, b.Addrs(), "out", kgo.ReadUncommitted()))
		require.Equal(t, want, committed(t, b, "out"))
	})
}

// T6: leaders and coordinators move all the time.
func TestT6LeadersAndCoordinatorsMove(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		t.Parallel()
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(4, "out"), broker.WithTopics(1, "in"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version})
		stop := make(chan struct{})
		var moves atomic.Int32
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-tick.C:
				case <-stop:
					return
				}
				b.Kfake().ShufflePartitionLeaders()
				moves.Add(1)
				if i%3 == 0 {
					b.Kfake().RehashCoordinators()
				}
			}
		})
		var want []string
		var worst time.Duration
		n := 0
		for ; moves.Load() < 60; n++ {
			tx := p.NewTxn()
			for i := range 4 {
				v := fmt.Sprintf("%06d-%d", n, i)
				want = append(want, v)
				tx.Append(TopicPartition{"out", int32(i)}, 1, nil, []byte(v))
			}
			tx.Offset(GroupMeta{Group: "g", Epoch: -1}, inTP, int64(n))
			begun := time.Now()
			require.NoError(t, p.Commit(t.Context(), tx))
			worst = max(worst, time.Since(begun))
		}
		close(stop)
		wg.Wait()
		require.Less(t, worst, 10*time.Second)
		require.Equal(t, want, committed(t, b, "out"))
		require.EqualValues(t, n-1, stable(t, c))
	})
}

// T7: two instances with one transactional id.
func TestT7HijackedID(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		ps := []*TxnProducer{
			txnProducer(t, testClient(t, b.Addrs()), TxnConfig{Version: version}),
			txnProducer(t, testClient(t, b.Addrs()), TxnConfig{Version: version}),
		}
		var fenced, wrote atomic.Int32
		var wg sync.WaitGroup
		for _, p := range ps {
			wg.Go(func() {
				for i := range 30 {
					tx := p.NewTxn()
					tx.Append(outTP, 1, nil, []byte{byte('a' + i)})
					err := p.Commit(t.Context(), tx)
					if errors.Is(err, ErrFenced) {
						fenced.Add(1)
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					wrote.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, fenced.Load(), "exactly one gives up")
		require.Len(t, committed(t, b, "out"), int(wrote.Load()))
	})
}

// T8: back to back, with markers that take their time.
func TestT8SlowMarkers(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		t.Parallel()
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version})
		first := kmsg.AddPartitionsToTxn
		if version == 2 {
			first = kmsg.Produce
		}
		for i := range 100 {
			if i%5 == 0 {
				b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{first}, Err: kerr.ConcurrentTransactions, Count: 1 + i%3})
			}
			require.NoError(t, attempt(t, p, "v", int64(i)))
		}
		require.Len(t, committed(t, b, "out"), 100)
	})
}

// T9: epochs are used up, and the producer goes on under the new id it is given.
func TestT9EpochExhausted(t *testing.T) {
	if raceEnabled {
		t.Skip("65,000 requests one after the other have no races to show: run without the race detector")
	}
	t.Parallel()
	versions(t, func(t *testing.T, version int) {
		t.Parallel()
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version})
		pid := p.pid
		for p.epoch < math.MaxInt16-4 {
			require.NoError(t, p.initProducerID(t.Context()))
		}
		for i := range 12 {
			if version == 1 { // what brings a new epoch in version 1
				b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TransactionAbortable})
				require.ErrorIs(t, attempt(t, p, "ABORTED", 1), ErrTxnAborted)
			}
			require.NoError(t, attempt(t, p, "v", int64(i)))
		}
		require.NotEqual(t, pid, p.pid)
		require.Len(t, committed(t, b, "out"), 12)
	})
}

// While one transaction commits the next is built.
func TestTxnBuildWhileCommitting(t *testing.T) {
	t.Parallel()
	b := broker.New(t, broker.WithTopics(2, "out"))
	c := testClient(t, b.Addrs())
	p := txnProducer(t, c, TxnConfig{})
	release := make(chan struct{})
	b.Kfake().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.Kfake().SleepControl(func() { <-release })
		return nil, nil, false
	})
	first, second := p.NewTxn(), p.NewTxn()
	first.Append(outTP, 1, nil, []byte("1"))
	res := make(chan error, 1)
	go func() { res <- p.Commit(t.Context(), first) }()
	second.Append(outTP, 1, nil, []byte("2"))
	second.Append(TopicPartition{"out", 1}, 1, nil, []byte("3"))
	require.Equal(t, 2, second.Records())
	close(release)
	require.NoError(t, <-res)
	require.NoError(t, p.Commit(t.Context(), second))
	require.Equal(t, []string{"1", "2", "3"}, committed(t, b, "out"))
	dropped := p.NewTxn()
	dropped.Append(outTP, 1, nil, []byte("4"))
	dropped.Discard()
	reused := p.NewTxn()
	require.Zero(t, reused.Records())
	reused.Discard()
}

func TestTxnCancelledBeforeTheCommitIsAborted(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		b := broker.New(t, broker.WithTopics(1, "in", "out"))
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version})
		h := b.Kfake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		tx := p.NewTxn()
		tx.Append(outTP, 1, nil, []byte("ABORTED"))
		require.ErrorIs(t, p.Commit(ctx, tx), ErrTxnAborted)
		h.Remove()
		require.NoError(t, attempt(t, p, "b", 1))
		require.Equal(t, []string{"b"}, committed(t, b, "out"))
	})
}
