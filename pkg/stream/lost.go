package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshwork.dev/pkg/kafka"
)

// explainTimeout bounds what is asked of the broker to explain an error.
const explainTimeout = 5 * time.Second

// unreadable is why an input could not be read on. Where records are gone before they were read, it says which the
// partition still holds: nothing but the operator's word may skip what is missing.
func (w *worker) unreadable(q *queue) error {
	if !errors.Is(q.err, kafka.ErrOffsetOutOfRange) {
		return fmt.Errorf("product %s: read %s at offset %d: %w", w.def.name, q.tp, q.asked, q.err)
	}
	ctx, cancel := context.WithTimeout(w.life, explainTimeout)
	defer cancel()
	tps := []kafka.TopicPartition{q.tp}
	first, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadUncommitted)
	if err != nil {
		return fmt.Errorf("product %s: read %s at offset %d: %w", w.def.name, q.tp, q.asked, q.err)
	}
	end, err := w.r.cfg.Kafka.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadUncommitted)
	if err != nil {
		return fmt.Errorf("product %s: read %s at offset %d: %w", w.def.name, q.tp, q.asked, q.err)
	}
	why := "retention deleted records that this product had not read"
	if q.asked >= first[q.tp] {
		why = "the topic ends before what this product had read: it was made anew, or a broker lost records"
	}
	return fmt.Errorf("product %s: read %s at offset %d, but the partition holds %d to %d (end not included): %s; `meshwork reset` lets it begin anew: %w",
		w.def.name, q.tp, q.asked, first[q.tp], end[q.tp], why, q.err)
}
