//go:build linux

package cli_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
)

// TestMemoryOfTheWholeMesh shows what the process of `meshwork up` holds with a million customers and 100,000 products.
//
// Living through a shop until it has a million customers takes an hour of two cores. So a shop with a few thousand
// lives, and then the rows of every table that are about customers, visitors and orders are written again and again
// under further keys, until there are as many as asked for; the positions of all groups are set behind them, as if they
// had been processed. A process that starts without local state then builds all of it from these topics: every store,
// every join, every copy of a Lookup.
//
// MESHWORK_MEMORY_CUSTOMERS says how many, MESHWORK_BINARY which command to run, MESHWORK_MEMORY_DIR where the data
// is; a folder with such data is used as it is. MESHWORK_MEMORY_ARGS are arguments of the command, such as --idle.
func TestMemoryOfTheWholeMesh(t *testing.T) {
	want, _ := strconv.Atoi(os.Getenv("MESHWORK_MEMORY_CUSTOMERS"))
	binary := os.Getenv("MESHWORK_BINARY")
	if want == 0 || binary == "" {
		t.Skip("set MESHWORK_MEMORY_CUSTOMERS and MESHWORK_BINARY")
	}
	dir := os.Getenv("MESHWORK_MEMORY_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	data := filepath.Join(dir, "data")
	const seedCustomers, perCustomer, products = 10_000, 17, 100_000
	if _, err := os.Stat(data); err != nil {
		count := strconv.Itoa(products + seedCustomers*perCustomer)
		run := up(t, binary, data, "--customers", "4000000", "--products", strconv.Itoa(products), "--strangers", "0",
			"--rate", "max", "--count", count, "--exit")
		require.NoError(t, run.cmd.Wait())
	}
	if _, err := os.Stat(filepath.Join(dir, "multiplied")); err != nil {
		multiply(t, data, want)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "multiplied"), nil, 0o600))
	}
	require.NoError(t, os.RemoveAll(filepath.Join(data, "state")))
	args := strings.Fields(os.Getenv("MESHWORK_MEMORY_ARGS"))
	if len(args) == 0 { // the shop goes on, as fast as the mesh takes it
		args = []string{"--customers", "4000000", "--products", strconv.Itoa(products), "--strangers", "0", "--rate", "max"}
	}
	run := up(t, binary, data, args...)
	began := time.Now()
	peak, ready := int64(0), time.Time{}
	for end := time.Now().Add(8 * time.Minute); time.Now().Before(end); {
		resident, file := run.resident(t)
		peak = max(peak, resident)
		if int(time.Since(began).Seconds())%5 == 0 {
			t.Logf("%4.0f s: resident %d MiB, of which file pages %d MiB", time.Since(began).Seconds(), resident>>20, file>>20)
		}
		if ready.IsZero() && run.ready() {
			ready = time.Now()
			end = ready.Add(time.Minute)
			t.Logf("ready after %.0f s", time.Since(began).Seconds())
		}
		time.Sleep(time.Second) // the pace of the measurement
	}
	for what, path := range map[string]string{"heap": "/debug/pprof/heap", "metrics": "/metrics"} {
		if err := run.save(path, filepath.Join(dir, what)); err != nil {
			t.Log(err)
		}
	}
	require.NoError(t, run.cmd.Process.Signal(os.Interrupt))
	_ = run.cmd.Wait()
	require.False(t, ready.IsZero(), "it is never ready")
	t.Logf("at most %d MiB", peak>>20)
	require.Less(t, peak, int64(1_000_000_000))
}

type process struct {
	cmd *exec.Cmd
	web string
}

// up starts the command.
func up(t *testing.T, binary, data string, args ...string) *process {
	t.Helper()
	kafkaAddr, err := freeAddress()
	require.NoError(t, err)
	registry, err := freeAddress()
	require.NoError(t, err)
	web, err := freeAddress()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, append([]string{
		"up", "--data-dir", data, "--kafka-listen", kafkaAddr, "--registry-listen", registry, "--http-listen", web, "--summary", "0",
	}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	return &process{cmd, "http://" + web}
}

func (p *process) ready() bool {
	resp, err := http.Get(p.web + "/readyz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (p *process) save(path, file string) error {
	out, err := exec.Command("curl", "-s", "-o", file, p.web+path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, out)
	}
	return nil
}

// resident is the resident set of the process, and what of it are pages of files.
func (p *process) resident(t *testing.T) (all, file int64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	require.NoError(t, err)
	fields := strings.Fields(string(b))
	n, err := strconv.ParseInt(fields[1], 10, 64)
	require.NoError(t, err)
	m, err := strconv.ParseInt(fields[2], 10, 64)
	require.NoError(t, err)
	return n * int64(os.Getpagesize()), m * int64(os.Getpagesize())
}

// multiply writes the rows of a data folder again under other keys until there are so many customers.
func multiply(t *testing.T, data string, customers int) {
	t.Helper()
	ctx := t.Context()
	b, err := broker.Start(ctx, broker.Config{Dir: filepath.Join(data, "kafka"), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer client.Close()
	topics, err := client.Topics(ctx)
	require.NoError(t, err)
	var all []kafka.TopicPartition
	factor := 0
	rows := map[string]map[kafka.TopicPartition]map[string][]byte{}
	for name, meta := range topics {
		var tps []kafka.TopicPartition
		for p := range meta.Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: name, Partition: int32(p)})
		}
		all = append(all, tps...)
		if strings.HasSuffix(name, ".state.v1") && !strings.Contains(name, "-changelog.") && !aboutProducts(name) {
			rows[name] = latest(t, client, tps)
		}
		if name == "pub.ecomm.customer.customer.state.v1" {
			n := 0
			for _, m := range rows[name] {
				n += len(m)
			}
			factor = (customers + n - 1) / n
		}
	}
	require.NotZero(t, factor)
	producer := client.NewProducer(kafka.ProducerConfig{Codec: kafka.CodecLZ4, Linger: 20 * time.Millisecond})
	for name, parts := range rows {
		n := 0
		for tp, m := range parts {
			n += len(m)
			for key, value := range m {
				for i := 1; i < factor; i++ {
					k := binary.BigEndian.AppendUint16([]byte(key+"~"), uint16(i))
					require.NoError(t, producer.Send(ctx, name, tp.Partition, kafka.Message{Key: k, Value: value}, nil))
				}
			}
		}
		t.Logf("%-60s %8d rows, times %d", name, n, factor)
	}
	require.NoError(t, producer.Close(context.WithoutCancel(ctx)))
	ends, err := client.ListOffsets(ctx, all, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	groups, err := client.Groups(ctx)
	require.NoError(t, err)
	for _, g := range groups {
		at, err := client.CommittedOffsets(ctx, g.ID, all)
		require.NoError(t, err)
		moved := map[kafka.TopicPartition]int64{}
		for tp, next := range at {
			if next >= 0 && rows[tp.Topic] != nil {
				moved[tp] = ends[tp]
			}
		}
		require.NoError(t, client.CommitOffsets(ctx, g.ID, moved))
	}
}

// aboutProducts says whether the rows of a topic do not become more with the customers.
func aboutProducts(topic string) bool {
	return slices.ContainsFunc([]string{
		"product.product.", ".item-", "popular-items", "page-navigation-kpi", "order-hourly", "product-sales", "churn-model",
		"customer-ranking.event",
	}, func(s string) bool { return strings.Contains(topic, s) })
}

// latest are the rows of a topic.
func latest(t *testing.T, client *kafka.Client, tps []kafka.TopicPartition) map[kafka.TopicPartition]map[string][]byte {
	t.Helper()
	rows := map[kafka.TopicPartition]map[string][]byte{}
	left, err := client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for tp, end := range left {
		rows[tp] = map[string][]byte{}
		if end == 0 {
			delete(left, tp)
			continue
		}
		fetch.Add(tp, 0)
	}
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				if r.Value == nil {
					delete(rows[c.TopicPartition], string(r.Key))
				} else {
					rows[c.TopicPartition][string(r.Key)] = slices.Clone(r.Value)
				}
			}
			require.NoError(t, c.Err())
			if c.NextOffset() >= left[c.TopicPartition] {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
	return rows
}
