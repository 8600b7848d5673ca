package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"meshwork.dev/pkg/broker"
)

func TestSASL(t *testing.T) {
	t.Parallel()
	for _, mech := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mech, func(t *testing.T) {
			b := broker.New(t, broker.WithKfake(kfake.EnableSASL(), kfake.Superuser(mech, "user", "pa55")))
			auth := func(user, password string) func(*Config) {
				return func(c *Config) { c.SASL = SASL{mech, user, password} }
			}
			c := testClient(t, b.Addrs(), auth("user", "pa55"))
			require.NoError(t, c.CreateTopics(t.Context(), TopicSpec{Name: "x", Partitions: 1}))
			for name, o := range map[string]func(*Config){
				"wrong password": auth("user", "no"), "wrong user": auth("other", "pa55"),
				"no SASL": func(*Config) {}, "unknown mechanism": nil,
			} {
				if o == nil {
					_, err := NewClient(Config{Brokers: b.Addrs(), SASL: SASL{"X", "u", "geheim"}})
					require.ErrorContains(t, err, "SCRAM-SHA-256")
					require.NotContains(t, err.Error(), "geheim")
					continue
				}
				start := time.Now()
				err := testClient(t, b.Addrs(), o).Ping(t.Context())
				require.Error(t, err, name)
				require.NotContains(t, err.Error(), "pa55")
				require.Less(t, time.Since(start), 20*time.Second)
				t.Log(name, ":", err)
			}
		})
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	cfg := Config{Brokers: []string{"a:1"}, SASL: SASL{"PLAIN", "user", "pa55"}}
	j, err := json.Marshal(cfg.SASL)
	require.NoError(t, err)
	core, logs := observer.New(zapcore.DebugLevel)
	zap.New(core).Info("x", zap.Any("cfg", cfg.SASL))
	for _, text := range []string{
		fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg.SASL), cfg.SASL.String(),
		fmt.Sprintf("%v", &cfg.SASL), string(j), fmt.Sprint(logs.All()[0].ContextMap()),
	} {
		require.NotContains(t, text, "pa55")
		require.Contains(t, text, "user")
	}
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	b := broker.New(t, broker.WithKfake(kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}})))
	with := func(c *tls.Config) func(*Config) { return func(cfg *Config) { cfg.TLS = c } }
	require.NoError(t, testClient(t, b.Addrs(), with(&tls.Config{RootCAs: pool})).Ping(t.Context()))
	err := testClient(t, b.Addrs(), with(&tls.Config{})).Ping(t.Context())
	require.ErrorContains(t, err, "unknown authority: add it")
	require.False(t, IsRetriable(err))
	err = testClient(t, b.Addrs()).Ping(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	t.Log(err)
	plain := broker.New(t)
	err = testClient(t, plain.Addrs(), with(&tls.Config{RootCAs: pool})).Ping(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	t.Log(err)
}

func TestUnreachable(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts, never answers
	require.NoError(t, err)
	defer silent.Close()
	for name, tc := range map[string]struct {
		addrs []string
		want  string
		wait  time.Duration // DialTimeout, where it must run out
		dial  func(context.Context, string, string) (net.Conn, error)
	}{
		"refused": {addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}, want: "is the broker started"},
		"silent":  {addrs: []string{silent.Addr().String()}, want: "hangs", wait: 400 * time.Millisecond},
		"no host": {addrs: []string{"no-such-host.invalid:9092"}, want: "does not resolve"},
		"black hole": {addrs: []string{"10.255.255.1:9092"}, want: "drops packets", wait: 400 * time.Millisecond, dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := testClient(t, tc.addrs, func(c *Config) { c.DialTimeout, c.Dial = tc.wait, tc.dial })
			err := c.Ping(t.Context())
			require.ErrorIs(t, err, ErrUnreachable)
			require.ErrorContains(t, err, tc.want)
			for _, a := range tc.addrs {
				require.ErrorContains(t, err, a)
			}
			_, err = c.Topics(t.Context(), "x")
			require.ErrorIs(t, err, ErrUnreachable)
			t.Log(err)
		})
	}
	b := broker.New(t) // one of three answers
	require.NoError(t, testClient(t, []string{"127.0.0.1:1", silent.Addr().String(), b.Addr()}).Ping(t.Context()))
}

func TestCancelledCallEndsAtOnce(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	c := testClient(t, []string{silent.Addr().String()})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	err = c.Ping(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 10*time.Second)

	b := broker.New(t, broker.WithTopics(1, "x"))
	c = testClient(t, b.Addrs())
	f := c.NewFetcher(FetchConfig{MaxWait: time.Minute})
	f.Add(TopicPartition{"x", 0}, 0)
	readToEnd(t, f, TopicPartition{"x", 0})
	start = time.Now()
	f.Close() // with a long poll under way
	require.Less(t, time.Since(start), 10*time.Second)
	_, err = f.Poll(t.Context())
	require.ErrorIs(t, err, ErrClosed)
}

func TestUnsupportedVersions(t *testing.T) {
	t.Parallel()
	old := broker.New(t, broker.WithTopics(1, "x"), broker.WithKfake(kfake.MaxVersions(kversion.V0_10_2())))
	c := testClient(t, old.Addrs(), func(c *Config) { c.DialTimeout = time.Second })
	err := c.Ping(t.Context())
	require.ErrorIs(t, err, ErrUnsupported)
	require.False(t, IsRetriable(err))
	require.ErrorContains(t, err, "Metadata")
	require.ErrorContains(t, err, "it offers versions 0 to 2, this client speaks 4 to 12")

	b := broker.New(t)
	c = testClient(t, b.Addrs())
	for _, r := range []*request{{api: apiFetch, min: 100, max: 101}, {api: apiFetch, min: 0, max: 2}, {api: api{key: 999, name: "Nonsense"}, max: 9}} {
		r.to = toAny()
		err := c.do(t.Context(), r)
		require.ErrorIs(t, err, ErrUnsupported)
		t.Log(err)
	}
}

func TestBrokerRestart(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(t.Context(), broker.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	addr := b.Addr()
	c := testClient(t, b.Addrs())
	require.NoError(t, c.CreateTopics(t.Context(), TopicSpec{Name: "x", Partitions: 1}))
	tp := TopicPartition{"x", 0}
	f := fetcher(t, c, FetchConfig{})
	f.Add(tp, 0)
	produce(t, foreign(t, b.Addrs()), "x", 0, "before")
	readSome := func() (got []string) {
		for len(got) == 0 {
			got = values(readToEnd(t, f, tp)[tp])
		}
		return got
	}
	require.Equal(t, []string{"before"}, readSome())
	require.NoError(t, b.Close())
	err = c.Ping(t.Context())
	if err == nil {
		t.Fatal("a closed broker answers")
	}
	b, err = broker.Start(t.Context(), broker.Config{Dir: dir, Listen: addr})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	produce(t, foreign(t, b.Addrs()), "x", 0, "after")
	require.Equal(t, []string{"after"}, readSome())
	require.NoError(t, c.Ping(t.Context()))
}
