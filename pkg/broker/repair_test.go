package broker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// crashDir makes the test binary play the process that is killed.
const crashDir = "MESHWORK_BROKER_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashingProcess(dir)
		return
	}
	os.Exit(m.Run())
}

// crashingProcess runs a broker, commits records, leaves a transaction open and waits for its end.
func crashingProcess(dir string) {
	must := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	cfg := Config{Dir: dir, Listen: "127.0.0.1:0"}
	WithTopics(2, "t")(&cfg)
	b, err := Start(ctx, cfg)
	must(err)
	cl, err := transactional(b.Addr())
	must(err)
	must(write(ctx, cl, "committed", 100, kgo.TryCommit))
	must(cl.BeginTransaction())
	for i := range 10 {
		must(cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: int32(i % 2), Value: []byte("OPEN")}).FirstErr())
	}
	fmt.Println("ready")
	select {}
}

func transactional(addr string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(addr), kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func write(ctx context.Context, cl *kgo.Client, value string, n int, end kgo.TransactionEndTry) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for i := range n {
		r := &kgo.Record{Topic: "t", Partition: int32(i % 2), Value: []byte(value)}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			return err
		}
	}
	return cl.EndTransaction(ctx, end)
}

// crash runs crashingProcess on the folder and kills it when the transaction is open.
func crash(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready", strings.TrimSpace(line))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
}

func count(values []string) map[string]int {
	m := map[string]int{}
	for _, v := range values {
		m[v]++
	}
	return m
}

func TestKilledWithAnOpenTransaction(t *testing.T) {
	dir := t.TempDir()
	for round := 1; round <= 2; round++ {
		crash(t, dir)
		b, err := Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
		require.NoError(t, err)
		require.Equal(t, RepairReport{Unclean: true, Transactions: 2, Fenced: []string{"x"}}, b.Repaired())
		cl, err := transactional(b.Addr())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		require.NoError(t, write(ctx, cl, "after", 4, kgo.TryCommit))
		cancel()
		cl.Close()
		want := map[string]int{"committed": 100 * round, "after": 4 * round}
		require.Equal(t, want, count(readCommitted(t, b.Addr(), "t", 104*round)), "round %d", round)
		require.NoError(t, b.Close())

		b, err = Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
		require.NoError(t, err)
		require.Equal(t, RepairReport{}, b.Repaired())
		require.Equal(t, want, count(readCommitted(t, b.Addr(), "t", 104*round)), "after a clean restart, round %d", round)
		require.NoError(t, b.Close())
	}
}

func TestRepairIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	crash(t, dir)
	for range 2 {
		rep, err := repairFolder(t.Context(), withLog(Config{Dir: dir, Brokers: 1}))
		require.NoError(t, err)
		require.True(t, rep.Unclean)
	}
	rep, err := repairFolder(t.Context(), withLog(Config{Dir: dir, Brokers: 1}))
	require.NoError(t, err)
	require.Zero(t, rep.Transactions, "nothing is left to repair")
}

func withLog(cfg Config) Config {
	cfg.Log = nopLog
	return cfg
}

// A stop between the two writes of a batch leaves the index one entry short, and a stop within a write leaves a torn
// batch: neither may make records of the open transaction visible.
func TestTornWrites(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, dat, idx string){
		"index entry missing": func(t *testing.T, _, idx string) { shorten(t, idx, indexEntry) },
		"index entry torn":    func(t *testing.T, _, idx string) { shorten(t, idx, 4) },
		"index gone":          func(t *testing.T, _, idx string) { require.NoError(t, os.Remove(idx)) },
		"batch torn":          func(t *testing.T, dat, _ string) { shorten(t, dat, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			crash(t, dir)
			for p := range 2 {
				base := filepath.Join(dir, "partitions", fmt.Sprintf("t-%d", p), "0")
				harm(t, base+".dat", base+".idx")
			}
			b, err := Start(t.Context(), Config{Dir: dir, Listen: "127.0.0.1:0"})
			require.NoError(t, err)
			defer b.Close()
			require.Equal(t, 2, b.Repaired().Transactions)
			cl, err := transactional(b.Addr())
			require.NoError(t, err)
			defer cl.Close()
			require.NoError(t, write(t.Context(), cl, "after", 4, kgo.TryCommit))
			require.Equal(t, map[string]int{"committed": 100, "after": 4}, count(readCommitted(t, b.Addr(), "t", 104)))
		})
	}
}

func shorten(t *testing.T, path string, by int64) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, info.Size()-by))
}
