package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/pkg/telemetry"
	"meshwork.dev/schemas/wire"
)

// TestMetricsTellTheTruth compares counters with what was sent.
func TestMetricsTellTheTruth(t *testing.T) {
	w := newWorld(t)
	reg := prometheus.NewRegistry()
	m := telemetry.NewMetrics(reg)
	dead := w.feed(1000)
	n := w.start(t.TempDir(), []Definition{w.counts()}, func(c *Config) { c.Metrics, c.Service = m, "svc" })
	n.caughtUp(t)
	keys := 0
	for _, s := range n.Status() {
		keys += s.Keys
	}
	require.Len(t, w.want, keys)
	n.stop(t)
	hits := 0
	for _, c := range w.want {
		hits += int(c.Hits)
	}
	total := func(name string, match ...string) (sum float64) {
		fs, err := reg.Gather()
		require.NoError(t, err)
		for _, f := range fs {
			if f.GetName() != "meshwork_"+name {
				continue
			}
		series:
			for _, s := range f.GetMetric() {
				text := s.String()
				for _, want := range match {
					if !strings.Contains(text, want) {
						continue series
					}
				}
				sum += s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
			}
		}
		return sum
	}
	require.InDelta(t, hits, total("dataproduct_records_published_total", w.s.Counts.Info.Name, "upsert"), 0.1)
	require.InDelta(t, dead, total("dlq_records_total", `"svc"`), 0.1)
	require.Positive(t, total("txn_total", "committed"))
	require.InDelta(t, dead, total("processor_records_total", "dead_letter"), 0.1)
	require.GreaterOrEqual(t, total("dataproduct_e2e_latency_seconds"), total("txn_total", "committed"), "latency is sampled in every transaction")
	require.Zero(t, total("state_changelog_lag_records"), "all is applied")
	require.Less(t, testutil.CollectAndCount(m.LagRecords), 1, "given-up partitions have no lag")
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// TestKeysAreRows does not count what the engine remembers for itself.
func TestKeysAreRows(t *testing.T) {
	w := newWorld(t)
	send(w, w.s.Hits, past, hit("a", 1))
	send(w, w.s.Hits, past, hit("b", 1))
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo), OnTimer("t", func(*Ctx[string, sample.Count], time.Time) error { return nil }))})
	n.caughtUp(t)
	require.Equal(t, 2, n.Status()[0].Keys)
	n.stop(t)
}

// TestDegraded shows the registry's absence while records wait for it.
func TestDegraded(t *testing.T) {
	beside(t)
	w := newWorld(t)
	m := telemetry.NewMetrics(prometheus.NewRegistry())
	w.reg.mu.Lock()
	w.reg.text = append(w.reg.text, sample.OldHitSchema)
	w.reg.mu.Unlock()
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))}, func(c *Config) { c.Metrics, c.Service = m, "svc" })
	require.Eventually(t, n.Ready, 20*time.Second, 10*time.Millisecond)
	down := func(is bool) {
		w.reg.mu.Lock()
		defer w.reg.mu.Unlock()
		w.reg.down = is
	}
	down(true)
	c := w.client()
	p, err := c.NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "feed-degraded"})
	require.NoError(t, err)
	defer p.Close()
	txn := p.NewTxn()
	txn.Append(kafka.TopicPartition{Topic: w.s.Hits.Info.Name}, time.Now().UnixMilli(), []byte("a"), wire.AppendLong(wire.AppendString(avro.AppendHeader(nil, 1), "a"), 1))
	require.NoError(t, p.Commit(t.Context(), txn))
	gauge := func() float64 { return testutil.ToFloat64(m.Degraded.WithLabelValues("svc", "registry_unreachable")) }
	require.Eventually(t, func() bool { return gauge() == 1 }, 20*time.Second, 10*time.Millisecond)
	down(false)
	require.Eventually(t, func() bool { return gauge() == 0 }, 20*time.Second, 10*time.Millisecond)
	n.caughtUp(t)
	n.stop(t)
}

func TestNothingIsLeftBehind(t *testing.T) {
	w := newWorld(t)
	send(w, w.s.Names, past, sample.Name{Key: "a", Text: "x"})
	before := goleak.IgnoreCurrent()
	names := Lookup(w.s.Names)
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{Uses: []Dep{names}}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		row, _ := names.Get(c, "a")
		c.State.Note = row.Text
		return addTo(c, h)
	}))})
	send(w, w.s.Hits, past, hit("a", 1))
	n.caughtUp(t)
	n.stop(t)
	require.Eventually(t, func() bool {
		return goleak.Find(before, goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).read"), goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kfake.(*clientConn).write")) == nil
	}, 10*time.Second, 50*time.Millisecond, "%v", goleak.Find(before))
}
