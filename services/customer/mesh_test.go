package customer_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/ingest"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/services/customer"
)

// mesh is the customer service on an embedded broker, which can be stopped and started.
type mesh struct {
	t       *testing.T
	client  *kafka.Client
	reg     *registry.Client
	def     service.Definition
	dir     string
	idle    time.Duration
	runner  *stream.Runner
	stopNow context.CancelFunc
	ended   chan error
}

func newMesh(t *testing.T, env map[string]string) *mesh {
	t.Helper()
	b := broker.New(t)
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
	m := &mesh{
		t: t, client: client, reg: reg, dir: t.TempDir(), idle: time.Hour,
		def: customer.Service(func(name string) string { return env[name] }),
	}
	t.Cleanup(m.stop)
	return m
}

// start runs the products; what an earlier run left on disk is there.
func (m *mesh) start() {
	m.t.Helper()
	products, err := m.def.Products(&service.Config{})
	require.NoError(m.t, err)
	m.runner, err = stream.NewRunner(stream.Config{
		Kafka: m.client, Registry: stream.FromRegistry(m.reg), StateDir: m.dir, IdleAfter: m.idle, HistoryIdle: m.idle, CommitInterval: 50 * time.Millisecond,
	}, products...)
	require.NoError(m.t, err)
	ctx, stop := context.WithCancel(context.Background())
	m.stopNow, m.ended = stop, make(chan error, 1)
	go func(r *stream.Runner) { m.ended <- r.Run(ctx) }(m.runner)
	require.Eventually(m.t, m.runner.Ready, time.Minute, 10*time.Millisecond)
}

func (m *mesh) stop() {
	if m.stopNow == nil {
		return
	}
	m.stopNow()
	m.stopNow = nil
	require.NoError(m.t, <-m.ended)
}

func (m *mesh) caughtUp() {
	m.t.Helper()
	require.Eventually(m.t, func() bool {
		done, err := m.runner.CaughtUp(m.t.Context())
		return err == nil && done
	}, 3*time.Minute, 50*time.Millisecond)
}

// api is the service's HTTP API.
func (m *mesh) api() http.Handler {
	m.t.Helper()
	mux := http.NewServeMux()
	require.NoError(m.t, m.def.Routes(mux, service.Deps{
		Config: &service.Config{CreateTopics: true}, Kafka: m.client, Registry: m.reg, Log: zap.NewNop(),
		OnStop: func(_ string, stop func() error) { m.t.Cleanup(func() { _ = stop() }) },
	}))
	return mux
}

// publish sends values, each with its event time.
func publish[K, V any](m *mesh, topic *schemas.Topic[K, V], values []V, at func(*V) time.Time, id func(*V) string) {
	m.t.Helper()
	producer := m.client.NewProducer(kafka.ProducerConfig{})
	w := ingest.Open(ingest.Config{Producer: producer, Registry: m.reg, Source: "/test"}, topic)
	var failed atomic.Int64
	for i := range values {
		require.NoError(m.t, w.Start(m.t.Context(), &values[i], at(&values[i]), id(&values[i]), func(err error) {
			if err != nil {
				failed.Add(1)
			}
		}))
	}
	require.NoError(m.t, producer.Close(m.t.Context()))
	require.Zero(m.t, failed.Load())
}

// read reads a topic to its end; value is nil for a record without one.
func read[K, V any](m *mesh, topic *schemas.Topic[K, V], take func(key K, value *V)) {
	m.t.Helper()
	meta, err := m.client.Topics(m.t.Context(), topic.Name())
	require.NoError(m.t, err)
	var tps []kafka.TopicPartition
	for p := range meta[topic.Name()].Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic.Name(), Partition: int32(p)})
	}
	left, err := m.client.ListOffsets(m.t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(m.t, err)
	fetch := m.client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for _, tp := range tps {
		fetch.Add(tp, 0)
		if left[tp] == 0 {
			delete(left, tp)
		}
	}
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(m.t, err)
	for len(left) > 0 {
		chunks, err := fetch.Poll(m.t.Context())
		require.NoError(m.t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				key, err := topic.Keys.Parse(r.Key)
				require.NoError(m.t, err)
				if r.Value == nil {
					take(key, nil)
					continue
				}
				v := new(V)
				require.NoError(m.t, dec.Decode(v, r.Value))
				take(key, v)
			}
			require.NoError(m.t, c.Err())
			if c.NextOffset() >= left[c.TopicPartition] {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
}

// table is the last value of every key of a topic.
func table[K comparable, V any](m *mesh, topic *schemas.Topic[K, V]) map[K]V {
	m.t.Helper()
	rows := map[K]V{}
	read(m, topic, func(key K, value *V) {
		if value == nil {
			delete(rows, key)
			return
		}
		rows[key] = *value
	})
	return rows
}

// openData opens a file of real data, which is no part of the project; without it the test is skipped.
func openData(t *testing.T, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", name))
	if err != nil {
		t.Skipf("the data is not here: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	return z
}
