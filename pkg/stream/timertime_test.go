package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

// TestTimersPublishAtTheirTime looks at rows and events that timers publish:
// their timestamp and ce_time are when the timer was due, in whatever mode rows
// are published and however much later it fires.
func TestTimersPublishAtTheirTime(t *testing.T) {
	beside(t)
	at := time.Date(2011, 12, 9, 12, 0, 0, 0, time.UTC)
	for _, mode := range []EmitMode{EveryUpdate, OnCommit} {
		t.Run(mode.String(), func(t *testing.T) {
			beside(t)
			w := newWorld(t)
			def := Define(w.s.Counts, Spec{Emit: mode, Emits: []TopicRef{w.s.Alerts}}, On(w.s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error {
				c.State.Key = c.Key
				c.State.Hits++
				c.Timer("later", c.Time().Add(time.Hour))
				return nil
			}), OnTimer("later", func(c *Ctx[string, sample.Count], _ time.Time) error {
				c.State.Note = "late"
				Emit(c, w.s.Alerts, c.Key, sample.Hit{Key: c.Key})
				return nil
			}))
			p, err := w.client().NewTxnProducer(t.Context(), kafka.TxnConfig{ID: "feed-timer"})
			require.NoError(t, err)
			defer p.Close()
			_, err = w.reg.RegisterSchema(t.Context(), "", w.s.Hits.Info.Schema)
			require.NoError(t, err)
			txn := p.NewTxn()
			h := sample.Hit{Key: "k"}
			txn.Append(kafka.TopicPartition{Topic: w.s.Hits.Info.Name}, at.UnixMilli(), []byte(h.Key), sample.AppendHit(avro.AppendHeader(nil, 1), &h))
			require.NoError(t, p.Commit(t.Context(), txn))
			n := w.start(t.TempDir(), []Definition{def})
			require.Eventually(t, func() bool { return len(w.read(w.s.Alerts.Info.Name)) > 0 }, 20*time.Second, 20*time.Millisecond)
			n.caughtUp(t)
			n.stop(t)
			for topic, due := range map[string][]time.Time{w.s.Alerts.Info.Name: {at.Add(time.Hour)}, w.s.Counts.Info.Name: {at, at.Add(time.Hour)}} {
				rows := w.read(topic)
				require.Len(t, rows, len(due), topic)
				for i, r := range rows {
					require.Equal(t, due[i], r.Timestamp.UTC(), topic)
					require.Contains(t, fmt.Sprintf("%s", r.Headers), due[i].Format("2006-01-02T15:04:05.000Z"))
				}
			}
		})
	}
}
