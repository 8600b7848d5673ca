package orderprocessing

import (
	"testing"

	"meshwork.dev/pkg/stream/streamtest"
)

// The scripts in testdata: commands in, orders and events out. "go test -run Scripts -rewrite" writes what comes out
// anew; read the difference before you keep it.
func TestScripts(t *testing.T) { streamtest.Run(t, "testdata", driver) }
