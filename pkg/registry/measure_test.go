package registry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/telemetry"
)

// What server and client tell, without a subject or an id in any label.
func TestRequestsSchemasAndLookupsAreMeasured(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := telemetry.NewMetrics(reg)
	s, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{Metrics: m})
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(func() { web.Close(); require.NoError(t, s.Close()) })
	c, err := registry.NewClient([]string{web.URL}, registry.WithMetrics(m))
	require.NoError(t, err)
	schema := registry.Schema{Text: `"string"`}
	for range 3 {
		_, err = c.Register(t.Context(), "measured-value", schema)
		require.NoError(t, err)
	}
	_, err = c.Register(t.Context(), "measured-value", registry.Schema{Text: `"int"`})
	require.ErrorIs(t, err, registry.ErrIncompatible)
	resp, err := http.Get(web.URL + "/no/such/page")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())

	requests := func(op, code string) float64 {
		return testutil.ToFloat64(m.SchemaRequests.WithLabelValues("server", op, code))
	}
	require.InDelta(t, 1, requests("register", "200"), 0, "the client knew the other two")
	require.InDelta(t, 1, requests("register", "409"), 0)
	require.InDelta(t, 1, requests("other", "404"), 0)
	require.InDelta(t, 2, testutil.ToFloat64(m.SchemaLookups.WithLabelValues("client", "hit")), 0)
	require.InDelta(t, 2, testutil.ToFloat64(m.SchemaLookups.WithLabelValues("client", "miss")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.SchemaCache.WithLabelValues("server")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.SchemaCache.WithLabelValues("client")), 0)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				require.NotContains(t, l.GetValue(), "measured")
			}
		}
	}
}
