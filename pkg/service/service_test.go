package service_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testService = service.Definition{Name: "testing", Doc: "A service for tests."}

func exec(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = service.Exec(t.Context(), testService, args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestHelpNamesEveryFlagWithItsVariable(t *testing.T) {
	status, out, _ := exec(t, "--help")
	require.Equal(t, service.ExitOK, status)
	for _, want := range []string{"A service for tests.", "healthcheck", "describe"} {
		require.Contains(t, out, want)
	}
	status, out, _ = exec(t, "run", "--help")
	require.Equal(t, service.ExitOK, status)
	for _, want := range []string{
		"--kafka", "MESHWORK_KAFKA_BROKERS", "--registry", "MESHWORK_REGISTRY_URL", "--state-dir",
		"MESHWORK_STATE_DIR", "--kafka-sasl-password-file", "--commit-interval", "--http-listen", "MESHWORK_LOG_LEVEL",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "--kafka-sasl-password=", "secrets are no arguments")
}

func TestAllFaultsAreListedAtOnce(t *testing.T) {
	status, _, errs := exec(t, "--kafka=nowhere", "--kafka-sasl-mechanism=GUESS", "--kafka-tls-cert=a.pem",
		"--registry=ftp://x", "--commit-interval=2m", "--compression=rar", "--http-listen=8080", "--log-level=loud", "--state-dir=")
	require.Equal(t, service.ExitUsage, status)
	for _, want := range []string{
		`"nowhere"`, `"GUESS"`, "go together", "without --kafka-tls", `"ftp://x"`, "2m0s", `"rar"`, `"8080"`, `"loud"`, "--state-dir",
	} {
		require.Contains(t, errs, want)
	}
}

func TestUnknownFlagIsAUsageError(t *testing.T) {
	status, _, errs := exec(t, "--no-such-flag")
	require.Equal(t, service.ExitUsage, status)
	require.Contains(t, errs, "no-such-flag")
}

func TestSecretsComeFromFilesAndEnvironmentAndStayHidden(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("hunter2\n"), 0o600))
	cfg := service.Config{Kafka: service.KafkaConfig{KafkaSecurity: service.KafkaSecurity{SASLPasswordFile: file, SASLMechanism: "PLAIN", SASLUser: "u"}}}
	cfg.Registry.URLs = []string{"http://u:hunter2@registry:8081"}
	env := map[string]string{"MESHWORK_REGISTRY_PASSWORD": "hunter2"}
	require.NoError(t, cfg.LoadSecrets(func(k string) string { return env[k] }))
	require.Equal(t, telemetry.Secret("hunter2"), cfg.Kafka.SASLPassword)
	require.Equal(t, telemetry.Secret("hunter2"), cfg.Registry.Password)
	var out bytes.Buffer
	log, err := telemetry.NewLogger(telemetry.LogConfig{Format: "json", Out: &out})
	require.NoError(t, err)
	log.Info("starting", cfg.Fields()...)
	log.Info("whole", zap.Any("kafka", cfg.Kafka))
	require.NotContains(t, out.String(), "hunter2")

	cfg.Kafka.SASLPasswordFile = filepath.Join(t.TempDir(), "missing")
	require.ErrorContains(t, cfg.LoadSecrets(os.Getenv), "missing")
}

func TestInstanceIDIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a, err := service.Instance(dir, "")
	require.NoError(t, err)
	require.NotEmpty(t, a)
	b, err := service.Instance(dir, "")
	require.NoError(t, err)
	require.Equal(t, a, b)
	c, err := service.Instance(dir, "given")
	require.NoError(t, err)
	require.Equal(t, "given", c)
}

func TestPortInUseSaysWhatToDo(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	status, _, errs := exec(t, "--http-listen="+ln.Addr().String(), "--state-dir="+t.TempDir())
	require.Equal(t, service.ExitFailure, status)
	require.Contains(t, errs, "another process uses that address")
	require.Contains(t, errs, "--http-listen")
}

func TestProbesAnswerFromHealth(t *testing.T) {
	health := telemetry.NewHealth()
	reg := prometheus.NewRegistry()
	telemetry.NewMetrics(reg).SetReady("testing", true)
	s, err := service.Listen(t.Context(), "127.0.0.1:0", reg, health, zap.NewNop())
	require.NoError(t, err)
	s.Start()
	defer http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, service.Probe(ctx, s.Addr(), "/readyz"))
	health.Wait("order", "restoring 4 of 12")
	require.ErrorContains(t, service.Probe(ctx, s.Addr(), "/readyz"), "restoring 4 of 12")
	require.NoError(t, service.Probe(ctx, s.Addr(), "/livez"))
	require.NoError(t, service.Probe(ctx, s.Addr(), "/metrics"))
	status, _, errs := exec(t, "healthcheck", "--http-listen="+s.Addr())
	require.Equal(t, service.ExitFailure, status)
	require.Contains(t, errs, "restoring 4 of 12")
	status, _, _ = exec(t, "healthcheck", "--live", "--http-listen="+s.Addr())
	require.Equal(t, service.ExitOK, status)
	require.NoError(t, s.Stop(ctx))
}

func TestStateFolderIsForOneProcess(t *testing.T) {
	cfg := service.Config{
		Kafka: service.KafkaConfig{Brokers: []string{"127.0.0.1:1"}}, Registry: service.RegistryConfig{URLs: []string{"http://127.0.0.1:1"}},
		StateDir: t.TempDir(), HTTPListen: "127.0.0.1:0", CommitInterval: time.Second, ShutdownTimeout: time.Second,
	}
	p, err := service.Open(t.Context(), "testing", cfg, zap.NewNop())
	require.NoError(t, err)
	_, err = service.Open(t.Context(), "testing", cfg, zap.NewNop())
	require.ErrorIs(t, err, service.ErrStateInUse)
	require.ErrorContains(t, err, "choose another with --state-dir")
	require.NoError(t, p.Close(t.Context()))
	p, err = service.Open(t.Context(), "testing", cfg, zap.NewNop())
	require.NoError(t, err, "given back")
	require.NoError(t, p.Close(t.Context()))
}
