package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRangeAssignment(t *testing.T) {
	got := assignRange([]groupMember{
		{id: "z", instance: "a", topics: []string{"t", "u"}}, {id: "b", topics: []string{"u", "t"}}, {id: "c", topics: []string{"t"}},
	}, map[string]int{"t": 7, "u": 2})
	for _, parts := range got {
		sortPartitions(parts)
	}
	require.Equal(t, map[string][]TopicPartition{
		"z": {{"t", 0}, {"t", 1}, {"t", 2}, {"u", 0}},
		"b": {{"t", 3}, {"t", 4}, {"u", 1}},
		"c": {{"t", 5}, {"t", 6}},
	}, got)
}

// What we write others read, and the other way round.
func TestConsumerProtocolIsKafkas(t *testing.T) {
	var meta kmsg.ConsumerMemberMetadata
	require.NoError(t, meta.ReadFrom(encodeSubscription([]string{"a", "b"})))
	require.Equal(t, []string{"a", "b"}, meta.Topics)
	meta = kmsg.NewConsumerMemberMetadata()
	meta.Version, meta.Topics, meta.Generation = 3, []string{"x"}, 7
	topics, err := decodeSubscription(meta.AppendTo(nil))
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, topics)

	parts := []TopicPartition{{"b", 1}, {"a", 2}, {"a", 0}}
	var plan kmsg.ConsumerMemberAssignment
	require.NoError(t, plan.ReadFrom(encodeAssignment(parts)))
	require.Equal(t, []kmsg.ConsumerMemberAssignmentTopic{
		{Topic: "a", Partitions: []int32{0, 2}}, {Topic: "b", Partitions: []int32{1}},
	}, plan.Topics)
	back, err := decodeAssignment(plan.AppendTo(nil))
	require.NoError(t, err)
	require.Equal(t, []TopicPartition{{"a", 0}, {"a", 2}, {"b", 1}}, back)
	for _, hostile := range [][]byte{{0}, {0, 0, 0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 1, 0, 9, 'a'}} {
		_, err := decodeAssignment(hostile)
		require.Error(t, err)
		_, err = decodeSubscription(hostile)
		require.Error(t, err)
	}
}
