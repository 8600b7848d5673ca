package telemetry_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/telemetry"
)

var now = time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC)

// exercise touches every metric the way one service with one product, inputs
// of the given partitions and all enumerations does.
func exercise(m *telemetry.Metrics, service, product string, inputs, outputs []string, partitions int32) {
	m.SetBuild(service, telemetry.ReadBuild())
	m.SetReady(service, true)
	m.SetDegraded(service, "registry_unreachable", false)
	p := m.Product(product)
	p.SetWatermark(now)
	p.ObserveE2E(20 * time.Millisecond)
	for _, topic := range outputs {
		o := m.Output(product, topic)
		o.Published(telemetry.KindUpsert, 3, 300, now)
		o.Published(telemetry.KindTombstone, 1, 10, now)
		w := m.Producer(topic)
		w.Acked(time.Millisecond, 4096)
		w.Retried()
		w.AddBuffered(1)
		for c := telemetry.ErrorOther; c <= telemetry.ErrorClosed; c++ {
			w.Failed(c)
		}
	}
	group := service + "-cg"
	for _, topic := range inputs {
		r := m.Processor(service, product, topic)
		for o := telemetry.OutcomeOK; o <= telemetry.OutcomeDropped; o++ {
			r.Handled(o, 1)
		}
		r.Observe(time.Millisecond)
		d := m.DeadLetters(service, topic)
		for k := telemetry.ReasonDecode; k <= telemetry.ReasonLate; k++ {
			d.Count(k, 1)
		}
		for n := range partitions {
			l := m.Partition(group, topic, n)
			l.SetLag(7, time.Second)
			l.SetLSOLag(1)
		}
	}
	g := m.Group(group)
	g.Rebalanced(telemetry.RebalanceAssigned, 12)
	g.Committed(time.Millisecond, nil, now)
	g.Committed(time.Millisecond, errors.New("no"), now)
	g.Polled(now)
	t := m.Txn(service, "task")
	for r := telemetry.TxnCommitted; r <= telemetry.TxnFenced; r++ {
		t.Ended(r, time.Millisecond, 100)
	}
	t.Reinitialised(telemetry.ErrorTimeout)
	s := m.Store(service, product)
	s.SetRestoreRemaining(4)
	s.AddRestored(3)
	s.Restored(time.Second)
	s.SetSize(10, 1000)
	s.SetChangelogLag(2)
	s.Snapshotted(time.Millisecond, nil)
	s.Snapshotted(time.Millisecond, errors.New("disk full"))
	for _, op := range []string{"register", "schema_by_id", "versions", "compatibility"} {
		for _, code := range []int{0, 200, 404, 409, 500} {
			m.SchemaRequest(telemetry.SideClient, op, code, time.Millisecond)
			m.SchemaRequest(telemetry.SideServer, op, code, time.Millisecond)
		}
	}
	m.SetSchemaCache(telemetry.SideClient, 9)
	m.SchemaLookup(telemetry.SideClient, true)
	m.SchemaLookup(telemetry.SideClient, false)
	for n := range 3 {
		b := m.Broker(strconv.Itoa(n))
		b.Connected()
		b.Disconnected()
		b.ConnectFailed(telemetry.ErrorDial)
		b.Throttled(time.Second)
	}
}

func topics(n int, prefix string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("pub.ecomm.test.%s-%d.event.v1", prefix, i)
	}
	return names
}

func TestMetricNamesPassTheLinter(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	exercise(telemetry.NewMetrics(reg), "product", "product-sales", topics(1, "in"), topics(1, "out"), 2)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		require.True(t, strings.HasPrefix(f.GetName(), telemetry.Namespace+"_"), f.GetName())
	}
}

// One service with four inputs of twelve partitions and four outputs stays
// under 2,000 series as Prometheus counts them (a bucket is a series).
func TestCardinalityOfOneServiceIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	exercise(telemetry.NewMetrics(reg), "product", "product-sales", topics(4, "in"), topics(4, "out"), 12)
	families, err := reg.Gather()
	require.NoError(t, err)
	allowed := map[string]bool{
		"service": true, "data_product": true, "topic": true, "group": true, "partition": true, "outcome": true,
		"kind": true, "reason": true, "result": true, "cause": true, "store": true, "side": true, "op": true, "code": true,
		"broker": true, "transactional_id_kind": true, "version": true, "revision": true, "goversion": true,
	}
	series := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series++
			if h := m.GetHistogram(); h != nil {
				series += len(h.GetBucket()) + 2
			}
			for _, l := range m.GetLabel() {
				require.True(t, allowed[l.GetName()], "label %s of %s is not in the agreed set", l.GetName(), f.GetName())
				if l.GetName() == "partition" {
					require.Contains(t, f.GetName(), "lag", "only lag gauges carry a partition")
					require.Nil(t, m.GetHistogram())
				}
			}
		}
	}
	require.Less(t, series, 2000)
}

func TestNilMetricsDoNothing(*testing.T) {
	exercise(nil, "product", "product-sales", topics(1, "in"), topics(1, "out"), 2)
	var m *telemetry.Metrics
	m.Partition("g", "t", 0).Delete()
}

func TestRevokedPartitionLeavesNoSeries(t *testing.T) {
	m := telemetry.NewMetrics(nil)
	p := m.Partition("g", "t", 3)
	p.SetLag(10, time.Second)
	p.SetLSOLag(1)
	require.Equal(t, 1, testutil.CollectAndCount(m.LagRecords))
	p.Delete()
	require.Zero(t, testutil.CollectAndCount(m.LagRecords))
	require.Zero(t, testutil.CollectAndCount(m.LagSeconds))
	require.Zero(t, testutil.CollectAndCount(m.LSOLag))
}

func TestNoLagMeansNoAge(t *testing.T) {
	m := telemetry.NewMetrics(nil)
	m.Partition("g", "t", 0).SetLag(0, time.Hour)
	require.Zero(t, testutil.ToFloat64(m.LagSeconds))
}

func TestHandlesDoNotAllocate(t *testing.T) {
	m := telemetry.NewMetrics(nil)
	p, o := m.Processor("s", "p", "t"), m.Output("p", "t")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p.Handled(telemetry.OutcomeOK, 1)
		o.Published(telemetry.KindUpsert, 1, 10, now)
	}))
}
