package churn

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
)

// scriptRules make fits of a handful of customers: a fit a week, a day after its cut, for a horizon of two weeks.
func scriptRules() Rules {
	r := DefaultRules()
	r.Grace = 24 * time.Hour
	r.Fit.Horizon, r.Fit.LeastCustomers = 14, 4
	return r
}

// The scripts in testdata: events in, scores and events out. "go test -run Scripts -rewrite" writes what comes out anew;
// read the difference before you keep it.
func TestScripts(t *testing.T) {
	t.Run("counts", func(t *testing.T) { scripts(t, "testdata/counts") })
	t.Run("fits", func(t *testing.T) {
		if runtime.GOARCH != "amd64" {
			t.Skip("numbers of a search differ in their last digits where the processor fuses multiplication and addition")
		}
		scripts(t, "testdata/fits")
	})
}

func scripts(t *testing.T, folder string) {
	t.Helper()
	streamtest.Run(t, folder, func(t *testing.T) *streamtest.Driver {
		t.Helper()
		defs, err := Products(scriptRules())
		require.NoError(t, err)
		args := []any{streamtest.Partitions(2)}
		for _, d := range defs {
			args = append(args, d)
		}
		return streamtest.New(t, args...)
	})
}
