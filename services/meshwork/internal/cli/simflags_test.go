package cli

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/shop"
)

// actions is a sink that keeps the identities of shop actions, and ends the run after some messages.
type actions struct {
	ids    []string
	left   int
	cancel context.CancelFunc
}

func (s *actions) Send(_ context.Context, m feed.Message, done func(error)) error {
	if s.left--; s.left == 0 {
		s.cancel()
	}
	if m.Action != nil {
		s.ids = append(s.ids, m.Action.Identity.IdempotenceID)
	}
	done(nil)
	return nil
}

func (s *actions) Flush(context.Context) error { return nil }

// A shop that lives for two days, is interrupted and goes on for three has had every action that one has which lives for
// five days at a stretch, whatever is held back meanwhile.
func TestAShopGoesOnWhereItWas(t *testing.T) {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	config := shop.Config{Seed: 3, Customers: 200, Products: 50, Start: start}
	live := func(path string, days, cancelAt int, f faults.Config) []string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sink := &actions{left: cancelAt, cancel: cancel}
		s := &sim{config: config, until: start.AddDate(0, 0, days), path: path, faults: f}
		err := s.run(ctx, sink, &replay.Counts{}, nil)
		if cancelAt > 0 {
			require.ErrorIs(t, err, context.Canceled)
		} else {
			require.NoError(t, err)
		}
		return sink.ids
	}
	want := live(filepath.Join(t.TempDir(), "position"), 5, 0, faults.Config{})
	path, late := filepath.Join(t.TempDir(), "position"), faults.Config{Late: 1000, Reordered: 1000}
	got := live(path, 2, 0, faults.Config{})
	got = append(got, live(path, 5, 300, late)...)
	require.Less(t, len(got), len(want), "it was interrupted")
	got = append(got, live(path, 5, 0, late)...)
	require.ElementsMatch(t, want, got)
}
