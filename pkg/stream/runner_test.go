package stream

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
	"meshwork.dev/schemas"
)

// registryFake hands out ids.
type registryFake struct {
	mu   sync.Mutex
	text []string
	down bool
	mute int // registrations that it cannot take before it can
}

func (r *registryFake) RegisterSchema(_ context.Context, _, schema string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mute > 0 {
		r.mute--
		return 0, fmt.Errorf("no writer: %w", avro.ErrUnavailable)
	}
	for i, s := range r.text {
		if s == schema {
			return i + 1, nil
		}
	}
	r.text = append(r.text, schema)
	return len(r.text), nil
}

func (r *registryFake) SchemaByID(_ context.Context, id int) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.down:
		return "", errors.New("connection refused")
	case id < 1 || id > len(r.text):
		return "", avro.ErrUnknownSchema
	}
	return r.text[id-1], nil
}

func (r *registryFake) SchemaByGUID(context.Context, [16]byte) (string, error) {
	return "", avro.ErrUnknownSchema
}

const logLevel = zap.WarnLevel

// world is a broker, a registry, and what was sent to them.
type world struct {
	t     *testing.T
	b     *broker.Broker // nil when the tests run on a Kafka given by KAFKA=host:port
	addrs []string
	reg   *registryFake
	s     *sample.Topics
	want  map[string]sample.Count // the batch computation
	log   *zap.Logger
	seed  *rand.Rand
}

func newWorld(t *testing.T, opts ...broker.Option) *world {
	t.Helper()
	domain := "test"
	var addrs []string
	var b *broker.Broker
	if kafkaAddr := os.Getenv("KAFKA"); kafkaAddr != "" {
		domain, addrs = fmt.Sprintf("test%d", time.Now().UnixNano()), []string{kafkaAddr}
	} else {
		b = broker.New(t, opts...)
		addrs = b.Addrs()
	}
	w := &world{t: t, b: b, addrs: addrs, reg: &registryFake{}, s: sample.NewIn(domain, 6, 4), want: map[string]sample.Count{}, log: zaptest.NewLogger(t, zaptest.Level(logLevel)), seed: rand.New(rand.NewPCG(1, 2))}
	c := w.client()
	for _, topic := range []*schemas.Info{&w.s.Hits.Info, &w.s.Others.Info, &w.s.Names.Info} {
		require.NoError(t, c.CreateTopics(t.Context(), TopicSpec(topic, 1)))
	}
	return w
}

func (w *world) client() *kafka.Client {
	w.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: w.addrs, Log: w.log})
	require.NoError(w.t, err)
	w.t.Cleanup(c.Close)
	return c
}

// counts is the product under test: a direct input, a re-keyed one, a join, an
// emitted event.
func (w *world) counts() *Product[string, sample.Count] {
	return Define(w.s.Counts, Spec{OnError: Retry(1, time.Millisecond).ThenDeadLetter(), Emits: []TopicRef{w.s.Alerts}},
		On(w.s.Hits, w.add),
		On(KeyBy(w.s.Via, From(w.s.Others, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			if h.N < 0 {
				return Reject(errors.New("negative"))
			}
			emit(h.ID, sample.Hit{Key: h.ID, ID: h.Key, N: h.N})
			return nil
		})), w.add))
}

func (w *world) add(c *Ctx[string, sample.Count], h sample.Hit) error {
	if h.N == 13 {
		c.State.Sum = -1
		Emit(c, w.s.Alerts, c.Key, h)
		return errors.New("unlucky")
	}
	c.State.Key = c.Key
	c.State.Hits++
	c.State.Sum += h.N
	if c.State.Hits%100 == 0 {
		Emit(c, w.s.Alerts, c.Key, sample.Hit{Key: c.Key, ID: c.ID(), N: c.State.Hits})
	}
	return nil
}

func (w *world) expect(key string, n int64) {
	c := w.want[key]
	w.want[key] = sample.Count{Key: key, Hits: c.Hits + 1, Sum: c.Sum + n}
}

// feed sends n records to both inputs in transactions, some of them aborted,
// with some poison among them, and returns how many dead letters that makes.
func (w *world) feed(n int) (dead int) {
	w.t.Helper()
	c := w.client()
	p, err := c.NewTxnProducer(w.t.Context(), kafka.TxnConfig{ID: fmt.Sprintf("feed-%s-%d", w.s.Hits.Info.Name, w.seed.Uint64())})
	require.NoError(w.t, err)
	defer p.Close()
	id, err := w.reg.RegisterSchema(w.t.Context(), "", w.s.Hits.Info.Schema)
	require.NoError(w.t, err)
	for n > 0 {
		txn := p.NewTxn()
		abort := w.seed.IntN(4) == 0
		for range min(n, 50+w.seed.IntN(200)) {
			ts := time.Now().UnixMilli()
			key := fmt.Sprintf("key-%03d", w.seed.IntN(200))
			other := w.seed.IntN(3) == 0
			h := sample.Hit{Key: key, ID: "id", N: int64(w.seed.IntN(1000))}
			topic := &w.s.Hits.Info
			if other {
				h.Key, h.ID, topic = fmt.Sprint("visitor", w.seed.IntN(50)), key, &w.s.Others.Info
			}
			value := sample.AppendHit(avro.AppendHeader(nil, int32(id)), &h)
			bad := false
			switch w.seed.IntN(100) {
			case 0:
				value, bad = []byte("poison"), true
			case 1:
				value, bad = value[:len(value)-1], true
			}
			if !abort {
				switch {
				case bad, h.N == 13:
					dead++
				default:
					w.expect(key, h.N)
				}
				n--
			}
			txn.Append(kafka.TopicPartition{Topic: topic.Name, Partition: kafka.Partition([]byte(h.Key), topic.Partitions)}, ts, []byte(h.Key), value)
		}
		if abort {
			w.abort(txn)
			continue
		}
		require.NoError(w.t, p.Commit(w.t.Context(), txn))
	}
	return dead
}

// abort writes the records in a transaction that is aborted, by franz-go.
func (w *world) abort(txn *kafka.Txn) {
	txn.Discard()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addrs...), kgo.TransactionalID("aborter-"+w.s.Hits.Info.Name), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(w.t, err)
	defer cl.Close()
	require.NoError(w.t, cl.BeginTransaction())
	for i := range int32(6) {
		h := sample.Hit{Key: "key-001", ID: "never", N: 1e9}
		require.NoError(w.t, cl.ProduceSync(w.t.Context(), &kgo.Record{Topic: w.s.Hits.Info.Name, Partition: i, Key: []byte(h.Key), Value: sample.AppendHit(avro.AppendHeader(nil, 1), &h)}).FirstErr())
	}
	require.NoError(w.t, cl.EndTransaction(w.t.Context(), kgo.TryAbort))
}

// node is a process that runs products.
type node struct {
	*Runner
	c      *kafka.Client
	cancel context.CancelFunc
	done   chan error
}

func (w *world) start(dir string, defs []Definition, adjust ...func(*Config)) *node {
	w.t.Helper()
	n := &node{c: w.client(), done: make(chan error, 1)}
	cfg := Config{Kafka: n.c, Registry: w.reg, StateDir: dir, Log: w.log, CommitInterval: 20 * time.Millisecond, CatchUpInterval: 20 * time.Millisecond, IdleAfter: 50 * time.Millisecond, StopTimeout: 10 * time.Second}
	for _, a := range adjust {
		a(&cfg)
	}
	var err error
	n.Runner, err = NewRunner(cfg, defs...)
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	go func() { n.done <- n.Run(ctx) }()
	w.t.Cleanup(cancel)
	return n
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	n.cancel()
	select {
	case err := <-n.done:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the runner does not stop")
	}
	n.c.Close()
}

func (n *node) caughtUp(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case err := <-n.done:
			t.Fatalf("the runner ended: %v", err)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ok, err := n.CaughtUp(ctx)
		return err == nil && ok
	}, 30*time.Second, 10*time.Millisecond)
}

// read gives every committed record of a topic, as an independent client sees
// them.
func (w *world) read(topic string) []*kgo.Record {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addrs...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	require.NoError(w.t, err)
	defer cl.Close()
	adm := kadm.NewClient(cl)
	starts, err := adm.ListStartOffsets(ctx, topic)
	require.NoError(w.t, err)
	ends, err := adm.ListCommittedOffsets(ctx, topic)
	require.NoError(w.t, err)
	left := map[int32]int64{}
	ends.Each(func(end kadm.ListedOffset) {
		if start, ok := starts.Lookup(topic, end.Partition); ok && end.Err == nil && end.Offset > start.Offset {
			left[end.Partition] = end.Offset
		}
	})
	var all []*kgo.Record
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		require.NoError(w.t, ctx.Err(), "%s was not read to its end: %v", topic, left)
		fs.EachRecord(func(r *kgo.Record) {
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				all = append(all, r)
			}
		})
	}
	return all
}

// check compares the published table, every step of it, with the batch
// computation.
func (w *world) check(dead int) {
	w.t.Helper()
	got := map[string]sample.Count{}
	hits := map[string]int64{}
	for _, r := range w.read(w.s.Counts.Info.Name) {
		var c sample.Count
		require.NoError(w.t, w.s.Counts.Values.Decode(&c, r.Value[avro.HeaderLen:]))
		require.Equal(w.t, hits[c.Key]+1, c.Hits, "every update of %s is published once and in order", c.Key)
		hits[c.Key] = c.Hits
		require.Equal(w.t, kafka.Partition(r.Key, w.s.Counts.Info.Partitions), r.Partition)
		got[string(r.Key)] = c
	}
	require.Equal(w.t, w.want, got)
	alerts, ids := 0, map[string]bool{}
	for _, r := range w.read(w.s.Alerts.Info.Name) {
		alerts++
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				ids[string(h.Value)] = true
			}
		}
	}
	want := 0
	for _, c := range w.want {
		want += int(c.Hits / 100)
	}
	require.Equal(w.t, want, alerts)
	require.Len(w.t, ids, alerts)
	letters := len(w.read(DeadLetterTopic(w.s.Hits.Info.Name))) + len(w.read(DeadLetterTopic(w.s.Others.Info.Name))) + len(w.read(DeadLetterTopic(w.s.Via.Info.Name)))
	require.Equal(w.t, dead, letters)
}

// TestMain lets more tests run at a time than there are processors: those that
// say beside wait for brokers and sessions rather than compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if runtime.GOMAXPROCS(0) < waiting {
		if err := flag.Set("test.parallel", strconv.Itoa(waiting)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// waiting is how many tests that wait may run at a time.
const waiting = 6

// beside lets the test run beside others, each of which has a broker of its own.
func beside(t *testing.T) {
	t.Helper()
	if os.Getenv("KAFKA") == "" { // on one broker they would share transactional ids
		t.Parallel()
	}
}

// volume is how much of something a test does: all of it, or with -short, which
// goes with the race detector, as much as shows what goroutines do to each other.
func volume(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

func TestTablesEqualTheBatchComputation(t *testing.T) {
	beside(t)
	for name, opts := range map[string][]broker.Option{"kafka 4": nil, "kafka 3.9": {broker.AsKafka39()}} {
		t.Run(name, func(t *testing.T) {
			beside(t)
			w := newWorld(t, opts...)
			dead := w.feed(volume(3000, 1000))
			n := w.start(t.TempDir(), []Definition{w.counts()})
			n.caughtUp(t)
			dead += w.feed(volume(3000, 1000))
			n.caughtUp(t)
			n.stop(t)
			w.check(dead)
		})
	}
}

func restoredOf(n *node) (total int64) {
	for _, w := range n.workers {
		total += w.restoredRecords.Load()
	}
	return total
}
