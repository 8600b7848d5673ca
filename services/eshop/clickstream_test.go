package eshop

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
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
	"meshwork.dev/schemas/shop"
)

const clickstream = "../../../shared/data/eshop_clickstream/e-shop-clothing-2008.csv.gz"

// clicks reads the e-shop clickstream as actions, in the order of time. The file knows the day, the session and the
// order of clicks in it; times of day are made up from the session's number: shop hours, and pauses of a skewed law
// that ends below the gap of visits. visitorOf says who a session's visitor is.
func clicks(t testing.TB, visitorOf func(session int) string) []shop.ShopAction {
	t.Helper()
	f, err := os.Open(clickstream)
	if err != nil {
		t.Skipf("the e-shop clickstream is not here: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	r := csv.NewReader(z)
	r.Comma = ';'
	_, err = r.Read()
	require.NoError(t, err)
	var out []shop.ShopAction
	at := map[int]time.Time{}
	for row := 1; ; row++ {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		num := func(i int) int {
			n, err := strconv.Atoi(rec[i])
			require.NoError(t, err)
			return n
		}
		session := num(5)
		d := draw(uint64(session)<<20 + uint64(num(3)))
		if num(3) == 1 {
			day := time.Date(num(0), time.Month(num(1)), num(2), 9, 0, 0, 0, time.UTC)
			at[session] = day.Add(time.Duration(d.below(8*3600*1000)) * time.Millisecond)
		} else {
			u := (float64(d.below(1_000_000)) + 0.5) / 1e6
			pause := math.Exp(3.5 - 1.3*math.Log(1/u-1)) // log-logistic, median half a minute
			at[session] = at[session].Add(min(time.Duration(pause*1000)*time.Millisecond, 29*time.Minute))
		}
		id, page := "click/"+strconv.Itoa(row), "product/"+rec[7]
		out = append(out, shop.ShopAction{
			Identity: shop.Identity{EventID: id, IdempotenceID: id}, VisitorID: visitorOf(session), Kind: shop.ActionKindPage,
			Timestamp: at[session], Store: "pl",
			Page: schemas.Some(shop.PageAction{
				Page: shop.Page{ID: page, Name: rec[7], URL: "https://shop.example/" + page}, DestinationURL: "https://shop.example/" + page,
				Filters: []shop.Filter{{Key: "category", Values: []string{rec[6]}}}, ProductID: schemas.Some(rec[7]),
			}),
		})
	}
	slices.SortStableFunc(out, func(a, b shop.ShopAction) int { return a.Timestamp.Compare(b.Timestamp) })
	return out
}

// mesh is a broker and a registry of a test, and what is needed to work with them.
type mesh struct {
	client *kafka.Client
	reg    *registry.Client
	rules  Rules
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
	require.NoError(t, client.CreateTopics(t.Context(), stream.TopicSpec(shop.ShopActionEvent.TopicInfo(), -1)))
	return &mesh{client, reg, DefaultRules()}
}

// send writes actions as the API and the simulator do; the record's time is when the action was taken in.
func (m *mesh) send(t testing.TB, in []shop.ShopAction) {
	t.Helper()
	producer := m.client.NewProducer(kafka.ProducerConfig{Linger: 5 * time.Millisecond})
	w := ingest.Open(ingest.Config{Producer: producer, Registry: m.reg, Source: "/test"}, shop.ShopActionEvent)
	var failed atomic.Int64
	for i := range in {
		require.NoError(t, w.Start(t.Context(), &in[i], in[i].Identity.Created, in[i].Identity.IdempotenceID, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		}))
	}
	require.NoError(t, producer.Close(t.Context()))
	require.Zero(t, failed.Load())
}

// run runs the products until the condition holds, and stops them.
func (m *mesh) run(t testing.TB, dir string, idle time.Duration, until func() bool) {
	t.Helper()
	defs, err := Products(m.rules)
	require.NoError(t, err)
	r, err := stream.NewRunner(stream.Config{
		Kafka: m.client, Registry: stream.FromRegistry(m.reg), StateDir: dir, IdleAfter: idle, HistoryIdle: idle, StopTimeout: time.Minute,
	}, defs...)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	require.Eventually(t, func() bool { return len(ended) > 0 || until() }, 4*time.Minute, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

// written is how many offsets a topic has used up.
func (m *mesh) written(t testing.TB, topic string) int64 {
	t.Helper()
	var tps []kafka.TopicPartition
	for p := range int32(12) {
		tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: p})
	}
	ends, err := m.client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return 0 // not created yet
	}
	n := int64(0)
	for _, e := range ends {
		n += e
	}
	return n
}

// readAll reads every record of a topic that there is; each gets nil for tombstones.
func readAll[K comparable, V any](t testing.TB, m *mesh, topic *schemas.Topic[K, V], each func(K, *V)) {
	t.Helper()
	var tps []kafka.TopicPartition
	for p := range int32(12) {
		tps = append(tps, kafka.TopicPartition{Topic: topic.Name(), Partition: p})
	}
	left, err := m.client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := m.client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for _, tp := range tps {
		if left[tp] == 0 {
			delete(left, tp)
			continue
		}
		fetch.Add(tp, 0)
	}
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(t, err)
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				k, err := topic.Keys.Parse(r.Key)
				require.NoError(t, err)
				if r.Value == nil {
					each(k, nil)
					continue
				}
				var v V
				require.NoError(t, dec.DecodeRecord(t.Context(), &v, r.Value, nil))
				each(k, &v)
			}
			require.NoError(t, c.Err())
			if end, ok := left[c.TopicPartition]; ok && c.NextOffset() >= end {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
}

func readTable[K comparable, V any](t testing.TB, m *mesh, topic *schemas.Topic[K, V]) map[K]V {
	rows := map[K]V{}
	readAll(t, m, topic, func(k K, v *V) {
		if v == nil {
			delete(rows, k)
		} else {
			rows[k] = *v
		}
	})
	return rows
}

func countOf[K comparable, V any](t testing.TB, m *mesh, topic *schemas.Topic[K, V]) (n int) {
	readAll(t, m, topic, func(K, *V) { n++ })
	return n
}

// The whole clickstream, with repetitions, late clicks and a stop in the middle after which nothing but the topics is
// left, gives the visits, figures and counts of the batch. So do carts, orders and users of a made-up history.
func TestClickstreamEqualsBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a broker and 170,000 clicks")
	}
	rules := DefaultRules()
	rules.ForgetAfter = 100 * 365 * 24 * time.Hour // carts stay to be compared: nobody touches these any more
	sessions := computeBatch(clicks(t, func(s int) string { return fmt.Sprintf("s%d", s) }), rules.Gap)
	require.Len(t, sessions.visits, 24_026, "each session of the file is a visit where nobody comes twice")
	require.Equal(t, 165_474, sessions.counts["page-navigated"])
	bounces := 0
	for _, v := range sessions.visits {
		if v.PageCount == 1 {
			bounces++
		}
	}
	require.Equal(t, 5042, bounces)

	// Visitors come back: three sessions each, on average.
	history := append(clicks(t, func(s int) string {
		d := draw(s)
		return fmt.Sprintf("visitor-%d", d.below(8000))
	}), history(20_000, 400, 1)...)
	in := trouble(history, rules.Grace, 7)
	want := computeBatch(in, rules.Gap)
	require.NotEqual(t, len(sessions.visits), len(want.visits))
	require.NotZero(t, want.repeated)
	require.NotZero(t, want.refused)

	m := newMesh(t)
	m.rules = rules
	m.send(t, in)
	start := time.Now()
	m.run(t, t.TempDir(), time.Hour, func() bool {
		return m.written(t, shop.PageNavigatedEvent.Name()) > int64(want.counts["page-navigated"]/2)
	})
	raw := int64(0)
	m.run(t, t.TempDir(), 2*time.Second, func() bool {
		// All is read when the last visits are closed, which takes the clock of the day.
		if m.written(t, shop.PageNavigatedEvent.Name()) < int64(want.counts["page-navigated"]) {
			return false
		}
		now := m.written(t, shop.PageNavigationKpiState.Name()) + m.written(t, shop.ShopVisitedState.Name()) + m.written(t, shop.UserState.Name()) + m.written(t, shop.CartState.Name())
		if now != raw {
			raw, start = now, time.Now()
			return false
		}
		return time.Since(start) > 8*time.Second
	})
	got := result{
		visits:  readTable(t, m, shop.ShopVisitedState),
		figures: readTable(t, m, shop.PageNavigationKpiState),
		orders:  readTable(t, m, orderproc.CreateOrderCommand),
		users:   readTable(t, m, shop.UserState),
		carts:   readTable(t, m, shop.CartState),
		counts: map[string]int{
			"page-navigated":   countOf(t, m, shop.PageNavigatedEvent),
			"product-added":    countOf(t, m, shop.ProductAddedEvent),
			"product-removed":  countOf(t, m, shop.ProductRemovedEvent),
			"cart-checked-out": countOf(t, m, shop.CartCheckedOutEvent),
			"user-logged-in":   countOf(t, m, shop.UserLoggedInEvent),
		},
	}
	for visitor, cart := range got.carts {
		require.Equal(t, shop.CartStatusAbandoned, cart.Status, "%s: by the clock of the day everybody has gone", visitor)
	}
	equalsBatch(t, want, got)
}
