package stream

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// due is an entry of a timer queue. It only points at the store, where the key
// holds the time it is due: an entry whose time is not the stored one is stale
// and ignored, so a moved or cancelled timer need not be searched for.
type due struct {
	at  int64
	key string
}

// dueQueue is ordered by time and then key, so that repetitions fire alike.
type dueQueue []due

func (q dueQueue) Len() int { return len(q) }
func (q dueQueue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return strings.Compare(q[i].key, q[j].key) < 0
}
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *dueQueue) Push(x any)   { *q = append(*q, x.(due)) } //nolint:errcheck,forcetypeassert // only push below calls it
func (q *dueQueue) Pop() any {
	old := *q
	n := len(old) - 1
	x := old[n]
	old[n] = due{}
	*q = old[:n]
	return x
}

func (q *dueQueue) push(d due) { heap.Push(q, d) }
func (q *dueQueue) pop()       { heap.Pop(q) }

// next is when the first entry is due; the largest time when there is none.
func (q dueQueue) next() int64 {
	if len(q) == 0 {
		return math.MaxInt64
	}
	return q[0].at
}

func (t *Task) queue(key []byte) *dueQueue {
	if key[0] == wallTimer {
		return &t.wall
	}
	return &t.event
}

// setDue stores when key is due. The queue learns of it when the reaction has
// succeeded: see flush.
//
// What a timer's reaction sets for a time not after its own is of the next
// generation: the same timer may fire again for the same time, and what it
// makes must not have the same identities.
func (t *Task) setDue(key []byte, at int64) {
	var b [8 + binary.MaxVarintLen32]byte
	value := appendTime(b[:0], at)
	if t.org.input < 0 && at <= t.org.ts {
		value = binary.AppendUvarint(value, uint64(t.org.generation)+1)
	}
	t.pend.put(key, value)
}

// readDue undoes setDue.
func readDue(b []byte) (at int64, generation uint32, ok bool) {
	if len(b) > 8 {
		g, n := binary.Uvarint(b[8:])
		if n != len(b)-8 {
			return 0, 0, false
		}
		b, generation = b[:8], uint32(g)
	}
	at, ok = readTime(b)
	return at, generation, ok
}

// isDue says whether keys of this namespace belong into a queue.
func isDue(ns byte) bool {
	return ns == eventTimer || ns == wallTimer || ns == closeTimer || ns == seenID
}

// loadTimers fills the queues from the store.
func (t *Task) loadTimers() error {
	t.event, t.wall = t.event[:0], t.wall[:0]
	if !t.def.usesClock {
		return nil
	}
	t.readClock()
	for _, ns := range [...]byte{eventTimer, wallTimer, closeTimer, seenID} {
		err := t.store.Scan([]byte{ns}, func(key, value []byte) bool {
			if at, _, ok := readDue(value); ok {
				q := t.queue(key)
				*q = append(*q, due{at, string(key)})
			}
			return true
		})
		if err != nil {
			return fmt.Errorf("load timers of task %d: %w", t.p, err)
		}
	}
	heap.Init(&t.event)
	heap.Init(&t.wall)
	return nil
}

// fire runs what is due up to the two times, at most limit entries. It returns
// Done when nothing more is due, and Again after a reaction that set a timer for
// at once: long work is done in portions, and a commit may come between.
func (t *Task) fire(event, wall int64, limit int, sink Sink) (Outcome, error) {
	for _, c := range [...]struct {
		q     *dueQueue
		until int64
	}{{&t.event, event}, {&t.wall, wall}} {
		for c.q.next() <= c.until {
			if limit--; limit < 0 {
				return Again, nil
			}
			d := (*c.q)[0]
			v, ok := t.get([]byte(d.key))
			at, generation, _ := readDue(v)
			if !ok || at != d.at {
				c.q.pop() // stale
				continue
			}
			c.q.pop() // before the reaction, whose own timers may come before this one
			t.atOnce = false
			if out, err := t.fireOne(d, generation, sink); out != Done || err != nil {
				c.q.push(d)
				return out, err
			}
			t.popped = append(t.popped, d)
			if t.atOnce {
				return Again, nil
			}
		}
	}
	return Done, nil
}

func (t *Task) fireOne(d due, generation uint32, sink Sink) (Outcome, error) {
	if d.key[0] != wallTimer {
		t.clock = max(t.clock, d.at)
	}
	if t.firing != d.key {
		t.firing, t.firingTries = d.key, 0
	}
	t.org = current{
		input: -1, ts: d.at, offset: d.at & (1<<48 - 1), source: timerSource(t.def.name, d.key, generation), generation: generation,
	}
	return t.attempt(nil, sink, func() error {
		key := []byte(d.key)
		t.pend.delete(key)
		switch d.key[0] {
		case seenID:
			return nil
		case closeTimer:
			return t.exec.closeWindow(key[1:])
		default:
			name, rest, ok := cutText(key[1:])
			if !ok {
				return &fatal{fmt.Errorf("damaged timer %q", d.key)}
			}
			return t.exec.fireTimer(string(name), rest, d.at)
		}
	})
}
