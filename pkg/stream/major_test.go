package stream

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/internal/sample"
)

// A second major version is a topic of its own: it is made from the whole history, in the folder and over the offsets
// that the first one left, and leaves the first one's rows alone.
func TestASecondMajorVersionIsMadeFromTheWholeHistory(t *testing.T) {
	beside(t)
	w := newWorld(t)
	first := Define(w.s.Counts, Spec{}, On(w.s.Hits, addTo))
	dir := t.TempDir()
	n := w.start(dir, []Definition{first})
	send(w, w.s.Hits, past, hit("a", 1), hit("b", 2))
	n.caughtUp(t)
	n.stop(t)

	v2 := *w.s.Counts
	v2.Info.Name = strings.TrimSuffix(v2.Info.Name, "v1") + "v2"
	v2.Info.Subject = v2.Info.Name + "-value"
	second := Define(&v2, Spec{}, On(w.s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Note = "second"
		return addTo(c, h)
	}))
	group := strings.TrimSuffix(Describe(first).Group, "-cg")
	require.Equal(t, group+"-v2-cg", Describe(second).Group)
	n = w.start(dir, []Definition{second})
	send(w, w.s.Hits, past, hit("a", 4))
	n.caughtUp(t)
	n.stop(t)
	require.Equal(t, map[string]sample.Count{
		"a": {Key: "a", Hits: 2, Sum: 5, Note: "second"}, "b": {Key: "b", Hits: 1, Sum: 2, Note: "second"},
	}, table(w, &v2))
	require.Equal(t, map[string]sample.Count{"a": {Key: "a", Hits: 1, Sum: 1}, "b": {Key: "b", Hits: 1, Sum: 2}}, table(w, w.s.Counts))
}
