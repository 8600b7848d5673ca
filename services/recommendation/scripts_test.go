package recommendation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/prodrec"
)

// The scripts in testdata: events in, rows out. "go test -run Scripts -rewrite" writes what comes out anew; read the
// difference before you keep it.
func TestScripts(t *testing.T) {
	streamtest.Run(t, "testdata", func(t *testing.T) *streamtest.Driver {
		t.Helper()
		return driver(t)
	})
}

// driver is the domain without a broker.
func driver(t *testing.T, options ...any) *streamtest.Driver {
	t.Helper()
	defs, err := products(0, 0) // no time passes in a script, so what was read must not be believed
	require.NoError(t, err)
	args := append([]any{streamtest.Partitions(2), streamtest.Show(prodrec.RecommendationState, prodrec.PopularItemsState)}, options...)
	for _, d := range defs {
		args = append(args, d)
	}
	return streamtest.New(t, args...)
}
