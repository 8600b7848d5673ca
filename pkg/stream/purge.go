package stream

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
)

// Records that a product has re-keyed for itself ([KeyBy]) are of no use once it has read them, and must not be deleted a
// moment earlier. Retention by time cannot tell: it goes by the event time that the records keep, so what a service reads
// after an outage, or a replay of history, would be old enough to be deleted as soon as it is written. So such topics
// have no retention, and the product deletes behind the offsets that it has committed, as Kafka Streams does with its
// repartition topics. A topic that another product of the service reads as well is left alone.
//
// The last record read stays, so that no log is ever empty: the embedded broker forgets, when it stops, where an empty one
// had been.

// purge is what the loop knows of the re-keyed records that can go.
type purge struct {
	read    map[kafka.TopicPartition]int64 // the last record read, of what was committed since the last request
	at      time.Time                      // when it was sent
	under   bool                           // it is under way
	results chan error
	refused bool // it has been said that the broker does not allow it
}

// purgeTimeout bounds a request: it is sent again with the next commits anyway.
const purgeTimeout = 10 * time.Second

// purges says whether the worker deletes what an input holds once it has read it.
func (w *worker) purges(input int) bool {
	in := w.def.inputs[input]
	return in.internal && w.r.cfg.PurgeInterval > 0 && w.r.readers[in.info.Name] == 1
}

// maybePurge deletes what has been read, now and then.
func (w *worker) maybePurge(now time.Time) {
	p := &w.purge
	if len(p.read) == 0 || p.under || now.Sub(p.at) < w.r.cfg.PurgeInterval {
		return
	}
	before := maps.Clone(p.read)
	clear(p.read)
	p.under, p.at = true, now
	w.wg.Go(func() {
		ctx, cancel := context.WithTimeout(w.life, purgeTimeout)
		defer cancel()
		_, err := w.r.cfg.Kafka.DeleteRecords(ctx, before)
		p.results <- err // has room: there is one at a time
	})
}

// onPurged hears what became of a request. A failure costs room on the brokers until the next one, and nothing else.
func (w *worker) onPurged(err error) {
	w.purge.under = false
	switch {
	case err == nil || w.purge.refused:
	case errors.Is(err, kafka.ErrAuth):
		w.purge.refused = true
		w.log.Warn("the broker does not let this product delete the re-keyed records that it has read; they stay: allow DELETE on its private topics", zap.Error(err))
	default:
		w.log.Debug("re-keyed records that have been read were not deleted; trying again later", zap.Error(err))
	}
}
