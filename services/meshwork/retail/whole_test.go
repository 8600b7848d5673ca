//go:build unix

package retail_test

import (
	"context"
	"iter"
	"maps"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/orderprocessing"
	productservice "meshwork.dev/services/product"
)

// The whole file through both services on an embedded broker: the tables folded from the topics are those of the
// file, to the thousandth.
func TestWholeFileThroughTheMesh(t *testing.T) {
	if testing.Short() {
		t.Skip("takes about half a minute")
	}
	file := open(t, retail.Options{})
	b := broker.New(t, broker.WithDir(t.TempDir()))
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	server, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)

	orders, err := orderprocessing.Products(orderprocessing.DefaultRules())
	require.NoError(t, err)
	products, err := productservice.Products()
	require.NoError(t, err)
	runner, err := stream.NewRunner(stream.Config{
		Kafka: client, Registry: stream.FromRegistry(reg), StateDir: t.TempDir(),
	}, append(orders, products...)...)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	require.Eventually(t, runner.Ready, 30*time.Second, 10*time.Millisecond)

	start, cpu := time.Now(), cpuTime()
	publish(t, client, reg, file)
	t.Logf("published after %v", time.Since(start))
	runner.EndHistory()
	require.Eventually(t, func() bool {
		done, err := runner.CaughtUp(t.Context())
		return err == nil && done
	}, 5*time.Minute, 50*time.Millisecond)
	t.Logf("%d rows in %v, %v of CPU, peak memory %d MB", file.Rows(), time.Since(start), cpuTime()-cpu, peakMB())

	got, err := retail.NewTables()
	require.NoError(t, err)
	want := tables(t, open(t, retail.Options{}))
	for o := range maps.Values(fold(t, client, reg, orderproc.OrderState)) {
		got.Add(&o)
	}
	require.Equal(t, want.All(), got.All())
	require.Equal(t, want.Numeric(), got.Numeric())
	require.Equal(t, want.Cancelled(), got.Cancelled())
	require.Equal(t, want.Clean(), got.Clean())
	require.Equal(t, want.Months(), got.Months())
	require.Equal(t, "dc0ed5eddf7e19dea9ba5c87d103a0a54b82232ac8622c3c2af769b220f69de2", got.Digest())
	sales := retail.SalesByMonth(pointers(maps.Values(fold(t, client, reg, product.ProductSalesState))))
	for _, m := range want.Months() {
		s := sales[m.Month]
		require.Equal(t, []any{int64(m.Rows), m.Net, m.Gross, m.Cancelled}, []any{s.Rows, s.Net, s.Gross, s.Cancelled}, m.Month)
	}
	require.Len(t, fold(t, client, reg, product.ProductState), 3958)
	requireOrdersAsInTheFile(t, dataSet, fold(t, client, reg, orderproc.OrderHourlyState), fold(t, client, reg, orderproc.CancellationMatchState))
}

func publish(t *testing.T, client *kafka.Client, reg *registry.Client, src feed.Source) {
	t.Helper()
	producer := client.NewProducer(kafka.ProducerConfig{})
	cfg := ingest.Config{Producer: producer, Registry: reg, Source: "/test"}
	create, change := ingest.Open(cfg, orderproc.CreateOrderCommand), ingest.Open(cfg, product.ProductChangeEvent)
	var failed atomic.Int64
	done := func(err error) {
		if err != nil {
			failed.Add(1)
		}
	}
	drain(t, src, func(m feed.Message) {
		if m.Order != nil {
			require.NoError(t, create.Start(t.Context(), m.Order, m.At, m.Order.Identity.IdempotenceID, done))
			return
		}
		require.NoError(t, change.Start(t.Context(), m.Change, m.At, m.Change.Identity.IdempotenceID, done))
	})
	require.NoError(t, producer.Close(t.Context()))
	require.Zero(t, failed.Load())
}

// fold reads a state topic to its end: the last value of every key.
func fold[K comparable, V any](t *testing.T, client *kafka.Client, reg *registry.Client, topic *schemas.Topic[K, V]) map[K]V {
	t.Helper()
	meta, err := client.Topics(t.Context(), topic.Name())
	require.NoError(t, err)
	var tps []kafka.TopicPartition
	for p := range meta[topic.Name()].Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic.Name(), Partition: int32(p)})
	}
	left, err := client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for _, tp := range tps {
		fetch.Add(tp, 0)
		if left[tp] == 0 {
			delete(left, tp)
		}
	}
	dec, err := avro.NewTopicDecoder(topic, reg)
	require.NoError(t, err)
	rows := map[K]V{}
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				key, err := topic.Keys.Parse(r.Key)
				require.NoError(t, err)
				if r.Value == nil {
					delete(rows, key)
					continue
				}
				var v V
				require.NoError(t, dec.Decode(&v, r.Value))
				rows[key] = v
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

func pointers[V any](seq iter.Seq[V]) iter.Seq[*V] {
	return func(yield func(*V) bool) {
		for v := range seq {
			if !yield(&v) {
				return
			}
		}
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func peakMB() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Maxrss >> 10
}
