package kafka

import "time"

// Unanswered is the partition that has waited longest for an answer of its leader, and since when. A leader that is
// well answers after MaxWait at the latest, so much longer means that nobody knows what the partition holds. Paused
// partitions, those with records that were not polled yet, and those that rest after an error are not waiting. ok is
// false when none is.
func (f *Fetcher) Unanswered() (tp TopicPartition, since time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.order {
		if p.paused || p.resting || p.buffered > 0 {
			continue
		}
		if !ok || p.answered.Before(since) {
			tp, since, ok = p.tp, p.answered, true
		}
	}
	return tp, since, ok
}
