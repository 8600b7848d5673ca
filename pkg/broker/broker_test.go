package broker

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

func produceOne(t *testing.T, addr, topic, value string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer cl.Close()
	require.NoError(t, cl.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr())
}

// readCommitted returns what an independent client sees of a topic, up to the end it had at the call.
func readCommitted(t *testing.T, addr, topic string, want int) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond)) // the default, 5 s, is how long a fetch may sleep before it hears of another partition
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < want && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

var nopLog = zap.NewNop()

func TestDataSurvivesACleanRestart(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Dir: dir, Listen: "127.0.0.1:0"}
	WithTopics(1, "t")(&cfg)
	b, err := Start(t.Context(), cfg)
	require.NoError(t, err)
	produceOne(t, b.Addr(), "t", "one")
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "closing twice")

	b, err = Start(t.Context(), cfg)
	require.NoError(t, err)
	require.False(t, b.Repaired().Unclean)
	require.Equal(t, []string{"one"}, readCommitted(t, b.Addr(), "t", 1))
	require.NoError(t, b.Close())
}

func TestDataFolderIsLockedByItsHolder(t *testing.T) {
	dir := t.TempDir()
	b, err := Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	_, err = Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
	var inUse *InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, os.Getpid(), inUse.PID)
	require.ErrorContains(t, err, "is in use by process")
	require.NoError(t, b.Close())
	b, err = Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err, "the lock ends with its holder")
	require.NoError(t, b.Close())
}

func TestPortInUseIsExplained(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	dir := t.TempDir()
	_, err = Start(t.Context(), Config{Dir: dir, Listen: ln.Addr().String()})
	var le *ListenError
	require.ErrorAs(t, err, &le)
	require.ErrorContains(t, err, "another process uses that port")

	b, err := Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err, "a failed start gives the folder back")
	require.NoError(t, b.Close())
}

func TestBadListenAddress(t *testing.T) {
	for _, addr := range []string{"9092", "127.0.0.1:http", "127.0.0.1:70000"} {
		_, err := Start(t.Context(), Config{Listen: addr})
		require.ErrorContains(t, err, "listen address", addr)
	}
}

func TestSeveralBrokersAndAdvertisedHost(t *testing.T) {
	b := New(t, WithBrokers(3), WithTopics(6, "t"), func(c *Config) { c.Listen, c.Advertise = "0.0.0.0:0", "localhost" })
	require.Len(t, b.Addrs(), 3)
	for _, a := range b.Addrs() {
		host, _, err := net.SplitHostPort(a)
		require.NoError(t, err)
		require.Equal(t, "localhost", host)
	}
	produceOne(t, b.Addr(), "t", "x")
	require.Equal(t, []string{"x"}, readCommitted(t, b.Addr(), "t", 1))
}
