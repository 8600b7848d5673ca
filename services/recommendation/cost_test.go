package recommendation

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// Sizes of the shop whose cost is measured.
const (
	costProducts  = 4000
	costCustomers = 3000
	costHistory   = 60 // products a customer bought
)

func costID(i int) string { return fmt.Sprintf("%05d", 20000+i%costProducts) }

// What each kind of action costs: CPU of the whole process, with the embedded broker and the feeder, and bytes written
// to the topics of the domain, at full speed in a shop of 4,000 products whose rows are full. It measures, and fails for
// bytes only; MESHWORK_RECOMMENDATION_COST says how many actions of each kind.
func TestCostOfActions(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MESHWORK_RECOMMENDATION_COST"))
	if err != nil {
		t.Skip("measures only where MESHWORK_RECOMMENDATION_COST says how many actions")
	}
	m := newMesh(t)
	at := time.Date(2011, 10, 1, 9, 0, 0, 0, time.UTC)
	var catalogue []product.Product
	for i := range costProducts {
		id := costID(i)
		catalogue = append(catalogue, product.Product{ProductID: id, Number: id, Name: "Product " + id, Available: true, Currency: "GBP"})
	}
	produce(t, m, product.ProductState, catalogue, func(*product.Product) time.Time { return at })
	m.run(t, t.TempDir(), func(*stream.Runner) {}) // makes the topics
	fullRows(t, m, at)

	rng := rand.New(rand.NewPCG(7, 8))
	customer := func() string { return strconv.Itoa(rng.IntN(costCustomers)) }
	popular := func() string { return costID(int(rng.ExpFloat64() * 400)) } // few sell and are looked at often
	clock := at
	next := func() time.Time { clock = clock.Add(20 * time.Millisecond); return clock }
	look := func(visitor string, who schemas.Opt[string], id schemas.Opt[string]) shop.PageNavigated {
		return shop.PageNavigated{
			VisitorID: visitor, CustomerID: who, RequestTimestamp: next(), ProductID: id,
			Page: shop.Page{ID: "p", Name: "p", URL: "https://shop.example/p"}, DestinationURL: "https://shop.example/p",
		}
	}
	order := func(lines int) orderproc.OrderCompleted {
		o := orderproc.OrderCompleted{
			OrderID: fmt.Sprint("O", rng.Uint64()), Kind: orderproc.OrderKindSale, Currency: "GBP", Channel: orderproc.ChannelWeb,
			OrderDate: next(), CompletedAt: clock, CustomerID: schemas.Some(customer()),
		}
		for i := range lines {
			o.Lines = append(o.Lines, orderproc.OrderLine{
				LineNumber: int32(i + 1), ProductID: popular(), Quantity: 1, UnitPrice: 1000, OrderedAt: clock,
			})
		}
		return o
	}
	looked := func(p *shop.PageNavigated) time.Time { return p.RequestTimestamp }
	ordered := func(o *orderproc.OrderCompleted) time.Time { return o.CompletedAt }
	m.run(t, t.TempDir(), func(r *stream.Runner) {
		c := newCost(t, m, r)
		c.settle(t)
		c.measure(t, "look at a product, visitor", n, func() {
			var in []shop.PageNavigated
			for i := range n {
				in = append(in, look("v"+strconv.Itoa(i/8), schemas.Opt[string]{}, schemas.Some(popular())))
			}
			rng.Shuffle(n, func(i, j int) { in[i].VisitorID, in[j].VisitorID = in[j].VisitorID, in[i].VisitorID })
			produce(t, m, shop.PageNavigatedEvent, in, looked)
		})
		c.measure(t, "look at a product, customer", n, func() {
			var in []shop.PageNavigated
			for range n {
				id := customer()
				in = append(in, look("w"+id, schemas.Some(id), schemas.Some(popular())))
			}
			produce(t, m, shop.PageNavigatedEvent, in, looked)
		})
		c.measure(t, "look at another page", n, func() {
			var in []shop.PageNavigated
			for range n {
				id := customer()
				in = append(in, look("w"+id, schemas.Some(id), schemas.Opt[string]{}))
			}
			produce(t, m, shop.PageNavigatedEvent, in, looked)
		})
		c.measure(t, "put into the cart", n, func() {
			var in []shop.ProductAdded
			for range n {
				id := customer()
				a := shop.ProductAdded{VisitorID: "w" + id, CustomerID: schemas.Some(id), Quantity: 1, Timestamp: next()}
				a.Product.ID = popular()
				in = append(in, a)
			}
			produce(t, m, shop.ProductAddedEvent, in, func(a *shop.ProductAdded) time.Time { return a.Timestamp })
		})
		for _, size := range []int{1, 3, 20} {
			k := n / max(size/2, 1) / 2
			c.measure(t, fmt.Sprintf("purchase of %d products", size), k, func() {
				var in []orderproc.OrderCompleted
				for range k {
					in = append(in, order(size))
				}
				produce(t, m, orderproc.OrderCompletedEvent, in, ordered)
			})
		}
	})
}

// fullRows writes the rows of a shop that has been open for long into the topics that rows are restored from.
func fullRows(t *testing.T, m *mesh, at time.Time) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var neighbours []prodrec.ItemNeighbours
	var next []prodrec.ItemNextViews
	var sales []prodrec.ItemPopularity
	popular := model.NewPopular(model.Defaults(), model.DayOf(at))
	for i := range costProducts {
		r := prodrec.ItemNeighbours{ProductID: costID(i), Baskets: 1000}
		v := prodrec.ItemNextViews{ProductID: costID(i), Views: 1000}
		for j := range model.MaxNeighbours {
			r.Neighbours = append(r.Neighbours, prodrec.ItemNeighbour{
				ProductID: costID(i + 1 + j*7), Closeness: 1 + rng.Int32N(200),
			})
		}
		for j := range model.MaxNextViews {
			v.NextViews = append(v.NextViews, prodrec.NextView{ProductID: costID(i + 1 + j), Count: 1 + rng.Int32N(20)})
		}
		slices.SortFunc(r.Neighbours, func(a, b prodrec.ItemNeighbour) int { return strings.Compare(a.ProductID, b.ProductID) })
		slices.SortFunc(v.NextViews, func(a, b prodrec.NextView) int { return strings.Compare(a.ProductID, b.ProductID) })
		s := prodrec.ItemPopularity{ProductID: costID(i)}
		for d := range 60 {
			model.Sold(&s, at.AddDate(0, 0, -d))
		}
		popular.Add(&s)
		neighbours, next, sales = append(neighbours, r), append(next, v), append(sales, s)
	}
	var histories []prodrec.PurchaseHistory
	for i := range costCustomers {
		id := strconv.Itoa(i)
		h := prodrec.PurchaseHistory{Key: customerPrefix + id, CustomerID: id}
		for range costHistory {
			model.Bought(&h, at.AddDate(0, 0, -rng.IntN(300)), []string{costID(rng.IntN(costProducts))})
		}
		histories = append(histories, h)
	}
	produce(t, m, prodrec.ItemNeighboursState, neighbours, func(*prodrec.ItemNeighbours) time.Time { return at })
	produce(t, m, prodrec.ItemNextViewsState, next, func(*prodrec.ItemNextViews) time.Time { return at })
	produce(t, m, prodrec.ItemPopularityState, sales, func(*prodrec.ItemPopularity) time.Time { return at })
	produce(t, m, prodrec.PurchaseHistoryState, histories, func(*prodrec.PurchaseHistory) time.Time { return at })
	list := []prodrec.PopularItems{{ListID: popularID, Items: popular.Items(), AsOf: at}}
	produce(t, m, prodrec.PopularItemsState, list, func(*prodrec.PopularItems) time.Time { return at })
}

// cost counts what is written to the domain's topics.
type cost struct {
	m     *mesh
	r     *stream.Runner
	fetch *kafka.Fetcher
	tps   []kafka.TopicPartition
	read  map[kafka.TopicPartition]int64
	topic map[string][2]int // records and bytes since the last look
}

func newCost(t *testing.T, m *mesh, r *stream.Runner) *cost {
	t.Helper()
	c := &cost{m: m, r: r, fetch: m.client.NewFetcher(kafka.FetchConfig{}), read: map[kafka.TopicPartition]int64{}, topic: map[string][2]int{}}
	t.Cleanup(c.fetch.Close)
	for _, info := range all.Topics() {
		if !strings.Contains(info.Name, ".prodrec.") {
			continue
		}
		for p := range info.Partitions {
			tp := kafka.TopicPartition{Topic: info.Name, Partition: int32(p)}
			c.tps = append(c.tps, tp)
			c.fetch.Add(tp, 0)
		}
	}
	return c
}

// settle reads on until nothing is written for a while.
func (c *cost) settle(t *testing.T) {
	t.Helper()
	last := time.Now()
	until(t, "nothing is written any more", func() bool {
		ends, err := c.m.client.ListOffsets(t.Context(), c.tps, kafka.Latest, kafka.ReadCommitted)
		require.NoError(t, err)
		for slices.ContainsFunc(c.tps, func(tp kafka.TopicPartition) bool { return c.read[tp] < ends[tp] }) {
			last = time.Now()
			chunks, err := c.fetch.Poll(t.Context())
			require.NoError(t, err)
			for _, k := range chunks {
				n := c.topic[k.Topic]
				for r := (kafka.Record{}); k.Next(&r); {
					h, _ := r.RawHeaders()
					n[0]++
					n[1] += len(r.Key) + len(r.Value) + len(h)
				}
				require.NoError(t, k.Err())
				c.topic[k.Topic] = n
				c.read[k.TopicPartition] = max(c.read[k.TopicPartition], k.NextOffset())
				k.Release()
			}
		}
		done, err := c.r.CaughtUp(t.Context())
		require.NoError(t, err)
		quiet := time.Since(last)
		return done && quiet > time.Second || quiet > 8*time.Second // timers of visitors wait for ever here
	})
}

func (c *cost) measure(t *testing.T, what string, n int, act func()) {
	t.Helper()
	clear(c.topic)
	before := cpuTime(t)
	act()
	c.settle(t)
	used := cpuTime(t) - before
	bytes, records := 0, 0
	var each []string
	for name, k := range c.topic {
		bytes, records = bytes+k[1], records+k[0]
		short := strings.Split(name, ".")[3]
		each = append(each, fmt.Sprintf("%s %.2f × %d", short, float64(k[0])/float64(n), k[1]/max(k[0], 1)))
	}
	slices.Sort(each)
	t.Logf("%-28s %5d: %6.1f µs of CPU, %.2f records and %6d bytes each (%s)", what, n, float64(used.Microseconds())/float64(n),
		float64(records)/float64(n), bytes/n, strings.Join(each, ", "))
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
