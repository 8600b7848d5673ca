package broker

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A log that is emptied goes on at the offset where it was, however often the broker is started again.
func TestAnEmptiedLogGoesOnWhereItWas(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}
	WithTopics(1, "t")(&cfg)
	start := func() (*Broker, *kadm.Client, func()) {
		b, err := Start(t.Context(), cfg)
		require.NoError(t, err)
		cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()))
		require.NoError(t, err)
		return b, kadm.NewClient(cl), func() {
			cl.Close()
			require.NoError(t, b.Close())
		}
	}
	end := func(adm *kadm.Client) int64 {
		ends, err := adm.ListCommittedOffsets(t.Context(), "t")
		require.NoError(t, err)
		o, ok := ends.Lookup("t", 0)
		require.True(t, ok)
		return o.Offset
	}
	b, adm, stop := start()
	for range 5 {
		produceOne(t, b.Addr(), "t", "gone")
	}
	var all kadm.Offsets
	all.Add(kadm.Offset{Topic: "t", Partition: 0, At: 5})
	_, err := adm.DeleteRecords(t.Context(), all)
	require.NoError(t, err)
	stop()

	_, adm, stop = start()
	require.EqualValues(t, 5, end(adm))
	stop()
	b, adm, stop = start()
	require.EqualValues(t, 5, end(adm))
	produceOne(t, b.Addr(), "t", "six")
	require.EqualValues(t, 6, end(adm))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, at := range []kgo.Offset{kgo.NewOffset().AtStart(), kgo.NewOffset().At(5)} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"t": {0: at}}),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		require.NoError(t, err)
		got := cl.PollFetches(ctx).Records()
		require.Len(t, got, 1)
		require.Equal(t, "six", string(got[0].Value))
		cl.Close()
	}
	stop()
}
