//go:build unix

package stream

import (
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream/internal/sample"
)

// builders is a sink into record batches, as a transaction is.
type builders map[[2]int]*kafka.BatchBuilder

func (s builders) Append(out int, partition int32, ts int64, key, value, headers []byte, count int) {
	b := s[[2]int{out, int(partition)}]
	if b == nil {
		b = &kafka.BatchBuilder{}
		s[[2]int{out, int(partition)}] = b
	}
	b.Append(ts, key, value, headers, count)
}

func counting(s *sample.Topics) *Product[string, sample.Count] {
	return Define(s.Counts, Spec{}, On(s.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Hits++
		c.State.Sum += h.N
		return nil
	}))
}

// BenchmarkTask is the cost of a record in the engine alone: decode, row,
// reaction, encode, overlay, envelope, batch.
func BenchmarkTask(b *testing.B) {
	s := sample.New(1, 1)
	store, err := state.OpenMemory("", state.Options{})
	require.NoError(b, err)
	defer store.Close()
	task, err := NewTask(counting(s), TaskConfig{
		Store: store, Schemas: &registryFake{text: []string{s.Hits.Info.Schema}}, SchemaID: func(string) int32 { return 2 },
		Partitions: func(string) int { return 1 }, View: func(string, Dep) View { return nil }, Now: time.Now,
	})
	require.NoError(b, err)
	pad := strings.Repeat("x", 80)
	recs := make([]kafka.Record, 10_000)
	for i := range recs {
		key := fmt.Sprintf("key-%08d", i)
		recs[i] = kafka.Record{Offset: int64(i), Timestamp: 1_700_000_000_000, Key: []byte(key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &sample.Hit{Key: key, ID: pad, N: 1})}
	}
	sink := builders{}
	b.ReportAllocs()
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	i := 0
	for b.Loop() {
		if out, err := task.Process(0, &recs[i%len(recs)], sink); out != Done || err != nil {
			b.Fatal(out, err)
		}
		if i++; i%50_000 == 0 { // a transaction
			require.NoError(b, task.Seal(sink))
			_, err := task.Committed([]byte{1})
			require.NoError(b, err)
			for _, x := range sink {
				x.Reset()
			}
		}
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	// On a busy machine this tells more than ns/op.
	b.ReportMetric(float64(cpuTime(&after)-cpuTime(&before))/float64(i), "cpu-ns/op")
}

func cpuTime(r *syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }

// TestBrokerProcess is not a test: it is the broker of TestThroughput, in a
// process of its own so that its work is not counted.
func TestBrokerProcess(t *testing.T) {
	if os.Getenv("MESHWORK_BENCH_BROKER") == "" {
		t.Skip("helper process of TestThroughput")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	fmt.Printf("broker at %s\n", b.Addr())
	<-ctx.Done()
	require.NoError(t, b.Close())
}

// TestThroughput measures records per CPU-second of this process, exactly once,
// every update published, 100 ms commits. Run with MESHWORK_BENCH=records.
func TestThroughput(t *testing.T) {
	var records int
	if _, err := fmt.Sscan(os.Getenv("MESHWORK_BENCH"), &records); err != nil {
		t.Skip("set MESHWORK_BENCH to the number of records, such as 2000000")
	}
	ctx := t.Context()
	addr := os.Getenv("KAFKA")
	if addr == "" {
		cmd := osexec.CommandContext(ctx, os.Args[0], "-test.run", "^TestBrokerProcess$", "-test.v")
		cmd.Env = append(os.Environ(), "MESHWORK_BENCH_BROKER=1")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		defer func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() }()
		for line := ""; ; {
			_, err := fmt.Fscanln(out, new(string), new(string), &addr)
			if err == nil && strings.Contains(addr, ":") {
				break
			}
			if err != nil && err.Error() == "EOF" {
				t.Fatal("no broker", line)
			}
		}
	}
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{addr}})
	require.NoError(t, err)
	defer c.Close()
	s, reg := sample.New(4, 1), &registryFake{}
	require.NoError(t, c.CreateTopics(ctx, TopicSpec(&s.Hits.Info, 1)))
	id, err := reg.RegisterSchema(ctx, "", s.Hits.Info.Schema)
	require.NoError(t, err)
	p, err := c.NewTxnProducer(ctx, kafka.TxnConfig{ID: "bench-feed"})
	require.NoError(t, err)
	pad := strings.Repeat("x", 80)
	var value []byte
	for i := 0; i < records; {
		txn := p.NewTxn()
		for range min(50_000, records-i) {
			key := fmt.Sprintf("key-%05d", i*7919%10_000)
			value = sample.AppendHit(avro.AppendHeader(value[:0], int32(id)), &sample.Hit{Key: key, ID: pad, N: 1})
			txn.Append(kafka.TopicPartition{Topic: s.Hits.Info.Name, Partition: kafka.Partition([]byte(key), 4)}, time.Now().UnixMilli(), []byte(key), value)
			i++
		}
		require.NoError(t, p.Commit(ctx, txn))
	}
	p.Close()
	r, err := NewRunner(Config{Kafka: c, Registry: reg, StateDir: t.TempDir(), Log: zap.NewNop()}, counting(s))
	require.NoError(t, err)
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	var before, after syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	start := time.Now()
	go func() { done <- r.Run(run) }()
	require.Eventually(t, func() bool {
		n := int64(0)
		for _, in := range r.Status()[0].Inputs {
			n += in.Next
		}
		return n >= int64(records)
	}, 2*time.Minute, 5*time.Millisecond)
	took := time.Since(start)
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	cancel()
	require.NoError(t, <-done)
	cpu := time.Duration(cpuTime(&after) - cpuTime(&before))
	t.Logf("%d records in %v: %.0f records/s, %.0f records per CPU-second", records, took.Round(time.Millisecond), float64(records)/took.Seconds(), float64(records)/cpu.Seconds())
}
