package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/telemetry"
)

func TestLogsHoldNoSecretsAndNoPersonalData(t *testing.T) {
	for _, format := range []string{"json", "console"} {
		var out bytes.Buffer
		log, err := telemetry.NewLogger(telemetry.LogConfig{Format: format, Out: &out})
		require.NoError(t, err)
		const hidden = "hunter2"
		log = log.With(zap.String("sasl_password", hidden))
		log.Info("connecting to http://user:"+hidden+"@registry:8081",
			zap.String("kafka_sasl_password", hidden),
			zap.String("Authorization", "Bearer "+hidden),
			zap.ByteString("api_key", []byte(hidden)),
			zap.String("customer_email", hidden+"@example.com"),
			zap.String("shipTo", hidden+" Street 1"),
			zap.Any("record_value", map[string]string{"a": hidden}),
			zap.Error(fmt.Errorf("get https://user:%s@host/: %w", hidden, errors.New("refused"))),
			zap.Stringer("secretive", telemetry.Secret(hidden)),
			zap.Any("s", telemetry.Secret(hidden)),
			zap.String("topic", "pub.ecomm.product.product.state.v1"))
		require.NotContains(t, out.String(), hidden)
		require.Contains(t, out.String(), "[redacted]")
		require.Contains(t, out.String(), "pub.ecomm.product.product.state.v1")
		require.Contains(t, out.String(), "refused")
	}
}

func TestSecretHidesItself(t *testing.T) {
	s := telemetry.Secret("hunter2")
	for _, f := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		require.NotContains(t, fmt.Sprintf(f, s), "hunter2", f)
		require.NotContains(t, fmt.Sprintf(f, struct{ S telemetry.Secret }{s}), "hunter2", f)
	}
	b, err := json.Marshal(map[string]telemetry.Secret{"p": s, "empty": ""})
	require.NoError(t, err)
	require.JSONEq(t, `{"p":"[redacted]","empty":""}`, string(b))
}

func TestLoggerRefusesUnknownSettings(t *testing.T) {
	_, err := telemetry.NewLogger(telemetry.LogConfig{Level: "loud"})
	require.ErrorContains(t, err, "loud")
	_, err = telemetry.NewLogger(telemetry.LogConfig{Format: "xml"})
	require.ErrorContains(t, err, "xml")
}

func TestLevelIsRespected(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Level: "warn", Out: &out})
	require.NoError(t, err)
	log.Info("quiet")
	require.Empty(t, out.String())
	log.Warn("loud")
	require.Contains(t, out.String(), `"level":"warn"`)
}

func TestHealthListsWhatIsMissing(t *testing.T) {
	h := telemetry.NewHealth()
	require.Empty(t, h.Unready())
	h.Wait("registry", "no answer")
	h.Wait("order", "restoring 4 of 12")
	require.Equal(t, []string{"order: restoring 4 of 12", "registry: no answer"}, h.Unready())
	h.Hold("registry")
	h.Hold("order")
	require.Empty(t, h.Unready())

	h.Beat("loop", time.Hour)
	require.Empty(t, h.Stuck())
	h.Beat("loop", -time.Second)
	require.Len(t, h.Stuck(), 1)
	h.Rest("loop")
	require.Empty(t, h.Stuck())
}
