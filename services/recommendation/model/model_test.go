package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/prodrec"
)

var start = time.Date(2011, 3, 1, 9, 0, 0, 0, time.UTC)

// However much a shopper does, the row stays within its bounds, and keeps what is latest.
func TestShopperIsBounded(t *testing.T) {
	var s prodrec.Shopper
	var h prodrec.PurchaseHistory
	for i := range 3000 {
		at := start.Add(time.Duration(i) * time.Hour)
		id := schemas.Some(fmt.Sprintf("P%04d", i))
		Remember(&s, &prodrec.ShopperSignal{Kind: prodrec.SignalKindView, At: at, ProductID: id})
		Remember(&s, &prodrec.ShopperSignal{Kind: prodrec.SignalKindAdd, At: at, ProductID: id, Quantity: 1})
		Bought(&h, at, []string{id.Value, "ALWAYS"})
	}
	require.Len(t, s.Views, MaxViews)
	require.Len(t, s.Cart, MaxCart)
	require.Len(t, h.Purchases, MaxPurchases)
	require.Equal(t, "P2999", s.Views[MaxViews-1].ProductID)
	require.Equal(t, "ALWAYS", h.Purchases[0].ProductID)
	require.EqualValues(t, 3000, h.Purchases[0].Orders)
	require.Len(t, h.Purchases[0].Days, MaxDays)
}

// A wholesaler's order of 540 lines makes a bounded number of pairs, and bounded rows.
func TestBasketsAreBounded(t *testing.T) {
	var ids []string
	for i := range 540 {
		ids = append(ids, fmt.Sprintf("P%03d", i))
	}
	pairs := 0
	row := prodrec.ItemNeighbours{}
	for n := range 20 {
		Baskets(ids, func(g prodrec.ItemSignal) {
			pairs += len(g.Before) + len(g.After)
			require.LessOrEqual(t, len(g.Before)+len(g.After), 2*Reach)
			g.After = append(slices.Clone(g.After), fmt.Sprintf("N%02d%s", n, g.ProductID))
			Basket(&row, &g)
		})
	}
	require.Less(t, pairs/20, 8_600)
	require.LessOrEqual(t, len(row.Neighbours), MaxNeighbours+Newcomers)
	require.True(t, slices.IsSortedFunc(row.Neighbours, func(a, b prodrec.ItemNeighbour) int {
		if a.ProductID < b.ProductID {
			return -1
		}
		return 1
	}))
}

// The order of events does not matter, and a look in another visit is no step.
func TestOrderDoesNotMatter(t *testing.T) {
	orders := []struct {
		at    time.Time
		goods []string
	}{{start, []string{"A", "B"}}, {start.AddDate(0, 0, 9), []string{"A"}}, {start.AddDate(0, 0, 3), []string{"C", "A"}}}
	var one, other prodrec.PurchaseHistory
	for i := range orders {
		last := orders[len(orders)-1-i]
		Bought(&one, orders[i].at, orders[i].goods)
		Bought(&other, last.at, last.goods)
	}
	require.Equal(t, one, other)
	var forth prodrec.Shopper
	look := func(id string, at time.Time) *prodrec.ShopperSignal {
		return &prodrec.ShopperSignal{Kind: prodrec.SignalKindView, At: at, ProductID: schemas.Some(id)}
	}
	_, ok := Remember(&forth, look("A", start))
	require.False(t, ok)
	_, ok = Remember(&forth, look("B", start.Add(VisitGap+time.Second)))
	require.False(t, ok, "another visit")
	step, ok := Remember(&forth, look("C", start.Add(2*VisitGap)))
	require.True(t, ok)
	require.Equal(t, prodrec.ViewSignal{ProductID: "B", NextProductID: "C"}, step)
}

// What says nothing about products changes the row once an hour at most.
func TestIdleActionsAreRarelyRemembered(t *testing.T) {
	var s prodrec.Shopper
	for i := range 100 {
		kind := []prodrec.SignalKind{prodrec.SignalKindSearch, prodrec.SignalKindView}[i%2]
		Remember(&s, &prodrec.ShopperSignal{Kind: kind, At: start.Add(time.Duration(i) * time.Minute)})
	}
	require.Equal(t, prodrec.Shopper{LastSeen: start.Add(time.Hour)}, s)
}

// The lists are the same whether rows are read anew or were read before, and follow the rows when they are read anew.
func TestRowsAreKeptUntilForgotten(t *testing.T) {
	e, h, day := world(t)
	kept, anew := NewScorer(Defaults()), NewScorer(Defaults())
	for range 3 {
		anew.Forget()
		a, b, c := kept.Purchases(h, e, day)
		x, y, z := anew.Purchases(h, e, day)
		require.Equal(t, []any{a, b, c}, []any{x, y, z})
		require.Equal(t, kept.Cart([]string{"20010", "20100"}, e, day), anew.Cart([]string{"20010", "20100"}, e, day))
		require.Equal(t, kept.Next([]string{"20010", "20100"}, e), anew.Next([]string{"20010", "20100"}, e))
	}
	delete(e.next, "20100")
	require.NotEqual(t, kept.Next([]string{"20100"}, e), anew.Next([]string{"20100", "20010", "20100"}, e))
	require.NotEmpty(t, kept.Next([]string{"20100"}, e))
	kept.Forget()
	require.Empty(t, kept.Next([]string{"20100"}, e))
}

func TestHighest(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		in := make([]float64, 1+rng.IntN(300))
		for i := range in {
			in[i] = float64(rng.IntN(40))
		}
		want := slices.Clone(in)
		slices.Sort(want)
		n := 1 + rng.IntN(len(in))
		require.InDelta(t, want[len(want)-n], highest(in, n), 0)
	}
}
