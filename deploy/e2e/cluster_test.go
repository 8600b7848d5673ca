package e2e

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

// clusterRows is how much of the file is sent while each broker dies, every time from the beginning, as after an
// interruption: what is there already counts once. The rows end with invoices, because the rest of an order that was
// sent in part would be taken for a repetition.
var clusterRows = []int{14_020, 28_001, 42_000}

// clusterSpeed is how many times faster than real time they are sent: ten days in some twenty seconds.
const clusterSpeed = 40_000

// Three brokers, each of which dies once without warning while weeks of orders go through: leaders, coordinators and
// the controller move, and nothing is lost or counted twice.
func TestBrokersDieOneByOne(t *testing.T) {
	if _, err := os.Stat(retail); err != nil {
		t.Skipf("the Online Retail data set is not here: %v", err)
	}
	const idle = 20 * time.Second
	exe := python(t)
	want := reference(t, clusterRows[2])
	c, err := realkafka.StartCluster(t.Context(), realkafka.Versions[0], 3, realkafka.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })

	registry := startRegistryOn(t, c.Addrs())
	startService(t, "orderprocessing", "orderprocessing", c.Addrs(), registry, idle)
	startService(t, "product", "product", c.Addrs(), registry, idle)
	start := time.Now()
	say := func(format string, args ...any) {
		t.Helper()
		t.Logf("%3.0f s: "+format, append([]any{time.Since(start).Seconds()}, args...)...)
	}
	var states int64
	more := func(n int64) {
		t.Helper()
		until(t, 2*time.Minute, "changes of orders", func() (bool, string) {
			enough, seen := endOffsets(t, c.Addrs(), "pub.ecomm.orderproc.order.state.v1", states+n)
			if enough {
				states, _ = strconv.ParseInt(seen, 10, 64) // what endOffsets has printed
			}
			return enough, seen
		})
	}
	for i, b := range c.Brokers {
		replay := startProgram(t, "replay", "meshwork", "replay", retail, "--rows", strconv.Itoa(clusterRows[i]),
			"--speed", strconv.Itoa(clusterSpeed), "--kafka", c.Addrs(), "--registry", registry)
		more(200)
		require.NoError(t, b.Kill())
		say("broker %d is gone", i+1)
		more(400)
		say("work goes on")
		require.NoError(t, b.Restart(t.Context()))
		say("broker %d is back", i+1)
		<-replay.done
		require.Zero(t, replay.cmd.ProcessState.ExitCode(), replay.tail())
	}
	settled(t, c.Addrs(), idle, "pub.ecomm.orderproc.order.state.v1", "pub.ecomm.product.product-sales.state.v1")
	require.Equal(t, want, normal(t, output(t, 4*time.Minute, exe, "clients/python/fold.py", c.Addrs(), registry)))
}
