package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
	"meshwork.dev/pkg/kafka"
)

// A real broker that encrypts and asks who is there: every mechanism lets the right ones in, tells the wrong ones why
// in words without the secret, and the mesh runs over it, transactions and groups included.
func TestSecurity(t *testing.T) {
	b, err := realkafka.StartSecure(t.Context(), realkafka.Versions[0], realkafka.Options{})
	if errors.Is(err, realkafka.ErrUnavailable) {
		t.Skip("secure listeners are tried on a local JVM broker, and there is no JDK with Maven here")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	authority, err := os.ReadFile(b.CA)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	ping := func(addr string, c *tls.Config, s kafka.SASL) error {
		client, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}, TLS: c, SASL: s})
		require.NoError(t, err)
		defer client.Close()
		return client.Ping(t.Context())
	}
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		require.NoError(t, ping(b.SASL, trusting, kafka.SASL{Mechanism: mechanism, User: b.User, Password: b.Password}), mechanism)
		err := ping(b.SASL, trusting, kafka.SASL{Mechanism: mechanism, User: b.User, Password: "guessed"})
		require.ErrorIs(t, err, kafka.ErrAuth, mechanism)
		require.False(t, kafka.IsRetriable(err))
		require.NotContains(t, err.Error(), "guessed")
		t.Log(mechanism, "with a wrong password:", err)
	}
	own, err := tls.LoadX509KeyPair(b.Cert, b.Key)
	require.NoError(t, err)
	require.NoError(t, ping(b.TLS, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}, kafka.SASL{}))
	for what, err := range map[string]error{
		"no certificate":         ping(b.TLS, trusting, kafka.SASL{}),
		"an authority not known": ping(b.SASL, &tls.Config{MinVersion: tls.VersionTLS12}, kafka.SASL{}),
		"no SASL":                ping(b.SASL, trusting, kafka.SASL{}),
		"no TLS":                 ping(b.SASL, nil, kafka.SASL{}),
	} {
		require.Error(t, err, what)
		t.Log(what+":", err)
	}

	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte(b.Password+"\n"), 0o600))
	access := []string{
		"--kafka", b.SASL, "--kafka-tls", "--kafka-tls-ca", b.CA, "--kafka-sasl-mechanism", "SCRAM-SHA-512",
		"--kafka-sasl-user", b.User, "--kafka-sasl-password-file", secret,
	}
	registry := freeAddr(t)
	serving := startProgram(t, "registry", "meshwork", append([]string{"registry", "serve", "--listen", registry}, access...)...)
	untilOK(t, time.Minute, "http://"+registry+"/subjects")
	args := append([]string{
		"up", "--data-dir", t.TempDir(), "--registry", "http://" + registry, "--http-listen", "127.0.0.1:0",
		"--only", "product,orderprocessing", "--count", "1000", "--rate", "500", "--exit", "--summary", "0",
	}, access...)
	out, err := exec.CommandContext(t.Context(), command(t, "meshwork"), args...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "caught up with everything sent")
	require.NotContains(t, string(out), b.Password)
	list := output(t, time.Minute, command(t, "meshwork"), append([]string{"topics", "--registry", "http://" + registry, "-o", "json"}, access...)...)
	require.Contains(t, list, "pub.ecomm.product.product-sales.state.v1")
	require.NotContains(t, serving.tail(), b.Password)
	require.NotContains(t, strings.Join(serving.cmd.Args, " "), b.Password)
}
