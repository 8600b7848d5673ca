package kafka

import "time"

// Unanswered is the partition that has waited longest for an answer of its leader, and since when. A leader that is
// well answers after MaxWait at the latest, so much longer means that nobody knows what the partition holds. Paused
// partitions, those with records that were not polled yet, and those that rest after an error are not waiting. ok is
// false when none is.
func (f *Fetcher) Unanswered() (tp TopicPartition, since time.Time, ok bool) {
	return f.silent(false)
}

// Answered is since when it is known of all partitions that there is nothing more of them than what was polled: the time
// of the oldest of their latest answers. One that rests after an error counts, since nobody knows what it holds. ok is
// false when there is none to ask.
func (f *Fetcher) Answered() (since time.Time, ok bool) {
	_, since, ok = f.silent(true)
	return since, ok
}

func (f *Fetcher) silent(resting bool) (tp TopicPartition, since time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.order {
		if p.paused || p.resting && !resting || p.buffered > 0 {
			continue
		}
		if !ok || p.answered.Before(since) {
			tp, since, ok = p.tp, p.answered, true
		}
	}
	return tp, since, ok
}
