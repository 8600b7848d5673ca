package stream

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/internal/sample"
)

// TestOneTimeIsInTheOrderOfTheDeclaration sends two commands of one millisecond
// to two topics, as somebody does who orders and withdraws at once: what comes
// first is what the product declares first, not what its topic's name is.
func TestOneTimeIsInTheOrderOfTheDeclaration(t *testing.T) {
	for _, first := range []string{"hit", "name"} {
		t.Run(first, func(t *testing.T) {
			beside(t)
			w := newWorld(t)
			reactions := []Reaction[string, sample.Count]{
				On(w.s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error { c.State.Note += "hit "; return nil }),
				On(w.s.Names, func(c *Ctx[string, sample.Count], _ sample.Name) error { c.State.Note += "name "; return nil }),
			}
			want := "hit name "
			if first == "name" {
				reactions[0], reactions[1] = reactions[1], reactions[0]
				want = "name hit "
			}
			send(w, w.s.Hits, past, hit("a", 1))
			send(w, w.s.Names, past, sample.Name{Key: "a"})
			n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{}, reactions...)})
			n.caughtUp(t)
			n.stop(t)
			require.Equal(t, want, table(w, w.s.Counts)["a"].Note)
		})
	}
}

// TestTheMergeNeedsLittleMemory lets two inputs wait that are many times larger than what may be fetched ahead: whichever
// the merge needs next must still be fetched, and in order.
func TestTheMergeNeedsLittleMemory(t *testing.T) {
	beside(t)
	const pairs, large = 100, 50_000
	w := newWorld(t)
	random := make([]byte, large) // so that compression does not make little of it
	for i := range random {
		random[i] = byte('0' + w.seed.IntN(64))
	}
	fill := string(random)
	var want strings.Builder
	for i := range pairs {
		at := past.Add(time.Duration(i) * time.Second)
		send(w, w.s.Hits, at, sample.Hit{Key: "a", ID: fill, N: 1})
		send(w, w.s.Names, at.Add(time.Millisecond), sample.Name{Key: "a", Text: fill})
		want.WriteString("hn")
	}
	n := w.start(t.TempDir(), []Definition{Define(w.s.Counts, Spec{},
		On(w.s.Names, func(c *Ctx[string, sample.Count], _ sample.Name) error { c.State.Note += "n"; return nil }),
		On(w.s.Hits, func(c *Ctx[string, sample.Count], _ sample.Hit) error { c.State.Note += "h"; return nil }))},
		func(cfg *Config) { cfg.MaxFetchBytes = 1 })
	n.caughtUp(t)
	n.stop(t)
	require.Equal(t, want.String(), table(w, w.s.Counts)["a"].Note)
}
