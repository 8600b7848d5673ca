package kafka

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/broker"
)

// A coordinator that raised the epoch for requests whose answers were lost calls the producer fenced. That is no reason
// to stop: it takes over from itself. Without a lost answer the same word is final.
func TestEpochsRaisedUnheard(t *testing.T) {
	for name, tc := range map[string]struct{ cuts int }{"answers were lost": {2}, "another instance": {0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := broker.New(t)
			c := testClient(t, b.Addrs())
			require.NoError(t, c.CreateTopics(t.Context(), TopicSpec{Name: "x", Partitions: 1}))
			p, err := c.NewTxnProducer(t.Context(), TxnConfig{ID: "unheard"})
			require.NoError(t, err)
			defer p.Close()
			first := p.epoch
			cuts, fresh := tc.cuts, 0
			b.Kfake().ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
				b.Kfake().KeepControl()
				r := req.(*kmsg.InitProducerIDRequest) //nolint:errcheck,forcetypeassert // by its key
				switch {
				case r.ProducerID < 0:
					fresh++
					return nil, nil, false
				case cuts > 0:
					cuts--
					return nil, errors.New("cut"), true
				default:
					resp := req.ResponseKind().(*kmsg.InitProducerIDResponse) //nolint:errcheck,forcetypeassert // of the answer it is for
					resp.ErrorCode = codeProducerFenced
					return resp, nil, true
				}
			})
			err = p.init(t.Context())
			if tc.cuts == 0 {
				require.ErrorIs(t, err, ErrFenced)
				require.Zero(t, fresh)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1, fresh)
			require.Greater(t, p.epoch, first)
			txn := p.NewTxn()
			txn.Append(TopicPartition{Topic: "x"}, 1, []byte("k"), []byte("v"))
			require.NoError(t, p.Commit(t.Context(), txn))
		})
	}
}
