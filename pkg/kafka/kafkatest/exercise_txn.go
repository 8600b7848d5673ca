package kafkatest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
)

// stranger is a member that no group has: offsets sent in its name are refused, and so is the transaction.
func stranger(group string) kafka.GroupMeta {
	return kafka.GroupMeta{Group: group, MemberID: "stranger", Epoch: 7}
}

func (e *env) txn(t *testing.T) {
	for _, v := range []int{1, 2} {
		if v > max(e.features.TransactionVersion, 1) {
			_, err := e.client.NewTxnProducer(ctx(t), kafka.TxnConfig{ID: e.name("txn"), Version: v})
			require.ErrorIs(t, err, kafka.ErrUnsupported)
			continue
		}
		t.Run(fmt.Sprintf("version=%d", v), func(t *testing.T) {
			parallel(t, "commit and abort", func(t *testing.T) { e.txnCommitAbort(t, v) })
			parallel(t, "fencing", func(t *testing.T) { e.txnFencing(t, v) })
			parallel(t, "lost answers", func(t *testing.T) { e.txnLostAnswers(t, v) })
			parallel(t, "back to back", func(t *testing.T) { e.txnBackToBack(t, v) })
			parallel(t, "undecided, committed", func(t *testing.T) { e.txnUndecided(t, v, true) })
			parallel(t, "undecided, not committed", func(t *testing.T) { e.txnUndecided(t, v, false) })
			parallel(t, "late produce", func(t *testing.T) { e.txnLateProduce(t, v) })
		})
	}
}

func (e *env) producer(t *testing.T, c *kafka.Client, cfg kafka.TxnConfig) *kafka.TxnProducer {
	t.Helper()
	p, err := c.NewTxnProducer(ctx(t), cfg)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// txnCommitAbort: what commits is visible to foreign readers and our own, with its offsets; what does not, is not.
func (e *env) txnCommitAbort(t *testing.T, version int) {
	topic, group := e.topic(t, 4), e.name("group")
	p := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn"), Version: version, Codec: kafka.CodecLZ4, MaxBatchBytes: 200})
	in := kafka.TopicPartition{Topic: topic, Partition: 0}
	var want []string
	for n := range 9 {
		tx := p.NewTxn()
		for i := range 40 {
			v := fmt.Sprintf("t%d-%03d", n, i)
			tx.Append(kafka.TopicPartition{Topic: topic, Partition: int32(i % 4)}, now(), []byte("k"), []byte(v))
			if n%3 != 1 {
				want = append(want, v)
			}
		}
		tx.Offset(kafka.GroupMeta{Group: group, Epoch: -1}, in, int64(n))
		if n%3 == 1 {
			tx.Offset(stranger(group), in, 99)
			err := p.Commit(ctx(t), tx)
			require.ErrorIs(t, err, kafka.ErrTxnAborted)
			require.ErrorIs(t, err, kafka.ErrStaleMember)
			continue
		}
		require.NoError(t, p.Commit(ctx(t), tx))
		offs, err := e.client.CommittedOffsets(ctx(t), group, []kafka.TopicPartition{in})
		require.NoError(t, err)
		require.EqualValues(t, n, offs[in])
	}
	require.Equal(t, want, e.foreignReadAll(t, topic, kgo.ReadCommitted()))
	var own []string
	for i := range int32(4) {
		values, _ := e.read(t, kafka.TopicPartition{Topic: topic, Partition: i}, kafka.ReadCommitted)
		own = append(own, values...)
	}
	slices.Sort(own)
	require.Equal(t, want, own)
}

func (e *env) txnFencing(t *testing.T, version int) {
	topic, id := e.topic(t, 1), e.name("txn")
	write := func(p *kafka.TxnProducer, v string) error {
		tx := p.NewTxn()
		tx.Append(kafka.TopicPartition{Topic: topic}, now(), nil, []byte(v))
		return p.Commit(ctx(t), tx)
	}
	old := e.producer(t, e.client, kafka.TxnConfig{ID: id, Version: version})
	require.NoError(t, write(old, "a"))
	young := e.producer(t, e.client, kafka.TxnConfig{ID: id, Version: version})
	require.ErrorIs(t, write(old, "ZOMBIE"), kafka.ErrFenced)
	require.NoError(t, write(young, "b"))
	require.ErrorIs(t, write(old, "ZOMBIE"), kafka.ErrFenced)
	require.NoError(t, write(young, "c"), "who was fenced must not fence in turn")
	require.Equal(t, []string{"a", "b", "c"}, e.foreignReadAll(t, topic, kgo.ReadCommitted()))
}

// txnLostAnswers cuts connections when the broker has carried out a request and before its answer is read.
func (e *env) txnLostAnswers(t *testing.T, version int) {
	for _, key := range []int16{0, 26, 28} { // Produce, EndTxn, TxnOffsetCommit
		topic, group := e.topic(t, 4), e.name("group")
		x := &cutter{key: key}
		c, err := kafka.NewClient(kafka.Config{Brokers: e.brokers, Dial: x.dial})
		require.NoError(t, err)
		t.Cleanup(c.Close)
		p := e.producer(t, c, kafka.TxnConfig{ID: e.name("txn"), Version: version})
		var want []string
		for n := range 10 {
			x.left.Store(1)
			tx := p.NewTxn()
			for i := range 20 {
				v := fmt.Sprintf("%d-%02d", n, i)
				want = append(want, v)
				tx.Append(kafka.TopicPartition{Topic: topic, Partition: int32(i % 4)}, now(), nil, []byte(v))
			}
			tx.Offset(kafka.GroupMeta{Group: group, Epoch: -1}, kafka.TopicPartition{Topic: topic}, int64(n))
			require.NoError(t, p.Commit(ctx(t), tx), "api key %d, transaction %d", key, n)
			require.LessOrEqual(t, x.left.Load(), int32(0), "the connection was cut")
		}
		require.Equal(t, want, e.foreignReadAll(t, topic, kgo.ReadUncommitted()), "api key %d", key)
		require.Equal(t, want, e.foreignReadAll(t, topic, kgo.ReadCommitted()))
	}
}

// txnBackToBack: the markers of one transaction are still being written when the next begins.
func (e *env) txnBackToBack(t *testing.T, version int) {
	topic := e.topic(t, 4)
	p := e.producer(t, e.client, kafka.TxnConfig{ID: e.name("txn"), Version: version})
	for range 100 {
		tx := p.NewTxn()
		for i := range int32(4) {
			tx.Append(kafka.TopicPartition{Topic: topic, Partition: i}, now(), nil, []byte("v"))
		}
		require.NoError(t, p.Commit(ctx(t), tx))
	}
	require.Len(t, e.foreignReadAll(t, topic, kgo.ReadCommitted()), 400)
}

// now is the timestamp of records: with an old one retention may take them at any moment.
func now() int64 { return time.Now().UnixMilli() }

// foreignReadAll reads a topic to its end with a client of another make and returns the values sorted.
func (e *env) foreignReadAll(t *testing.T, topic string, iso kgo.IsolationLevel) []string {
	t.Helper()
	adm := kadm.NewClient(e.foreign(t))
	list := adm.ListEndOffsets
	if iso == kgo.ReadCommitted() {
		list = adm.ListCommittedOffsets
	}
	// Markers are written after EndTxn was answered: wait until the last transaction has its.
	want := map[int32]int64{}
	require.Eventually(t, func() bool {
		clear(want)
		stable, err := list(ctx(t), topic)
		require.NoError(t, err)
		high, err := adm.ListEndOffsets(ctx(t), topic)
		require.NoError(t, err)
		settled := true
		stable.Each(func(o kadm.ListedOffset) {
			h, _ := high.Lookup(o.Topic, o.Partition)
			settled = settled && o.Offset == h.Offset
			if o.Offset > 0 {
				want[o.Partition] = o.Offset
			}
		})
		return settled
	}, 10*time.Second, 5*time.Millisecond)
	cl := e.foreign(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(iso), kgo.KeepControlRecords(), kgo.FetchMaxWait(50*time.Millisecond))
	var got []string
	for c := ctx(t); len(want) > 0; {
		fs := cl.PollFetches(c)
		require.NoError(t, c.Err(), "did not reach the end: %v", want)
		fs.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				got = append(got, string(r.Value))
			}
			if end, ok := want[r.Partition]; ok && r.Offset >= end-1 {
				delete(want, r.Partition)
			}
		})
	}
	slices.Sort(got)
	return got
}
