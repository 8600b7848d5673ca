package service

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

func TestRegistryRequestsAreMeasuredWithoutNames(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	m := telemetry.NewMetrics(nil)
	cfg := RegistryConfig{URLs: []string{web.URL}}
	c, err := cfg.Client(zap.NewNop(), m)
	require.NoError(t, err)
	_, err = c.Schema(t.Context(), 7)
	require.Error(t, err)
	_, err = c.Latest(t.Context(), "some-subject")
	require.Error(t, err)
	require.InDelta(t, 1, testutil.ToFloat64(m.SchemaRequests.WithLabelValues("client", "schema", "404")), 0)
	require.InDelta(t, 1, testutil.ToFloat64(m.SchemaRequests.WithLabelValues("client", "versions", "404")), 0)
	require.Equal(t, 2, testutil.CollectAndCount(m.SchemaRequests))
}

func TestFailedDialsAreCounted(t *testing.T) {
	m := telemetry.NewMetrics(nil)
	_, err := (&KafkaConfig{}).dialer(m)(t.Context(), "tcp", "127.0.0.1:1")
	require.Error(t, err)
	require.InDelta(t, 1, testutil.ToFloat64(m.BrokerConnectErrors.WithLabelValues("127.0.0.1:1", "dial")), 0)
}
