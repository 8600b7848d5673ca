package stream

import (
	"slices"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/telemetry"
)

// queue is what has been fetched of one input partition and not been processed.
type queue struct {
	tp     kafka.TopicPartition
	input  int
	chunks []*kafka.Chunk
	head   kafka.Record
	at     int64 // its place in the merge: its time, or that of the one before where it is from the future
	has    bool  // head is a record to process
	next   int64
	rank   int   // among records of one time; see inputDef
	asked  int64 // position after the last chunk: where the next one must begin
	end    int64 // last known end; -1: unknown
	bytes  int
	paused bool
	dirty  bool // next is to be committed
	err    error
	lag    *telemetry.Partition

	horizon *horizon
}

// fetchLimits share out what a product may fetch ahead: answers that have not been looked at, and what the queues of its
// partitions hold.
type fetchLimits struct {
	buffered      int // of all partitions, not yet taken over by the queues
	partition     int // of one partition in one answer
	pause, resume int // of one queue
}

func newFetchLimits(bytes int) fetchLimits {
	const leastPartition = 64 << 10
	part := min(max(bytes/16, leastPartition), 1<<20)
	return fetchLimits{buffered: max(bytes, 4*part), partition: part, pause: 2 * part, resume: part}
}

// copying is how topics are fetched to be copied into a store, many at a time; wait is how long an answer may take when
// there is nothing, 0 for the default.
func (l fetchLimits) copying(wait time.Duration) kafka.FetchConfig {
	return kafka.FetchConfig{
		MaxBufferedBytes: min(8<<20, l.buffered), MaxPartitionBytes: l.partition, MaxWait: wait,
	}
}

// atEnd says that everything the partition held when last asked is processed.
func (q *queue) atEnd() bool { return !q.has && len(q.chunks) == 0 && q.end >= 0 && q.next >= q.end }

// known is the end of the partition as far as it was told, -1 when it was not: end, which the merge goes by, is that of the
// last chunk that has been processed.
func (q *queue) known() int64 {
	if n := len(q.chunks); n > 0 {
		return max(q.end, q.chunks[n-1].End())
	}
	return q.end
}

// push takes a chunk over. One that was fetched before the partition was taken
// up anew does not continue the last one and is dropped.
func (q *queue) push(c *kafka.Chunk) {
	if c.From() != q.asked {
		c.Release()
		return
	}
	q.asked = c.NextOffset()
	q.chunks = append(q.chunks, c)
	q.bytes += c.Size()
	if !q.has {
		q.advance()
	}
}

// advance moves head to the next record.
func (q *queue) advance() {
	for len(q.chunks) > 0 {
		c := q.chunks[0]
		if q.has = c.Next(&q.head); q.has {
			if !q.horizon.beyond(q.head.Timestamp) { // else it would wait for everything that is right
				q.at = q.head.Timestamp
			}
			return
		}
		if q.err = c.Err(); q.err != nil {
			return
		}
		q.next, q.end = max(q.next, c.NextOffset()), c.End()
		q.bytes -= c.Size()
		c.Release()
		q.chunks = append(q.chunks[:0], q.chunks[1:]...)
	}
	q.has = false
}

// done marks the head as processed.
func (q *queue) done() {
	q.next, q.dirty = q.head.Offset+1, true
	q.advance()
}

func (q *queue) release() {
	for _, c := range q.chunks {
		c.Release()
	}
	q.chunks, q.has, q.bytes = nil, false, 0
}

// running is a task with its inputs.
type running struct {
	p      int32
	task   *Task
	dir    string
	pos    position
	inputs []*queue
	// changelog records in the open transaction, by output
	appended map[int]int

	active    time.Time // when it last had something to do
	blocked   time.Time // since when the merge waits for an input; zero when it does not
	retry     bool      // the head waits for Task.RetryAt
	live      bool      // the newest record was recent when it was processed
	snapshots int64     // of the store, that have been counted
	joined    bool      // part of the open transaction
}

// pick is the input whose head comes first in time. ok is false when there is
// none, or when an input may still hold an earlier one.
func (r *running) pick(now func() time.Time, patience time.Duration) (best *queue, ok bool) {
	missing := false
	for _, q := range r.inputs {
		if !q.has {
			missing = missing || !q.atEnd()
			continue
		}
		if best == nil || q.at < best.at || q.at == best.at && q.rank < best.rank {
			best = q
		}
	}
	if best == nil {
		if !missing {
			r.blocked = time.Time{}
		}
		return nil, false
	}
	if !missing {
		r.blocked = time.Time{}
		return best, true
	}
	if r.blocked.IsZero() {
		r.blocked = now()
	}
	return best, now().Sub(r.blocked) >= patience
}

// waits says whether the merge holds a record back for an input that may have an earlier one.
func (r *running) waits() bool {
	return !r.blocked.IsZero() && slices.ContainsFunc(r.inputs, func(q *queue) bool { return q.has })
}

func (r *running) idle() bool {
	for _, q := range r.inputs {
		if !q.atEnd() {
			return false
		}
	}
	return true
}
