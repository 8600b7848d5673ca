package e2e

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

// clusterRows is how many rows of the file the cluster takes: about 3,300 orders with four states each, enough for
// every broker to die in the middle of them.
const clusterRows = 72_000

// Three brokers, each of which dies once without warning while a season of orders goes through: leaders, coordinators and
// the controller move, and nothing is lost or counted twice.
func TestBrokersDieOneByOne(t *testing.T) {
	if _, err := os.Stat(retail); err != nil {
		t.Skipf("the Online Retail data set is not here: %v", err)
	}
	exe := python(t)
	want := reference(t, clusterRows)
	c, err := realkafka.StartCluster(t.Context(), realkafka.Versions[0], 3, realkafka.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })

	registry := startRegistryOn(t, c.Addrs())
	startService(t, "orderprocessing", "orderprocessing", c.Addrs(), registry)
	startService(t, "product", "product", c.Addrs(), registry)
	replay := startProgram(t, "replay", "meshwork", "replay", retail, "--rows", strconv.Itoa(clusterRows),
		"--kafka", c.Addrs(), "--registry", registry)
	at := func(n int64) {
		until(t, 2*time.Minute, "orders in the order state topic", func() (bool, string) {
			return endOffsets(t, c.Addrs(), "pub.ecomm.orderproc.order.state.v1", n)
		})
	}
	start := time.Now()
	say := func(format string, args ...any) {
		t.Helper()
		t.Logf("%3.0f s: "+format, append([]any{time.Since(start).Seconds()}, args...)...)
	}
	for i, b := range c.Brokers {
		at(int64(1_000 + 3_000*i))
		require.NoError(t, b.Kill())
		say("broker %d is gone", i+1)
		at(int64(2_500 + 3_000*i)) // work goes on without it
		say("work goes on")
		require.NoError(t, b.Restart(t.Context()))
		say("broker %d is back", i+1)
	}
	<-replay.done
	require.Zero(t, replay.cmd.ProcessState.ExitCode(), replay.tail())
	settled(t, c.Addrs(), "pub.ecomm.orderproc.order.state.v1", "pub.ecomm.product.product-sales.state.v1")
	require.Equal(t, want, normal(t, output(t, 4*time.Minute, exe, "clients/python/fold.py", c.Addrs(), registry)))
}
