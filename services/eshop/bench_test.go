//go:build unix

package eshop

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/state"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// cpu is what the process has used. On a busy machine it tells more than the time that has passed.
func cpu(t testing.TB) time.Duration {
	var r syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// batches is a sink into record batches, as a transaction is.
type batches struct {
	b       map[[2]int]*kafka.BatchBuilder
	records int
}

func (s *batches) Append(out int, partition int32, ts int64, key, value, headers []byte, count int) {
	k := [2]int{out, int(partition)}
	b := s.b[k]
	if b == nil {
		b = &kafka.BatchBuilder{}
		s.b[k] = b
	}
	b.Append(ts, key, value, headers, count)
	s.records++
}

// oneSchema says that every schema id means the same contract.
type oneSchema string

func (s oneSchema) SchemaByID(context.Context, int) (string, error) { return string(s), nil }

func (s oneSchema) SchemaByGUID(context.Context, [16]byte) (string, error) { return string(s), nil }

type emptyView struct{}

func (emptyView) Get(dst, _ []byte) ([]byte, bool) { return dst, false }

// crowd is a history of a busy shop: a thousand actions a second by some thousand visitors at a time, each of whom does
// seven things and leaves.
func crowd(n int, seed uint64) []shop.ShopAction {
	in := history(n, 1, seed)
	d := draw(seed + 1)
	at := in[0].Timestamp
	for i := range in {
		at = at.Add(time.Duration(d.below(2000)) * time.Microsecond).Truncate(time.Microsecond)
		in[i].VisitorID = fmt.Sprintf("visitor-%08d", i/7+d.below(5000))
		in[i].Timestamp = at.Truncate(time.Millisecond)
		in[i].Identity.Created = in[i].Timestamp
	}
	return in
}

// BenchmarkAction is the cost of an action in the shop's products alone: decode, check, visits, carts, all that is
// published, the row, and the batches; the figures of pages are read back and counted. No broker.
func BenchmarkAction(b *testing.B) {
	in := crowd(200_000, 3)
	for i := range in {
		in[i].UserAgent.Value, in[i].UserAgent.Valid = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36", true
	}
	recs := make([]kafka.Record, len(in))
	for i := range in {
		recs[i] = kafka.Record{
			Offset: int64(i), Timestamp: in[i].Timestamp.UnixMilli(), Key: []byte(in[i].VisitorID),
			Value: in[i].AppendAvro(avro.AppendHeader(nil, 1)),
		}
	}
	defs, err := Products(DefaultRules())
	require.NoError(b, err)
	task := func(d stream.Definition, text string) *stream.Task {
		store, err := state.OpenMemory("", state.Options{})
		require.NoError(b, err)
		b.Cleanup(func() { _ = store.Close() })
		t, err := stream.NewTask(d, stream.TaskConfig{
			Store: store, Schemas: oneSchema(text), SchemaID: func(topic string) int32 {
				if topic == shop.VisitorState.Name() {
					return 2
				}
				return 3
			},
			Partitions: func(string) int { return 12 }, View: func(string, stream.Dep) stream.View { return emptyView{} }, Now: time.Now,
		})
		require.NoError(b, err)
		return t
	}
	visitors := task(defs[0], shop.ShopActionEvent.Info.Schema)
	sink := &batches{b: map[[2]int]*kafka.BatchBuilder{}}
	commit := func() {
		require.NoError(b, visitors.Seal(sink))
		_, err := visitors.Committed([]byte{1})
		require.NoError(b, err)
		for _, x := range sink.b {
			x.Reset()
		}
	}
	b.ReportAllocs()
	before := cpu(b)
	i := 0
	shift := int64(0)
	for b.Loop() {
		r := recs[i%len(recs)]
		if i > 0 && i%len(recs) == 0 {
			b.StopTimer()
			span := in[len(in)-1].Timestamp.Sub(in[0].Timestamp) + 24*time.Hour
			shift += span.Milliseconds()
			for j := range in { // the same history again, later: nobody is the same click twice
				in[j].Timestamp = in[j].Timestamp.Add(span)
				in[j].Identity.Created = in[j].Timestamp
				in[j].Identity.IdempotenceID = fmt.Sprintf("%d/%d", shift, j)
				recs[j].Timestamp = in[j].Timestamp.UnixMilli()
				recs[j].Value = in[j].AppendAvro(avro.AppendHeader(recs[j].Value[:0], 1))
			}
			b.StartTimer()
			r = recs[0]
		}
		for {
			out, err := visitors.Process(0, &r, sink)
			if err != nil {
				b.Fatal(err)
			}
			if out == stream.Done {
				break
			}
		}
		if i++; i%10_000 == 0 {
			commit()
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(i), "cpu-ns/op")
	b.ReportMetric(float64(sink.records)/float64(i), "records/op")
}

// TestThroughput measures actions per CPU-second through all products of the shop, exactly once, with the embedded
// broker in the same process. Run with MESHWORK_BENCH=actions.
func TestThroughput(t *testing.T) {
	var n int
	if _, err := fmt.Sscan(os.Getenv("MESHWORK_BENCH"), &n); err != nil {
		t.Skip("set MESHWORK_BENCH to the number of actions, such as 500000")
	}
	in := crowd(n, 5)
	m := newMesh(t)
	m.send(t, in)
	for _, topic := range []stream.TopicRef{product.ProductState, customer.CustomerState} {
		require.NoError(t, m.client.CreateTopics(t.Context(), stream.TopicSpec(topic.TopicInfo(), -1)))
	}
	want := computeBatch(in, DefaultRules().Gap)
	runtime.GC()
	before, start := cpu(t), time.Now()
	m.run(t, t.TempDir(), time.Hour, func() bool {
		return m.written(t, shop.PageNavigatedEvent.Name()) >= int64(want.counts["page-navigated"])
	})
	took, used := time.Since(start), cpu(t)-before
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d actions in %v: %.0f/s, %.1f µs CPU per action (broker, products and figures), %.0f MB from the system",
		n, took.Round(time.Millisecond), float64(n)/took.Seconds(), float64(used.Microseconds())/float64(n), float64(mem.Sys)/1e6)
}
