package kafkatest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/kafka"
)

// unstableOffsets moves a group's offsets within a transaction of a client of another make: while it is pending
// they are not told, and an abort leaves the old ones.
func (e *env) unstableOffsets(t *testing.T) {
	topic, group := e.topic(t, 1), e.name("group")
	t.Cleanup(func() { _ = e.client.DeleteGroups(context.Background(), group) })
	tp := kafka.TopicPartition{Topic: topic}
	tps := []kafka.TopicPartition{tp}
	require.NoError(t, e.client.CommitOffsets(ctx(t), group, map[kafka.TopicPartition]int64{tp: 10}))
	id := e.name("txn")
	cl := e.foreign(t, kgo.TransactionalID(id))
	for _, commit := range []bool{false, true} {
		require.NoError(t, cl.BeginTransaction())
		foreignSend(t, cl, topic, 0, "v")
		e.pendingOffset(t, cl, id, group, topic, 20)
		require.Eventually(t, func() bool { // the first answer may take longer than one try
			short, cancel := context.WithTimeout(ctx(t), 400*time.Millisecond)
			defer cancel()
			_, err := e.client.CommittedOffsets(short, group, tps)
			return errors.Is(err, kafka.ErrUnstableOffset)
		}, 30*time.Second, time.Millisecond)
		done := make(chan error, 1)
		time.AfterFunc(100*time.Millisecond, func() { done <- cl.EndTransaction(ctx(t), kgo.TransactionEndTry(commit)) })
		got, err := e.client.CommittedOffsets(ctx(t), group, tps)
		require.NoError(t, err)
		want := int64(10)
		if commit {
			want = 20
		}
		require.Equal(t, want, got[tp])
		require.NoError(t, <-done)
	}
}

func (e *env) pendingOffset(t *testing.T, cl *kgo.Client, id, group, topic string, offset int64) {
	t.Helper()
	pid, epoch, err := cl.ProducerID(ctx(t))
	require.NoError(t, err)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.Group, add.ProducerID, add.ProducerEpoch = id, group, pid, epoch
	_, err = add.RequestWith(ctx(t), cl)
	require.NoError(t, err)
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Offset = offset
	ct := kmsg.NewTxnOffsetCommitRequestTopic()
	metas, err := e.client.Topics(ctx(t), topic)
	require.NoError(t, err)
	ct.Topic, ct.TopicID, ct.Partitions = topic, metas[topic].ID, append(ct.Partitions, p) // by name or id, as the version has it
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = id, group, pid, epoch
	req.Topics = append(req.Topics, ct)
	resp, err := req.RequestWith(ctx(t), cl)
	require.NoError(t, err)
	require.Zero(t, resp.Topics[0].Partitions[0].ErrorCode)
}
