package kafka

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/telemetry"
)

// TestThrottleIsMeasured has the broker hold the client back.
func TestThrottleIsMeasured(t *testing.T) {
	b := broker.New(t)
	m := telemetry.NewMetrics(prometheus.NewRegistry())
	c, err := NewClient(Config{Brokers: b.Addrs(), Metrics: m})
	require.NoError(t, err)
	defer c.Close()
	b.Kfake().ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse) //nolint:errcheck,forcetypeassert // of the answer it is for
		resp.ThrottleMillis, resp.ProducerID = 1500, 1
		return resp, nil, true
	})
	p, err := c.NewTxnProducer(t.Context(), TxnConfig{ID: "held-back"})
	require.NoError(t, err)
	p.Close()
	require.InDelta(t, 1.5, testutil.ToFloat64(m.BrokerThrottle.WithLabelValues(b.Addrs()[0])), 1e-9)
}
