package recommendation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// history is a seeded history of orders, oldest first.
func history(orders, customers, products int) []orderproc.OrderCompleted {
	rng := rand.New(rand.NewPCG(7, 11))
	start := time.Date(2011, 3, 1, 9, 0, 0, 0, time.UTC)
	out := make([]orderproc.OrderCompleted, orders)
	for i := range out {
		at := start.Add(time.Duration(i) * 4 * time.Hour)
		o := orderproc.OrderCompleted{
			OrderID: fmt.Sprintf("W%d", i), Kind: orderproc.OrderKindSale, Currency: "GBP", OrderDate: at, CompletedAt: at,
			CustomerID: schemas.Some(strconv.Itoa(rng.IntN(customers))),
		}
		taste := rng.IntN(products)
		seen := map[int]bool{}
		for range 1 + rng.IntN(12) {
			p := (taste + int(rng.ExpFloat64()*8)) % products
			if seen[p] {
				continue
			}
			seen[p] = true
			o.Lines = append(o.Lines, orderproc.OrderLine{
				LineNumber: int32(len(o.Lines) + 1), ProductID: fmt.Sprintf("P%03d", p), Quantity: 1, UnitPrice: 1000, OrderedAt: at,
			})
		}
		out[i] = o
	}
	return out
}

// Orders with repetitions and out of order, and state rebuilt from the topics in the middle: when every customer comes
// again, the lists are those of the batch over the same orders. All folds are sums within their bounds, which this
// history keeps; so not even the last digit of a score differs.
func TestOrdersEqualBatch(t *testing.T) {
	const customers, products = 40, 150
	orders := history(250, customers, products)
	absent := map[string]bool{"P003": true, "P050": true}
	want := computeBatch(orders, nil, absent)
	sent := slices.Clone(orders)
	rng := rand.New(rand.NewPCG(3, 5))
	for i := 0; i < len(orders); i += 9 {
		sent = slices.Insert(sent, min(i+rng.IntN(20), len(sent)), orders[i]) // some order twice
	}
	for i := 0; i+8 <= len(sent); i += 8 { // within a day and a half
		rng.Shuffle(8, func(a, b int) { sent[i+a], sent[i+b] = sent[i+b], sent[i+a] })
	}
	d := driver(t, streamtest.Start(orders[0].OrderDate))
	for p := range products {
		id := fmt.Sprintf("P%03d", p)
		if id != "P050" { // one product is not available, one is not in the catalogue
			streamtest.SendAt(d, product.ProductState, id, product.Product{
				ProductID: id, Number: id, Name: id, Available: !absent[id], Currency: "GBP",
			}, orders[0].OrderDate)
		}
	}
	for i, o := range sent {
		if i == len(sent)/2 {
			d.Restart()
		}
		streamtest.SendAt(d, orderproc.OrderCompletedEvent, o.OrderID, o, o.CompletedAt)
	}
	d.Advance(time.Minute) // what is popular is ranked by the time of day
	back := orders[len(orders)-1].OrderDate.Add(48 * time.Hour)
	for who := range customers {
		v := fmt.Sprintf("v%d", who)
		streamtest.SendAt(d, shop.SearchPerformedEvent, v, shop.SearchPerformed{
			VisitorID: v, CustomerID: schemas.Some(strconv.Itoa(who)), Timestamp: back, Term: "x",
		}, back)
	}
	got := streamtest.Table(d, prodrec.RecommendationState)
	require.Len(t, want.histories, customers)
	scorer := model.NewScorer(model.Defaults())
	for who, s := range want.histories {
		items, repeat, fresh := scorer.Purchases(s, want, model.DayOf(back))
		row := got[who]
		require.Equal(t, items, row.Items, who)
		require.Equal(t, []prodrec.RecommendationList{
			{Kind: prodrec.ListKindRepeatPurchase, Items: repeat, AsOf: back}, {Kind: prodrec.ListKindNewItems, Items: fresh, AsOf: back},
		}, row.Lists, who)
		for _, x := range items {
			require.False(t, absent[x.ProductID])
		}
	}
}
