//go:build unix

package stream

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream/internal/sample"
)

const meshParts = 12

// meshOf is a shop in outline: a product that takes every action, remembers it
// and sends it on as one of five kinds of event, and for each kind one that
// folds it under the same key, one under another key, and one that looks
// something up in a table that all of them share.
func meshOf(ingest *sample.Topics) (all []Definition) {
	kinds := make([]*sample.Topics, 5)
	spec := Spec{}
	for i := range kinds {
		kinds[i] = sample.NewIn(fmt.Sprint("kind", i), meshParts, meshParts)
		spec.Emits = append(spec.Emits, kinds[i].Hits)
	}
	all = append(all, Define(ingest.Counts, spec, On(ingest.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Hits++
		Emit(c, kinds[int(h.N)%len(kinds)].Hits, c.Key, h)
		return nil
	})))
	count := func(c *Ctx[string, sample.Count], h sample.Hit) error {
		c.State.Hits++
		c.State.Sum += h.N
		return nil
	}
	for i, k := range kinds {
		all = append(all, Define(k.Counts, Spec{}, On(k.Hits, count)))
		other := sample.NewIn(fmt.Sprint("other", i), meshParts, meshParts)
		all = append(all, Define(other.Counts, Spec{}, On(KeyBy(other.Via, From(k.Hits, func(_ *KeyCtx, h sample.Hit, emit func(string, sample.Hit)) error {
			emit(h.ID[:7], h)
			return nil
		})), count)))
		names := Lookup(ingest.Counts)
		looks := sample.NewIn(fmt.Sprint("looks", i), meshParts, meshParts)
		all = append(all, Define(looks.Counts, Spec{Uses: []Dep{names}}, On(k.Hits, func(c *Ctx[string, sample.Count], h sample.Hit) error {
			n, _ := names.Get(c, c.Key)
			c.State.Note = n.Key
			return count(c, h)
		})))
		quiet := sample.NewIn(fmt.Sprint("quiet", i), meshParts, meshParts)
		all = append(all, Define(quiet.Counts, Spec{}, On(quiet.Hits, count), OnTimer("t", func(*Ctx[string, sample.Count], time.Time) error { return nil })))
	}
	return all
}

// TestMeshThroughput measures a mesh of 21 products in one process with its
// broker, and what it costs when nothing happens. Run with
// MESHWORK_MESH_BENCH=events.
func TestMeshThroughput(t *testing.T) {
	var events int
	if _, err := fmt.Sscan(os.Getenv("MESHWORK_MESH_BENCH"), &events); err != nil {
		t.Skip("set MESHWORK_MESH_BENCH to the number of events, such as 500000")
	}
	ctx := t.Context()
	b, err := broker.Start(ctx, broker.Config{Listen: "127.0.0.1:0", Dir: t.TempDir()}) // as in meshwork up
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	c, err := kafka.NewClient(kafka.Config{Brokers: b.Addrs()})
	require.NoError(t, err)
	defer c.Close()
	s, reg := sample.NewIn("ingest", meshParts, meshParts), &registryFake{}
	require.NoError(t, c.CreateTopics(ctx, TopicSpec(&s.Hits.Info, 1)))
	id, err := reg.RegisterSchema(ctx, "", s.Hits.Info.Schema)
	require.NoError(t, err)
	p, err := c.NewTxnProducer(ctx, kafka.TxnConfig{ID: "bench-feed"})
	require.NoError(t, err)
	pad := strings.Repeat("x", 80)
	var value []byte
	feed := func(n int) {
		for i := 0; i < n; {
			txn := p.NewTxn()
			for range min(50_000, n-i) {
				key := fmt.Sprintf("key-%05d", i*7919%10_000)
				value = sample.AppendHit(avro.AppendHeader(value[:0], int32(id)), &sample.Hit{Key: key, ID: fmt.Sprintf("o%06d%s", i*31%5000, pad), N: int64(i)})
				txn.Append(kafka.TopicPartition{Topic: s.Hits.Info.Name, Partition: kafka.Partition([]byte(key), meshParts)}, time.Now().UnixMilli(), []byte(key), value)
				i++
			}
			require.NoError(t, p.Commit(ctx, txn))
		}
	}
	usage := func() time.Duration {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(cpuTime(&u))
	}
	defs := meshOf(s)
	r, err := NewRunner(Config{Kafka: c, Registry: reg, StateDir: t.TempDir(), Log: zap.NewNop()}, defs...)
	require.NoError(t, err)
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(run) }()
	caughtUp := func() {
		require.Eventually(t, func() bool {
			select {
			case err := <-done:
				t.Fatal(err)
			default:
			}
			ok, err := r.CaughtUp(ctx)
			return err == nil && ok
		}, 5*time.Minute, 20*time.Millisecond)
	}
	caughtUp()
	time.Sleep(2 * time.Second) // a measurement, not synchronisation
	before := usage()
	const quiet = 10 * time.Second
	time.Sleep(quiet) // a measurement, not synchronisation
	t.Logf("idle, %d products: %.1f %% of a CPU", len(defs), float64(usage()-before)/float64(quiet)*100)
	start, before := time.Now(), usage()
	feed(events)
	fed, fedCPU := time.Since(start), usage()-before
	caughtUp()
	took, cpu := time.Since(start), usage()-before
	t.Logf("%d events: fed in %v (%.1f s CPU), through the mesh in %v: %.0f events/s, %.0f events per CPU-second, broker included", events, fed.Round(time.Millisecond), fedCPU.Seconds(), took.Round(time.Millisecond), float64(events)/took.Seconds(), float64(events)/cpu.Seconds())
	cancel()
	require.NoError(t, <-done)
	p.Close()
}
