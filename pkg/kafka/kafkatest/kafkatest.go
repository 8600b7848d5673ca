package kafkatest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/kafka"
)

// Features is what the cluster under test is known to offer; the suite checks that the client sees the same.
type Features struct {
	TransactionVersion int // finalized level of transaction.version
	GroupVersion       int // finalized level of group.version
}

// Exercise runs the whole suite against the cluster. Its parts use topics, groups and ids of their own and run beside
// each other, as many as -parallel allows: mostly they wait.
func Exercise(t *testing.T, brokers []string, f Features) {
	t.Helper()
	e := newEnv(t, brokers, f)
	parallel(t, "core", e.core)
	parallel(t, "admin", e.admin)
	parallel(t, "offsets", e.offsets)
	parallel(t, "unstable offsets", e.unstableOffsets)
	parallel(t, "groups described", e.describeGroups)
	parallel(t, "fetch", e.fetch)
	parallel(t, "transactions", e.txn)
	parallel(t, "groups", e.group)
}

// parallel is a subtest that runs beside others.
func parallel(t *testing.T, name string, fn func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(t)
	})
}

// env is what the parts of the suite share.
type env struct {
	brokers  []string
	features Features
	client   *kafka.Client
}

func newEnv(t *testing.T, brokers []string, f Features) *env {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: brokers})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &env{brokers: brokers, features: f, client: c}
}

// name is a fresh name for a topic, group or transactional id.
func (e *env) name(kind string) string {
	return "mw-test-" + kind + "-" + newID()
}

func newID() string { return strings.ToLower(rand.Text()[:10]) }

// topic creates a topic that is deleted when the test ends.
func (e *env) topic(t *testing.T, partitions int, config ...string) string {
	t.Helper()
	name := e.name("topic")
	spec := kafka.TopicSpec{Name: name, Partitions: partitions, Config: map[string]string{}}
	for i := 0; i+1 < len(config); i += 2 {
		spec.Config[config[i]] = config[i+1]
	}
	require.NoError(t, e.client.CreateTopics(ctx(t), spec))
	t.Cleanup(func() { _ = e.client.DeleteTopics(context.Background(), name) })
	return name
}

// ctx is a context that ends well before the test binary gives up.
func ctx(t *testing.T) context.Context {
	t.Helper()
	c, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return c
}

// foreign is a client of another make.
func (e *env) foreign(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers(e.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond)}, opts...)
	cl, err := kgo.NewClient(opts...)
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// foreignSend produces values with a client of another make.
func foreignSend(t *testing.T, cl *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	recs := make([]*kgo.Record, len(values))
	for i, v := range values {
		recs[i] = &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k" + v), Value: []byte(v)}
	}
	require.NoError(t, cl.ProduceSync(ctx(t), recs...).FirstErr())
}

// foreignRead reads n records of partition 0 with a client of another make, read-committed.
func (e *env) foreignRead(t *testing.T, topic string, n int) []string {
	t.Helper()
	cl := e.foreign(t, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	var out []string
	for len(out) < n {
		fs := cl.PollFetches(ctx(t))
		require.NoError(t, fs.Err())
		fs.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
	}
	return out
}

// read reads the partition from its first record to its end.
func (e *env) read(t *testing.T, tp kafka.TopicPartition, iso kafka.Isolation) (values []string, next int64) {
	t.Helper()
	f := e.client.NewFetcher(kafka.FetchConfig{Isolation: iso})
	defer f.Close()
	f.Add(tp, 0)
	for {
		chunks, err := f.Poll(ctx(t))
		require.NoError(t, err)
		end := false
		for _, c := range chunks {
			var r kafka.Record
			for c.Next(&r) {
				values = append(values, string(r.Value))
			}
			require.NoError(t, c.Err())
			next, end = c.NextOffset(), c.AtEnd()
			c.Release()
		}
		if end {
			return values, next
		}
	}
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return out
}
