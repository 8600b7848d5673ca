package replay_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shop"
)

type list struct{ left []feed.Message }

func (l *list) Next() (feed.Message, error) {
	if len(l.left) == 0 {
		return feed.Message{}, io.EOF
	}
	m := l.left[0]
	l.left = l.left[1:]
	return m, nil
}

type sink struct {
	got   []feed.Message
	fail  int // the message to fail, counted from 1
	flush int
}

func (s *sink) Send(ctx context.Context, m feed.Message, done func(error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.got = append(s.got, m)
	if len(s.got) == s.fail {
		done(errors.New("record too large"))
	} else {
		done(nil)
	}
	return nil
}

func (s *sink) Flush(context.Context) error { s.flush++; return nil }

func messages(gaps ...time.Duration) []feed.Message {
	at := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	var out []feed.Message
	for _, g := range gaps {
		at = at.Add(g)
		out = append(out, feed.Message{At: at, Order: &orderproc.CreateOrder{Items: make([]orderproc.OrderItem, 2)}})
	}
	return out
}

func TestRunSendsAllInOrderAndCounts(t *testing.T) {
	in := messages(0, time.Hour, time.Hour)
	s, c := &sink{}, &replay.Counts{}
	require.NoError(t, replay.Run(t.Context(), replay.Options{Source: &list{in}, Sink: s}, c))
	require.Equal(t, in, s.got)
	require.Equal(t, 1, s.flush)
	require.EqualValues(t, 3, c.Acked.Load())
	require.EqualValues(t, 6, c.Lines.Load())
}

func TestRunKeepsToTheSpeed(t *testing.T) {
	began := time.Now()
	err := replay.Run(t.Context(), replay.Options{Source: &list{messages(0, time.Minute)}, Sink: &sink{}, Speed: 1200}, &replay.Counts{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

func TestRunStopsAtAFailure(t *testing.T) {
	err := replay.Run(t.Context(), replay.Options{Source: &list{messages(0, 1, 1, 1)}, Sink: &sink{fail: 2}}, &replay.Counts{})
	require.ErrorContains(t, err, "too large")
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	s := &sink{}
	err := replay.Run(ctx, replay.Options{Source: &list{messages(0, 24*time.Hour, time.Hour)}, Sink: s, Speed: 1}, &replay.Counts{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Len(t, s.got, 2, "what the source has given out is sent, and nothing more is asked for")
	require.Equal(t, 1, s.flush)
}

// cancelling is a sink that ends the run at a message.
type cancelling struct {
	sink
	at     int
	cancel context.CancelFunc
}

func (s *cancelling) Send(ctx context.Context, m feed.Message, done func(error)) error {
	if len(s.got) == s.at {
		s.cancel()
	}
	return s.sink.Send(ctx, m, done)
}

// A shop with faults that is stopped anywhere has sent whatever its position says has been made.
func TestAStopLosesNothingThatIsHeldBack(t *testing.T) {
	for _, at := range []int{0, 1, 700, 2500} {
		ctx, cancel := context.WithCancel(t.Context())
		simulator := shop.New(shop.Config{Seed: 4, Count: 5000, Customers: 500})
		s := &cancelling{at: at, cancel: cancel}
		err := replay.Run(ctx, replay.Options{
			Source: faults.New(simulator, faults.Config{Seed: 9, Duplicates: 500, Reordered: 1000, Late: 500, Poison: 20}), Sink: s,
		}, &replay.Counts{})
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, simulator.Position(), int64(5000))
		want := shop.New(shop.Config{Seed: 4, Count: simulator.Position(), Customers: 500})
		sent := map[string]bool{}
		for _, m := range s.got {
			if m.Raw == nil {
				sent[identity(&m)] = true
			}
		}
		made := 0
		for m, err := want.Next(); !errors.Is(err, io.EOF); m, err = want.Next() {
			require.NoError(t, err)
			require.True(t, sent[identity(&m)], "message %d of %d", made, simulator.Position())
			made++
		}
		require.Len(t, sent, made)
	}
}

func identity(m *feed.Message) string {
	switch {
	case m.Action != nil:
		return m.Action.Identity.IdempotenceID
	case m.Order != nil:
		return m.Order.Identity.IdempotenceID
	case m.Cancel != nil:
		return m.Cancel.Identity.IdempotenceID
	case m.Change != nil:
		return m.Change.Identity.IdempotenceID
	case m.Customer != nil:
		return m.Customer.Identity.IdempotenceID
	default:
		return m.Interaction.Identity.IdempotenceID
	}
}

func TestRejectsAreWrittenWithNumberReasonAndText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects.tsv")
	r := replay.NewRejects(path)
	require.NoError(t, r.Close())
	require.NoFileExists(t, path, "no rejects, no file")
	r.Add(retail.Reject{Line: 7, Reason: "no time", Text: "a,b,c"})
	require.NoError(t, r.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "line\treason\ttext\n7\tno time\ta,b,c\n", string(b))
}
