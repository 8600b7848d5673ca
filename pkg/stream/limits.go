package stream

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
)

// limits are the largest batches that topics take (max.message.bytes), as far as
// the broker tells: without the right to read settings nothing is known, and a
// refused transaction stops the product.
type limits struct {
	mu sync.Mutex
	of map[string]int
}

// batch is the limit of a topic; 0 when it is not known.
func (l *limits) batch(topic string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[topic]
}

// learn asks for the limits of the topics that products publish to.
func (r *Runner) learnLimits(ctx context.Context, defs ...*definition) {
	var names []string
	for _, d := range defs {
		for _, o := range d.outputs {
			names = append(names, o.info.Name)
		}
	}
	cfgs, err := r.cfg.Kafka.TopicConfigs(ctx, names...)
	if err != nil {
		r.cfg.Log.Info("the largest message of topics is not known", zap.Error(err))
		return
	}
	r.limits.mu.Lock()
	defer r.limits.mu.Unlock()
	if r.limits.of == nil {
		r.limits.of = map[string]int{}
	}
	for name, c := range cfgs {
		if n, err := strconv.Atoi(c["max.message.bytes"].Value); err == nil {
			r.limits.of[name] = n
		}
	}
}

// What a batch has besides its records, and a record besides key, value and
// headers, at most.
const (
	batchRoom  = 61
	recordRoom = 40
)

// batchBytes is how large a builder's batches for an output may become.
func (w *worker) batchBytes(out int) int {
	n := w.r.limits.batch(w.def.outputs[out].info.Name)
	if n <= 0 {
		return 0
	}
	return min(kafka.DefaultMaxBatchBytes, max(n-batchRoom, 1))
}

// maxRecord is the limit that a task checks records against. Compressed batches
// may hold more than the limit; how much is not known before.
func (w *worker) maxRecord(topic string) int {
	if w.r.cfg.Codec != kafka.CodecNone {
		return 0
	}
	return w.r.limits.batch(topic)
}

// tooLarge is a record that its topic cannot take. Trying again does not help.
type tooLarge struct {
	topic       string
	size, limit int
}

func (e *tooLarge) Error() string {
	return fmt.Sprintf("a record of %d bytes for %s, which takes %d: publish less, or raise max.message.bytes", e.size, e.topic, e.limit)
}

// learnLimits takes over how large the records of each output may be.
func (t *Task) learnLimits() {
	t.limited = false
	if t.cfg.MaxRecord == nil {
		return
	}
	for i, o := range t.def.outputs {
		t.outs[i].limit = t.cfg.MaxRecord(o.info.Name)
		t.limited = t.limited || t.outs[i].limit > 0
	}
}

// fits checks what the reaction wants to publish.
func (t *Task) fits() error {
	for i := range t.pend.ops {
		o := &t.pend.ops[i]
		if o.gone {
			continue
		}
		key, value := t.pend.of(o)
		size := len(key) + len(value)
		if o.row || o.out >= 0 {
			if err := t.fitsIn(int(o.out), size); err != nil {
				return err
			}
			continue
		}
		row := key[0] == rowState || key[0] == rowWindow
		if t.def.side >= 0 && key[0] != joinRow && (key[0] != rowState || !t.def.ownChangelog) {
			if err := t.fitsIn(t.def.side, size); err != nil {
				return err
			}
		}
		if row && t.def.spec.Emit != EveryUpdate { // published later
			if err := t.fitsIn(0, size); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Task) fitsIn(out, size int) error {
	o := &t.outs[out]
	if o.limit <= 0 {
		return nil
	}
	if size += batchRoom + recordRoom; o.tmpl != nil {
		size += o.tmpl.Size()
	}
	if size > o.limit {
		return &tooLarge{t.def.outputs[out].info.Name, size, o.limit}
	}
	return nil
}
