package e2e

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/batch"
	"meshwork.dev/deploy/e2e/realkafka"
)

// startRegistry runs our registry as a process of its own on the cluster and returns its address.
func startRegistry(t *testing.T, b *realkafka.Broker) string {
	t.Helper()
	return startRegistryOn(t, b.Addr)
}

func startRegistryOn(t *testing.T, brokers string) string {
	t.Helper()
	addr := freeAddr(t)
	startProgram(t, "registry", "meshwork", "registry", "serve", "--kafka", brokers, "--listen", addr)
	url := "http://" + addr
	untilOK(t, time.Minute, url+"/subjects")
	return url
}

// startService runs a service with a state folder of its own and waits until it is ready. After a pause of idle it takes
// a replay of old orders for finished and brings what the last hours have left pending to its end; nobody should be dead
// for so long.
func startService(t *testing.T, label, name, brokers, registry string, idle time.Duration) *program {
	t.Helper()
	addr := freeAddr(t)
	p := startProgram(t, label, name, "--kafka", brokers, "--registry", registry,
		"--state-dir", t.TempDir(), "--http-listen", addr, "--history-idle", idle.String())
	untilOK(t, time.Minute, "http://"+addr+"/readyz")
	return p
}

// A year of orders through the two services as separate processes and the registry as its own, each of them killed
// once in the middle and one of them doubled for a while, ends in the tables of the batch computation, as read by
// librdkafka and by the Java client. The older brokers get the first quarter of the year: what differs there is the
// protocol, which volume does not change.
func TestYearOfOrdersThroughKills(t *testing.T) {
	if _, err := os.Stat(retail); err != nil {
		t.Skipf("the Online Retail data set is not here: %v", err)
	}
	onEveryKafka(t, func(t *testing.T, b *realkafka.Broker) {
		rows, records := 0, int64(100_000) // of the file; about as many of the order state
		if b.Version != realkafka.Versions[0] {
			rows, records = 120_000, 20_000
		}
		ordersThroughKills(t, b, rows, records)
	})
}

func ordersThroughKills(t *testing.T, b *realkafka.Broker, rows int, records int64) {
	t.Helper()
	const idle = 10 * time.Second
	want := reference(t, rows)
	registryAddr := freeAddr(t)
	registry := "http://" + registryAddr
	reg := startProgram(t, "registry", "meshwork", "registry", "serve", "--kafka", b.Addr, "--listen", registryAddr)
	untilOK(t, time.Minute, registry+"/subjects")
	orders := startService(t, "orderprocessing", "orderprocessing", b.Addr, registry, idle)
	product := startService(t, "product", "product", b.Addr, registry, idle)

	replay := startProgram(t, "replay", "meshwork", "replay", retail, "--rows", strconv.Itoa(rows),
		"--kafka", b.Addr, "--registry", registry)
	at := func(n int64) {
		until(t, 2*time.Minute, "orders in the order state topic", func() (bool, string) {
			return endOffsets(t, b.Addr, "pub.ecomm.orderproc.order.state.v1", n)
		})
	}
	at(records / 20)
	orders.kill()
	orders.start()
	at(records / 5)
	product.kill()
	second := startService(t, "product-2", "product", b.Addr, registry, idle)
	product.start()
	reg.kill()
	reg.start()
	at(records / 2)
	require.Zero(t, second.stop(time.Minute), "a service that is asked to stop ends in order")
	<-replay.done
	require.Zero(t, replay.cmd.ProcessState.ExitCode(), replay.tail())

	settled(t, b.Addr, idle, "pub.ecomm.orderproc.order.state.v1", "pub.ecomm.product.product-sales.state.v1")

	t.Run("read by", func(t *testing.T) { // side by side
		t.Run("librdkafka", func(t *testing.T) {
			t.Parallel()
			exe := python(t)
			require.Equal(t, want, normal(t, output(t, 4*time.Minute, exe, "clients/python/fold.py", b.Addr, registry)))
		})
		t.Run("java", func(t *testing.T) {
			t.Parallel()
			lib := javaLib(t)
			require.Equal(t, want, normal(t, output(t, 2*time.Minute, "java", "-cp", lib, "clients/java/Fold.java", b.Addr, registry)))
		})
	})
}

// reference is the batch computation over the first rows of the file, all of them where rows is 0.
func reference(t *testing.T, rows int) string {
	t.Helper()
	tables, err := batch.Read(retail, rows)
	require.NoError(t, err)
	text, err := tables.JSON()
	require.NoError(t, err)
	return text
}

// normal is a reader's JSON in the form of the batch computation's.
func normal(t *testing.T, out string) string {
	t.Helper()
	tables, err := batch.Parse([]byte(out))
	require.NoError(t, err, out)
	text, err := tables.JSON()
	require.NoError(t, err)
	return text
}
