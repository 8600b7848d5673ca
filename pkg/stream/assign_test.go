package stream

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// keptPlace is a place in a group that counts how often a revocation was agreed to.
type keptPlace struct{ acks int }

func (k *keptPlace) events() <-chan kafka.GroupEvent { return nil }
func (k *keptPlace) ack()                            { k.acks++ }
func (k *keptPlace) meta() kafka.GroupMeta           { return kafka.GroupMeta{} }
func (k *keptPlace) leave(context.Context) error     { return nil }

// committing is a worker with one task, whose transaction is under way and does not end, because brokers do not answer.
func committing(t *testing.T) (*worker, *keptPlace) {
	t.Helper()
	s := sample.New(1, 1)
	p := &process{t: t, def: Define(s.Counts, Spec{}, On(s.Hits, addTo)), s: s, now: past}
	p.fresh()
	place := &keptPlace{}
	w := newWorker(&Runner{cfg: Config{Log: zap.NewNop(), StopTimeout: time.Minute}, parts: map[string]int{s.Hits.Info.Name: 1}}, p.def.definition())
	w.group, w.lead = place, s.Hits.Info.Name
	w.tasks[0] = &running{p: 0, task: p.task}
	w.inflight = &batch{tasks: []*running{w.tasks[0]}}
	return w, place
}

// A stop that comes while partitions are to be given away commits first, and gives them away by leaving. Whoever got
// them before the commit would do again what is committed after it.
func TestAStopDuringARevocationGivesNothingAway(t *testing.T) {
	w, place := committing(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.onGroup(ctx, kafka.GroupEvent{Kind: kafka.Revoked, Partitions: []kafka.TopicPartition{{Topic: w.lead}}})
	require.NoError(t, err)
	require.Zero(t, place.acks)
	require.Contains(t, w.tasks, int32(0))
}

// A stop does not wait for brokers that have already been given up.
func TestAStopAfterALossWaitsForNobody(t *testing.T) {
	w, _ := committing(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() {
		done <- w.onGroup(ctx, kafka.GroupEvent{Kind: kafka.Lost, Partitions: []kafka.TopicPartition{{Topic: w.lead}}})
	}()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for a commit that nobody will answer")
	}
}

// A topic that got more partitions than it had at the start is not read in part without a word.
func TestATopicThatGrew(t *testing.T) {
	w, _ := committing(t)
	err := w.onGroup(t.Context(), kafka.GroupEvent{Kind: kafka.Assigned, Partitions: []kafka.TopicPartition{{Topic: w.lead, Partition: 1}}})
	require.ErrorContains(t, err, "start the service again")
}

// A source that was given more partitions than the product's changelog has is refused with what is to be done.
func TestAChangelogThatIsTooSmall(t *testing.T) {
	beside(t)
	w := newWorld(t)
	wide := sample.NewIn("outgrown", 3, 9)
	def := Define(wide.Counts, Spec{}, On(KeyBy(wide.Via, From(Distinct(wide.Others, func(h sample.Hit) string { return h.ID }, time.Hour),
		func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error { emit(h.Key, h); return nil })), addTo))
	d := def.definition()
	small := *d.outputs[d.side].info
	small.Partitions = 3
	require.NoError(t, w.client().CreateTopics(t.Context(), TopicSpec(&wide.Others.Info, 1), TopicSpec(&small, 1)))
	n := w.start(t.TempDir(), []Definition{def})
	select {
	case err := <-n.done:
		require.ErrorContains(t, err, small.Name+" 3: give the changelog as many")
	case <-time.After(30 * time.Second):
		t.Fatal("it runs")
	}
	n.cancel()
	n.c.Close()
}
