package model

import (
	"fmt"
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
	for i := range 3000 {
		at := start.Add(time.Duration(i) * time.Hour)
		id := schemas.Some(fmt.Sprintf("P%04d", i))
		Remember(&s, &prodrec.ShopperSignal{Kind: prodrec.SignalKindView, At: at, ProductID: id})
		Remember(&s, &prodrec.ShopperSignal{Kind: prodrec.SignalKindAdd, At: at, ProductID: id, Quantity: 1})
		Remember(&s, &prodrec.ShopperSignal{Kind: prodrec.SignalKindPurchase, At: at, Products: []string{id.Value, "ALWAYS"}})
	}
	require.Len(t, s.Views, MaxViews)
	require.Len(t, s.Cart, MaxCart)
	require.Len(t, s.Purchases, MaxPurchases)
	require.Equal(t, "P2999", s.Views[MaxViews-1].ProductID)
	require.Equal(t, "ALWAYS", s.Purchases[0].ProductID)
	require.EqualValues(t, 3000, s.Purchases[0].Orders)
	require.Len(t, s.Purchases[0].Days, MaxDays)
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
	require.Less(t, pairs/20, 70_000)
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
	signals := []prodrec.ShopperSignal{
		{Kind: prodrec.SignalKindPurchase, At: start, Products: []string{"A", "B"}},
		{Kind: prodrec.SignalKindPurchase, At: start.AddDate(0, 0, 9), Products: []string{"A"}},
		{Kind: prodrec.SignalKindPurchase, At: start.AddDate(0, 0, 3), Products: []string{"C", "A"}},
	}
	var forth, back prodrec.Shopper
	for i := range signals {
		Remember(&forth, &signals[i])
		Remember(&back, &signals[len(signals)-1-i])
	}
	require.Equal(t, forth.Purchases, back.Purchases)
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
