package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

const root = "../.."

// retail is the real data set; the tests that need it say so when it is not there.
const retail = root + "/../shared/data/online_retail/online_retail.csv.gz"

var brokers = struct {
	sync.Mutex
	of map[string]*realkafka.Broker
}{of: map[string]*realkafka.Broker{}}

// waiting is how many tests that say t.Parallel may run at a time: they wait for sessions, deadlines and brokers more
// than they compute.
const waiting = 8

func TestMain(m *testing.M) {
	flag.Parse()
	if runtime.GOMAXPROCS(0) < waiting {
		if err := flag.Set("test.parallel", strconv.Itoa(waiting)); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	for _, b := range brokers.of {
		if err := b.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping a broker:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// kafkaOf is the one broker of that version that all tests share; they use names of their own. The brokers of all
// versions are started together by the first test that asks.
func kafkaOf(t *testing.T, version string) *realkafka.Broker {
	t.Helper()
	brokers.Lock()
	defer brokers.Unlock()
	if len(brokers.of) == 0 {
		started := make([]*realkafka.Broker, len(realkafka.Versions))
		faults := make([]error, len(started))
		var all sync.WaitGroup
		for i, v := range realkafka.Versions {
			all.Go(func() {
				started[i], faults[i] = realkafka.Start(t.Context(), v, realkafka.Options{HeapMB: 768, Say: t.Logf})
			})
		}
		all.Wait()
		for i, v := range realkafka.Versions {
			if b := started[i]; b != nil {
				t.Logf("Apache Kafka %s (%s) at %s", b.Version, b.From, b.Addr)
				brokers.of[v] = b
			}
		}
		require.NoError(t, errors.Join(faults...))
	}
	require.Contains(t, brokers.of, version, "its start failed before")
	return brokers.of[version]
}

// onEveryKafka runs a test against every supported version.
func onEveryKafka(t *testing.T, test func(t *testing.T, b *realkafka.Broker)) {
	t.Helper()
	for _, v := range realkafka.Versions {
		t.Run(v, func(t *testing.T) { test(t, kafkaOf(t, v)) })
	}
}

// sideBySide runs a test that mostly waits (for sessions to time out, for brokers to answer) against every supported
// version at the same time.
func sideBySide(t *testing.T, test func(t *testing.T, b *realkafka.Broker)) {
	t.Helper()
	for _, v := range realkafka.Versions {
		b := kafkaOf(t, v)
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// command is a built program of the project, from bin/.
func command(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not built: run make build first, or make test-kafka, which does", path)
	}
	return path
}

// output runs a program to its end and returns what it printed; the test fails with its errors.
func output(t *testing.T, within time.Duration, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	timer := time.AfterFunc(within, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.Output()
	require.NoErrorf(t, err, "%s %s\n%s%s", name, strings.Join(args, " "), out, errs.String())
	return string(out)
}
