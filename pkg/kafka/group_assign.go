package kafka

import (
	"cmp"
	"slices"
)

// What members of a classic group tell one another, in the encoding of Kafka's own consumers
// (ConsumerProtocolSubscription and ConsumerProtocolAssignment, version 0), so that tools can show it.

func encodeSubscription(topics []string) []byte {
	var e encoder
	e.i16(0)
	e.arr(len(topics))
	for _, t := range topics {
		e.str(t)
	}
	e.i32(-1) // no user data
	return e.b
}

// decodeSubscription reads the topics; what later versions add is not needed.
func decodeSubscription(p []byte) ([]string, error) {
	d := decoder{b: p}
	d.i16()
	var topics []string
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topics = append(topics, d.str())
	}
	return topics, d.err
}

func encodeAssignment(parts []TopicPartition) []byte {
	sortPartitions(parts)
	var e encoder
	e.i16(0)
	topics := 0
	for i, tp := range parts {
		if i == 0 || tp.Topic != parts[i-1].Topic { //nolint:gosec // i is not 0 here
			topics++
		}
	}
	e.arr(topics)
	for i := 0; i < len(parts); {
		n := i
		for n < len(parts) && parts[n].Topic == parts[i].Topic {
			n++
		}
		e.str(parts[i].Topic)
		e.arr(n - i)
		for ; i < n; i++ {
			e.i32(parts[i].Partition)
		}
	}
	e.i32(-1)
	return e.b
}

// decodeAssignment reads an assignment; an empty one may have no bytes at all.
func decodeAssignment(p []byte) ([]TopicPartition, error) {
	if len(p) == 0 {
		return nil, nil
	}
	d := decoder{b: p}
	d.i16()
	var parts []TopicPartition
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topic := d.str()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			parts = append(parts, TopicPartition{topic, d.i32()})
		}
	}
	return parts, d.err
}

// assignRange gives each topic's partitions in ranges to the members that subscribe to it, in the order of their
// instance or member ids: topics with equally many partitions and the same members are split alike.
func assignRange(members []groupMember, counts map[string]int) map[string][]TopicPartition {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b groupMember) int {
		return cmp.Compare(cmp.Or(a.instance, a.id), cmp.Or(b.instance, b.id))
	})
	plan := make(map[string][]TopicPartition, len(members))
	byTopic := map[string][]string{}
	for _, m := range members {
		plan[m.id] = nil // everybody gets an answer
		for _, t := range slices.Compact(slices.Sorted(slices.Values(m.topics))) {
			byTopic[t] = append(byTopic[t], m.id)
		}
	}
	for topic, ids := range byTopic {
		n, at := counts[topic], 0
		for i, id := range ids {
			share := n / len(ids)
			if i < n%len(ids) {
				share++
			}
			for range share {
				plan[id] = append(plan[id], TopicPartition{topic, int32(at)})
				at++
			}
		}
	}
	return plan
}
