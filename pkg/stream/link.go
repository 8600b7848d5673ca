package stream

import (
	"context"

	"meshwork.dev/pkg/kafka"
)

// What a worker needs of a transactional producer and of a group membership.
// The adapters over pkg/kafka are in connect.go; tests put others in between.

// transaction is built in memory and sent as a whole.
type transaction interface {
	partition(tp kafka.TopicPartition) *kafka.BatchBuilder
	offset(meta kafka.GroupMeta, tp kafka.TopicPartition, next int64)
	bytes() int
	discard()
}

// producer commits transactions, one at a time, while the next is being built.
type producer interface {
	begin() transaction
	commit(ctx context.Context, t transaction) error
	close()
}

// membership is a place in a consumer group.
type membership interface {
	events() <-chan kafka.GroupEvent
	ack()
	meta() kafka.GroupMeta
	leave(ctx context.Context) error
}
