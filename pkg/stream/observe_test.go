package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/pkg/telemetry"
)

// TestMetricsTellTheTruth compares counters with what was sent.
func TestMetricsTellTheTruth(t *testing.T) {
	w := newWorld(t)
	reg := prometheus.NewRegistry()
	m := telemetry.NewMetrics(reg)
	dead := w.feed(1000)
	n := w.start(t.TempDir(), []Definition{w.counts()}, func(c *Config) { c.Metrics, c.Service = m, "svc" })
	n.caughtUp(t)
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
				sum += s.GetCounter().GetValue() + s.GetGauge().GetValue()
			}
		}
		return sum
	}
	require.InDelta(t, hits, total("dataproduct_records_published_total", w.s.Counts.Info.Name, "upsert"), 0.1)
	require.InDelta(t, dead, total("dlq_records_total", `"svc"`), 0.1)
	require.Positive(t, total("txn_total", "committed"))
	require.InDelta(t, dead, total("processor_records_total", "dead_letter"), 0.1)
	require.Less(t, testutil.CollectAndCount(m.LagRecords), 1, "given-up partitions have no lag")
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
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
