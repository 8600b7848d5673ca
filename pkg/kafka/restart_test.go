package kafka

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/broker"
)

// The broker goes away and comes back under the same address while transactions and single records are written.
func TestBrokerRestarts(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		cfg := broker.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}
		broker.WithTopics(1, "in", "out", "edge")(&cfg)
		b, err := broker.Start(t.Context(), cfg)
		require.NoError(t, err)
		cfg.Listen = b.Addr()
		c := testClient(t, b.Addrs())
		p := txnProducer(t, c, TxnConfig{Version: version, Timeout: 20 * time.Second})
		edge := c.NewProducer(ProducerConfig{})
		stop, done := make(chan struct{}), make(chan struct{})
		var want []string
		var sent, unsettled int
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				v := fmt.Sprintf("%06d", i)
				tx := p.NewTxn()
				tx.Append(outTP, time.Now().UnixMilli(), nil, []byte(v))
				tx.Offset(GroupMeta{Group: "g", Epoch: -1}, inTP, int64(i))
				err := p.Commit(t.Context(), tx)
				if errors.Is(err, ErrTxnUnknown) {
					unsettled++
					offs, e := c.CommittedOffsets(t.Context(), "g", []TopicPartition{inTP})
					if err = e; offs[inTP] != int64(i) {
						continue
					}
				}
				switch {
				case err == nil:
					want = append(want, v)
				case !errors.Is(err, ErrTxnAborted):
					t.Error(err)
					return
				}
				sent++
				if err := edge.Send(t.Context(), "edge", 0, Message{Value: []byte(v)}, func(_ int64, err error) {
					if err != nil {
						t.Error(err)
					}
				}); err != nil {
					t.Error(err)
				}
			}
		}()
		for range 3 {
			require.Never(t, func() bool { return t.Failed() }, 300*time.Millisecond, 50*time.Millisecond)
			require.NoError(t, b.Close())
			require.Never(t, func() bool { return t.Failed() }, 200*time.Millisecond, 50*time.Millisecond)
			b, err = broker.Start(t.Context(), cfg)
			require.NoError(t, err)
		}
		require.Never(t, func() bool { return t.Failed() }, 500*time.Millisecond, 50*time.Millisecond)
		close(stop)
		<-done
		require.NoError(t, edge.Close(t.Context()))
		t.Logf("%d transactions, %d of them unknown at first, %d single records", len(want), unsettled, sent)
		require.Greater(t, len(want), 5)
		require.Equal(t, want, committed(t, b, "out"))
		require.Len(t, oracle(t, b.Addrs(), "edge", kgo.ReadUncommitted()), sent)
		p.Close()
		c.Close()
		require.NoError(t, b.Close())
	})
}
