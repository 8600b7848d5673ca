package e2e

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

// The engine's own tests of tables, crash points, members that come and go, uncertain commits, restarts and joins
// look into the engine, so they live with it; here they run against a real broker.
func TestEngine(t *testing.T) {
	sideBySide(t, func(t *testing.T, b *realkafka.Broker) {
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run",
			"TestTables|TestCrash|TestMembers|TestUncertain|TestRestart|TestJoins|TestASecond|TestRekeyedRecordsGoOnce|TestRecordsThatWere", "meshwork.dev/pkg/stream")
		cmd.Env = append(os.Environ(), "KAFKA="+b.Addr)
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s", out[max(0, len(out)-8000):])
		require.NotContains(t, string(out), "no tests to run")
	})
}
