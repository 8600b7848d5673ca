package recommendation

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// mesh is a broker and a registry of a test.
type mesh struct {
	client *kafka.Client
	reg    *registry.Client
}

func newMesh(t testing.TB) *mesh {
	t.Helper()
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	server, err := registry.NewMemoryServer(context.WithoutCancel(t.Context()), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)
	for _, info := range []*schemas.Info{
		orderproc.OrderCompletedEvent.TopicInfo(), product.ProductState.TopicInfo(), shop.SearchPerformedEvent.TopicInfo(),
		shop.PageNavigatedEvent.TopicInfo(), shop.ProductAddedEvent.TopicInfo(), shop.ProductRemovedEvent.TopicInfo(),
		shop.CartCheckedOutEvent.TopicInfo(), shop.UserLoggedInEvent.TopicInfo(),
	} {
		require.NoError(t, client.CreateTopics(t.Context(), stream.TopicSpec(info, -1)))
	}
	return &mesh{client, reg}
}

// produce writes records as other domains do.
func produce[K, V any](t testing.TB, m *mesh, topic *schemas.Topic[K, V], in []V, at func(*V) time.Time) {
	t.Helper()
	producer := m.client.NewProducer(kafka.ProducerConfig{})
	w := ingest.Open(ingest.Config{Producer: producer, Registry: m.reg, Source: "/test"}, topic)
	var failed atomic.Int64
	for i := range in {
		require.NoError(t, w.Start(t.Context(), &in[i], at(&in[i]), strconv.Itoa(i), func(err error) {
			if err != nil {
				failed.Add(1)
			}
		}))
	}
	require.NoError(t, producer.Close(t.Context()))
	require.Zero(t, failed.Load())
}

// run runs the domain, does something meanwhile, and stops it.
func (m *mesh) run(t testing.TB, dir string, meanwhile func(r *stream.Runner)) {
	t.Helper()
	defs, err := Products()
	require.NoError(t, err)
	r, err := stream.NewRunner(stream.Config{
		Kafka: m.client, Registry: stream.FromRegistry(m.reg), StateDir: dir, StopTimeout: time.Minute,
		IdleAfter: time.Hour, // event time follows the records alone, however busy the machine is
	}, defs...)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	defer func() { stop(); require.NoError(t, <-ended) }()
	require.Eventually(t, r.Ready, 2*time.Minute, 20*time.Millisecond)
	meanwhile(r)
}

// table is a state topic as far as it was read. Each look at it reads what is new only: a topic that grows while it is
// watched would else be read from the start again and again, and take its time from those who write it.
type table[V any] struct {
	topic *schemas.Topic[string, V]
	fetch *kafka.Fetcher
	dec   *avro.Decoder[V]
	tps   []kafka.TopicPartition
	read  map[kafka.TopicPartition]int64
	rows  map[string]V
	bytes int
}

func follow[V any](t testing.TB, m *mesh, topic *schemas.Topic[string, V]) *table[V] {
	t.Helper()
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(t, err)
	f := &table[V]{
		topic: topic, fetch: m.client.NewFetcher(kafka.FetchConfig{}), dec: dec,
		read: map[kafka.TopicPartition]int64{}, rows: map[string]V{},
	}
	t.Cleanup(f.fetch.Close)
	for p := range topic.Info.Partitions {
		tp := kafka.TopicPartition{Topic: topic.Name(), Partition: int32(p)}
		f.tps = append(f.tps, tp)
		f.fetch.Add(tp, 0)
	}
	return f
}

// now reads on to the present end.
func (f *table[V]) now(t testing.TB, m *mesh) map[string]V {
	t.Helper()
	ends, err := m.client.ListOffsets(t.Context(), f.tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	behind := func() bool {
		return slices.ContainsFunc(f.tps, func(tp kafka.TopicPartition) bool { return f.read[tp] < ends[tp] })
	}
	for behind() {
		chunks, err := f.fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				f.bytes += len(r.Key) + len(r.Value)
				if r.Value == nil {
					delete(f.rows, string(r.Key))
					continue
				}
				var v V
				require.NoError(t, f.dec.DecodeRecord(t.Context(), &v, r.Value, nil))
				f.rows[string(r.Key)] = v
			}
			require.NoError(t, c.Err())
			f.read[c.TopicPartition] = max(f.read[c.TopicPartition], c.NextOffset())
			c.Release()
		}
	}
	return f.rows
}

// until waits for a condition, looking again and again from this goroutine.
func until(t testing.TB, what string, met func() bool) {
	t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for late := time.After(3 * time.Minute); !met(); {
		select {
		case <-late:
			require.Fail(t, "waited in vain until "+what)
		case <-ticks.C:
		}
	}
}

// disturbed repeats some and shuffles what lies near each other, but keeps those of one key in their order.
func disturbed[V any](in []V, near int, key func(*V) string) []V {
	rng := rand.New(rand.NewPCG(3, 5))
	var out []V
	for _, v := range in {
		out = append(out, v)
		if rng.IntN(15) == 0 {
			out = append(out, v)
		}
	}
	for from := 0; from < len(out); from += near {
		part := out[from:min(from+near, len(out))]
		order := rng.Perm(len(part))
		mixed := make([]V, len(part))
		taken := map[string][]int{} // a key's places, in ascending order, go to its records in theirs
		for i, to := range order {
			taken[key(&part[i])] = append(taken[key(&part[i])], to)
		}
		for i := range part {
			k := key(&part[i])
			slices.Sort(taken[k])
			mixed[taken[k][0]] = part[i]
			taken[k] = taken[k][1:]
		}
		copy(part, mixed)
	}
	return out
}

// A sample of Online Retail and of the clickstream through the domain on a broker: orders and looks with repetitions and
// out of order, a stop in the middle after which nothing but the topics is left. Every row of the model is the one of
// the batch, which counts on its own; and when everybody comes again, so are the lists, to the last digit.
func TestStreamEqualsBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a broker")
	}
	orders, looks := retailOrders(t, 8, 13), clicks(t, 40)
	unavailable := map[string]bool{"22386": true, "22711": true, "A1": true} // two that sell well
	want := computeBatch(orders, looks, unavailable)
	for id, r := range want.neighbours {
		require.LessOrEqual(t, len(r.Neighbours), model.MaxNeighbours+model.Newcomers, "the sample keeps the bounds: %s", id)
	}
	t.Logf("%d orders of %d customers, %d lines, %d products; %d looks", len(orders), len(want.histories), want.lines,
		len(want.neighbours), len(looks))
	var catalogue []product.Product
	known := maps.Clone(want.absent)
	for id := range want.neighbours {
		known[id] = true
	}
	for i := range looks {
		known[looks[i].ProductID.Value] = true
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if id != "A1" { // some are not available, one is not in the catalogue
			catalogue = append(catalogue, product.Product{ProductID: id, Number: id, Name: id, Available: !want.absent[id], Currency: "GBP"})
		}
	}
	sent := disturbed(orders, 8, func(o *orderproc.OrderCompleted) string { return o.OrderID })
	seen := disturbed(looks, 30, func(p *shop.PageNavigated) string { return p.VisitorID })
	m := newMesh(t)
	ordered := func(o *orderproc.OrderCompleted) time.Time { return o.CompletedAt }
	looked := func(p *shop.PageNavigated) time.Time { return p.RequestTimestamp }
	produce(t, m, product.ProductState, catalogue, func(*product.Product) time.Time { return orders[0].OrderDate })
	produce(t, m, shop.PageNavigatedEvent, seen[:len(seen)/2], looked)
	produce(t, m, orderproc.OrderCompletedEvent, sent[:len(sent)/2], ordered)

	var (
		histories  *table[prodrec.PurchaseHistory]
		neighbours *table[prodrec.ItemNeighbours]
		next       *table[prodrec.ItemNextViews]
		sales      *table[prodrec.ItemPopularity]
		popular    *table[prodrec.PopularItems]
		lists      *table[prodrec.Recommendation]
	)
	m.run(t, t.TempDir(), func(*stream.Runner) {
		histories, neighbours = follow(t, m, prodrec.PurchaseHistoryState), follow(t, m, prodrec.ItemNeighboursState)
		next, sales = follow(t, m, prodrec.ItemNextViewsState), follow(t, m, prodrec.ItemPopularityState)
		popular, lists = follow(t, m, prodrec.PopularItemsState), follow(t, m, prodrec.RecommendationState)
		until(t, "some orders are counted", func() bool { return len(sales.now(t, m)) > 0 && len(neighbours.now(t, m)) > 0 })
		produce(t, m, orderproc.OrderCompletedEvent, sent[len(sent)/2:], ordered) // and stop in the midst of it
	})
	produce(t, m, shop.PageNavigatedEvent, seen[len(seen)/2:], looked)
	dir := t.TempDir()
	m.run(t, dir, func(*stream.Runner) {
		until(t, "all is counted", func() bool {
			var sold, paired, steps, bought int64
			for _, r := range sales.now(t, m) {
				sold += r.Baskets
			}
			for _, r := range neighbours.now(t, m) {
				paired += int64(r.Baskets)
			}
			for _, r := range next.now(t, m) {
				steps += int64(r.Views)
			}
			for _, r := range histories.now(t, m) {
				for _, p := range r.Purchases {
					bought += int64(p.Orders)
				}
			}
			return sold >= want.lines && paired >= want.lines && bought >= want.lines && steps >= want.steps &&
				slices.Equal(popular.now(t, m)[popularID].Items, want.popular)
		})
	})
	same(t, want.histories, histories.now(t, m))
	same(t, want.neighbours, neighbours.now(t, m))
	same(t, want.next, next.now(t, m))
	same(t, want.sales, sales.now(t, m))

	back := orders[len(orders)-1].OrderDate.Add(48 * time.Hour)
	cameBack := returns(want, looks, back)
	produce(t, m, shop.SearchPerformedEvent, cameBack.searches, func(s *shop.SearchPerformed) time.Time { return s.Timestamp })
	produce(t, m, shop.PageNavigatedEvent, cameBack.looks, looked)
	m.run(t, dir, func(*stream.Runner) {
		until(t, "everybody is back", func() bool {
			rows := lists.now(t, m)
			n := 0
			for key, at := range cameBack.last {
				if rows[key].AsOf.Equal(at) {
					n++
				}
			}
			return n == len(cameBack.last)
		})
	})
	rows := lists.now(t, m)
	scorer := model.NewScorer(model.Defaults())
	for key, at := range cameBack.last {
		row := rows[key]
		require.Equal(t, model.ModelID, row.ModelID)
		got := map[prodrec.ListKind][]prodrec.RecommendedItem{}
		for _, l := range row.Lists {
			got[l.Kind] = l.Items
		}
		h := want.histories[key]
		if h == nil {
			h = &prodrec.PurchaseHistory{}
		}
		all, repeat, fresh := scorer.Purchases(h, want, model.DayOf(at))
		if strings.HasPrefix(key, customerPrefix) {
			require.Equal(t, all, row.Items, key)
		}
		require.Equal(t, repeat, orNone(got[prodrec.ListKindRepeatPurchase]), key)
		require.Equal(t, fresh, got[prodrec.ListKindNewItems], key)
		require.Equal(t, scorer.Next(cameBack.views[key], want), orNone(got[prodrec.ListKindNextView]), key)
		for _, l := range row.Lists {
			for _, x := range l.Items {
				require.False(t, want.absent[x.ProductID])
			}
		}
	}
}

func orNone(in []prodrec.RecommendedItem) []prodrec.RecommendedItem {
	if in == nil {
		return []prodrec.RecommendedItem{}
	}
	return in
}

// same compares rows one by one.
func same[V any](t *testing.T, want map[string]*V, got map[string]V) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for key, w := range want {
		require.Equal(t, *w, got[key])
	}
}

// comingBack is what everybody does who comes again when all is counted.
type comingBack struct {
	searches []shop.SearchPerformed
	looks    []shop.PageNavigated
	views    map[string][]string  // what a visitor looks at, by key
	last     map[string]time.Time // the last action, by key
}

// returns lets every customer search, and some visitors look at products with so long pauses that they are no steps.
func returns(want *batch, looks []shop.PageNavigated, back time.Time) comingBack {
	c := comingBack{views: map[string][]string{}, last: map[string]time.Time{}}
	for key, h := range want.histories {
		c.searches = append(c.searches, shop.SearchPerformed{
			VisitorID: "of " + key, CustomerID: schemas.Some(h.CustomerID), Timestamp: back, Term: "x",
		})
		c.last[key] = back
	}
	for i := 0; i < 100*7; i += 7 {
		look := looks[i]
		key := visitorPrefix + look.VisitorID
		if len(c.views[key]) == 5 {
			continue
		}
		look.RequestTimestamp = back.Add(time.Duration(len(c.views[key])) * (model.VisitGap + time.Minute))
		c.looks = append(c.looks, look)
		c.views[key] = append(c.views[key], look.ProductID.Value)
		c.last[key] = look.RequestTimestamp
	}
	return c
}
