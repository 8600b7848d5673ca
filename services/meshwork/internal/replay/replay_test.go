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
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
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
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := replay.Run(ctx, replay.Options{Source: &list{messages(0, 24*time.Hour)}, Sink: &sink{}, Speed: 1}, &replay.Counts{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
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
