package product

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
)

// The scripts in testdata: events in, rows out. "go test -run Scripts -rewrite" writes what comes out anew; read the
// difference before you keep it.
func TestScripts(t *testing.T) {
	streamtest.Run(t, "testdata", func(t *testing.T) *streamtest.Driver {
		t.Helper()
		defs, err := Products()
		require.NoError(t, err)
		args := []any{streamtest.Partitions(2)}
		for _, d := range defs {
			args = append(args, d)
		}
		return streamtest.New(t, args...)
	})
}
