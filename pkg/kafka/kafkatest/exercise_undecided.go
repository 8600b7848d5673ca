package kafkatest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
)

// one commits a record and an offset.
func (e *env) one(t *testing.T, p *kafka.TxnProducer, topic, group, value string, offset int64) error {
	t.Helper()
	tx := p.NewTxn()
	tx.Append(kafka.TopicPartition{Topic: topic}, now(), nil, []byte(value))
	tx.Offset(kafka.GroupMeta{Group: group, Epoch: -1}, kafka.TopicPartition{Topic: topic}, offset)
	return p.Commit(ctx(t), tx)
}

func (e *env) stable(t *testing.T, topic, group string) int64 {
	t.Helper()
	tp := kafka.TopicPartition{Topic: topic}
	offs, err := e.client.CommittedOffsets(ctx(t), group, []kafka.TopicPartition{tp})
	require.NoError(t, err)
	return offs[tp]
}

// disturbed is a client whose traffic x disturbs.
func (e *env) disturbed(t *testing.T, x *cutter, timeout time.Duration) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: e.brokers, Dial: x.dial, RequestTimeout: timeout})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// txnUndecided: for as long as the producer asks for the commit no answer comes, and the request is carried out or
// not. The truth comes out, and the producer goes on.
func (e *env) txnUndecided(t *testing.T, version int, applied bool) {
	topic, group := e.topic(t, 1), e.name("group")
	x := &cutter{key: 26, swallow: !applied}
	p := e.producer(t, e.disturbed(t, x, 5*time.Second), kafka.TxnConfig{ID: e.name("txn"), Version: version, Timeout: 8 * time.Second})
	require.NoError(t, e.one(t, p, topic, group, "0", 0))
	x.left.Store(math.MaxInt32)
	stop := time.AfterFunc(7*time.Second, func() { x.left.Store(0) })
	err := e.one(t, p, topic, group, "1", 1)
	stop.Stop()
	if applied {
		require.ErrorIs(t, err, kafka.ErrTxnUnknown)
		require.NotErrorIs(t, err, kafka.ErrTxnUnresolved)
		require.EqualValues(t, 1, e.stable(t, topic, group), "the offsets tell that it was committed")
	} else {
		require.ErrorIs(t, err, kafka.ErrTxnAborted)
		require.NotErrorIs(t, err, kafka.ErrTxnUnknown)
		require.EqualValues(t, 0, e.stable(t, topic, group))
		require.NoError(t, e.one(t, p, topic, group, "1", 1))
	}
	require.NoError(t, e.one(t, p, topic, group, "2", 2))
	require.Equal(t, []string{"0", "1", "2"}, e.foreignReadAll(t, topic, kgo.ReadCommitted()))
}

// txnLateProduce: a produce request is given up with its transaction and reaches the broker afterwards.
func (e *env) txnLateProduce(t *testing.T, version int) {
	topic, group := e.topic(t, 1), e.name("group")
	x := &cutter{key: 0}
	p := e.producer(t, e.disturbed(t, x, 10*time.Second), kafka.TxnConfig{ID: e.name("txn"), Version: version, Timeout: 6 * time.Second})
	require.NoError(t, e.one(t, p, topic, group, "a", 1))
	x.hold.Store(true)
	require.ErrorIs(t, e.one(t, p, topic, group, "LATE", 2), kafka.ErrTxnAborted)
	x.deliver(t)
	require.NoError(t, e.one(t, p, topic, group, "b", 2))
	x.deliver(t)
	require.NoError(t, e.one(t, p, topic, group, "c", 3))
	// foreignReadAll waits until nothing hangs.
	require.Equal(t, []string{"a", "b", "c"}, e.foreignReadAll(t, topic, kgo.ReadCommitted()))
}
