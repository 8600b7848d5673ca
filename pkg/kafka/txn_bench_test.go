//go:build !windows

package kafka_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
)

// benchChild makes the test binary a broker that takes records and keeps none, in a process of its own: what the
// benchmark measures is then the CPU time of the client alone.
const benchChild = "MESHWORK_BENCH_BROKER"

func TestBenchBroker(t *testing.T) {
	if os.Getenv(benchChild) == "" {
		t.Skip("plays the broker of benchmarks")
	}
	b := broker.New(t, broker.WithTopics(4, "out"), broker.WithKfake(kfake.BlackholeProduce()))
	fmt.Println("broker", b.Addr())
	_, _ = io.ReadAll(os.Stdin) // until the benchmark ends
}

func benchBroker(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchBroker$")
	cmd.Env = append(os.Environ(), benchChild+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		require.NoError(b, err)
		if addr, ok := strings.CutPrefix(strings.TrimSpace(line), "broker "); ok {
			return addr
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const perTxn = 10_000 // records, over 4 partitions

var (
	benchKey   = []byte("customer-4711")
	benchValue = []byte(strings.Repeat("order line;", 9) + "x") // 100 B
)

// measure runs one round of perTxn records as often as the benchmark wants.
func measure(b *testing.B, round func()) {
	b.Helper()
	round() // connections, buffers
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	n := 0
	for b.Loop() {
		round()
		n += perTxn
	}
	b.ReportMetric(float64(n)/(cpu()-before).Seconds()/1e6, "Mrec/cpu-s")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrec/s")
}

func BenchmarkTransactionalProduce(b *testing.B) {
	for _, codec := range []kafka.Codec{kafka.CodecNone, kafka.CodecLZ4} {
		b.Run("meshwork/"+codec.String(), func(b *testing.B) { benchOwn(b, codec) })
		b.Run("franz-go/"+codec.String(), func(b *testing.B) { benchFranz(b, codec) })
		b.Run("kafka-go-Writer-without-transactions/"+codec.String(), func(b *testing.B) { benchWriter(b, codec) })
	}
}

func benchOwn(b *testing.B, codec kafka.Codec) {
	ctx := context.Background()
	c, err := kafka.NewClient(kafka.Config{Brokers: []string{benchBroker(b)}})
	require.NoError(b, err)
	defer c.Close()
	p, err := c.NewTxnProducer(ctx, kafka.TxnConfig{ID: "bench", Codec: codec})
	require.NoError(b, err)
	defer p.Close()
	var parts [4]kafka.TopicPartition
	for i := range parts {
		parts[i] = kafka.TopicPartition{Topic: "out", Partition: int32(i)}
	}
	measure(b, func() {
		tx := p.NewTxn()
		for i := range perTxn {
			tx.Partition(parts[i%4]).Append(1, benchKey, benchValue, nil, 0)
		}
		if err := p.Commit(ctx, tx); err != nil {
			b.Fatal(err)
		}
	})
}

func benchFranz(b *testing.B, codec kafka.Codec) {
	compression := kgo.NoCompression()
	if codec == kafka.CodecLZ4 {
		compression = kgo.Lz4Compression()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(benchBroker(b)), kgo.TransactionalID("bench"), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(compression), kgo.ProducerBatchMaxBytes(900<<10), kgo.MaxBufferedRecords(2*perTxn), kgo.ProducerLinger(0))
	require.NoError(b, err)
	defer cl.Close()
	ctx := context.Background()
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			b.Error(err)
		}
	}
	measure(b, func() {
		if err := cl.BeginTransaction(); err != nil {
			b.Fatal(err)
		}
		for i := range perTxn {
			cl.Produce(ctx, &kgo.Record{Topic: "out", Partition: int32(i % 4), Key: benchKey, Value: benchValue}, failed)
		}
		if err := cl.Flush(ctx); err != nil {
			b.Fatal(err)
		}
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			b.Fatal(err)
		}
	})
}

func benchWriter(b *testing.B, codec kafka.Codec) {
	tr := &kafkago.Transport{}
	defer tr.CloseIdleConnections()
	w := &kafkago.Writer{
		Transport: tr,
		Addr:      kafkago.TCP(benchBroker(b)), Topic: "out", Balancer: &kafkago.RoundRobin{}, BatchSize: perTxn / 4,
		BatchBytes: 4 << 20, BatchTimeout: time.Millisecond, RequiredAcks: kafkago.RequireAll,
	}
	if codec == kafka.CodecLZ4 {
		w.Compression = kafkago.Lz4
	}
	defer w.Close()
	msgs := make([]kafkago.Message, perTxn)
	measure(b, func() {
		for i := range msgs {
			msgs[i] = kafkago.Message{Key: benchKey, Value: benchValue}
		}
		if err := w.WriteMessages(context.Background(), msgs...); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkTxnAppend is the path every record takes.
func BenchmarkTxnAppend(b *testing.B) {
	br := broker.New(b)
	c, err := kafka.NewClient(kafka.Config{Brokers: br.Addrs()})
	require.NoError(b, err)
	defer c.Close()
	p, err := c.NewTxnProducer(context.Background(), kafka.TxnConfig{ID: "bench"})
	require.NoError(b, err)
	defer p.Close()
	tx := p.NewTxn()
	tp := kafka.TopicPartition{Topic: "out"}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		tx.Append(tp, 1, benchKey, benchValue)
		if n++; n%perTxn == 0 {
			tx.Discard()
			tx = p.NewTxn()
		}
	}
}
