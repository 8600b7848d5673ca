package eshop

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/shop"
)

// Whatever comes late, within grace, or twice: visits, figures, carts, orders and users are those of the batch.
func TestHistoriesEqualBatch(t *testing.T) {
	for seed := range uint64(6) {
		rules := DefaultRules()
		visitors := []int{1, 3, 20, 60}[seed%4]
		in := trouble(history(1500, visitors, seed), rules.Grace, seed+100)
		want := computeBatch(in, rules.Gap)
		d := driver(t, streamtest.Start(in[0].Timestamp))
		for i, a := range in {
			streamtest.SendAt(d, shop.ShopActionEvent, a.VisitorID, a, a.Identity.Created)
			if i%500 == 499 {
				d.Restart()
			}
		}
		d.Advance(12 * time.Hour)
		require.NotZero(t, want.repeated)
		equalsBatch(t, want, result{
			visits:  streamtest.Table(d, shop.ShopVisitedState),
			figures: streamtest.Table(d, shop.PageNavigationKpiState),
			carts:   streamtest.Table(d, shop.CartState),
			orders: maps.Collect(func(yield func(string, orderproc.CreateOrder) bool) {
				for _, r := range streamtest.Events(d, orderproc.CreateOrderCommand) {
					if !yield(r.Key, r.Value) {
						return
					}
				}
			}),
			users: streamtest.Table(d, shop.UserState),
			counts: map[string]int{
				"page-navigated":   len(streamtest.Events(d, shop.PageNavigatedEvent)),
				"product-added":    len(streamtest.Events(d, shop.ProductAddedEvent)),
				"product-removed":  len(streamtest.Events(d, shop.ProductRemovedEvent)),
				"cart-checked-out": len(streamtest.Events(d, shop.CartCheckedOutEvent)),
				"user-logged-in":   len(streamtest.Events(d, shop.UserLoggedInEvent)),
			},
		})
	}
}

// result is what the products have published.
type result struct {
	visits  map[shop.ShopVisitedKey]shop.ShopVisited
	figures map[shop.PageNavigationKpiKey]shop.PageNavigationKpi
	carts   map[string]shop.Cart
	orders  map[string]orderproc.CreateOrder
	users   map[string]shop.User
	counts  map[string]int
}

// equalsBatch compares what was published with the batch.
func equalsBatch(t *testing.T, want *batch, got result) {
	t.Helper()
	require.Len(t, got.visits, len(want.visits))
	for k, w := range want.visits {
		v, ok := got.visits[k]
		require.True(t, ok, "no visit %v", k)
		w.CustomerID = v.CustomerID // depends on when logins came in
		require.Equal(t, w, v)
	}
	require.Len(t, got.figures, len(want.figures))
	for k, w := range want.figures {
		require.Equal(t, w, got.figures[k])
	}
	require.Equal(t, want.counts, got.counts)
	require.Len(t, got.carts, len(want.carts))
	for visitor, lines := range want.carts {
		cart := got.carts[visitor]
		require.Len(t, cart.Items, len(lines), visitor)
		units := int64(0)
		for _, it := range cart.Items {
			require.Equal(t, lines[it.Product.ID], it.Quantity, "%s %s", visitor, it.Product.ID)
			units += int64(it.Quantity)
		}
		require.Equal(t, units, cart.Units)
	}
	require.Len(t, got.orders, len(want.orders))
	for id, pieces := range want.orders {
		n := int32(0)
		for _, it := range got.orders[id].Items {
			n += it.Quantity
		}
		require.Equal(t, pieces, n, id)
		require.NotEmpty(t, got.orders[id].CustomerID.Value)
	}
	require.Len(t, got.users, len(want.users))
	for id, expected := range want.users {
		u := got.users[id]
		actual := [3]int{int(u.Logins), int(u.FailedLogins), int(u.FailedSinceLogin)}
		require.Equal(t, expected, actual, id)
	}
}

// A visitor who comes back within an hour counts once for a page and that hour, also when the page is known to have
// been left only by an action that comes later than grace allows, after the first visit was closed.
func TestVisitorCountsOnce(t *testing.T) {
	clock := func(m int) time.Time { return time.Date(2026, 1, 5, 10, m, 0, 0, time.UTC) }
	rules := DefaultRules()
	var row shop.Visitor
	s := visits{gap: rules.Gap, grace: rules.Grace}
	for _, d := range []deed{{at: clock(2), page: "x"}, {at: clock(50), page: "x"}, {at: clock(55), cartTouch: true}} {
		_, err := s.take(&row, &d)
		require.NoError(t, err)
	}
	next, more := s.close(&row, clock(70))
	require.True(t, more)
	require.Equal(t, clock(55+30+10), next)
	_, err := s.take(&row, &deed{at: clock(53), page: "y"})
	require.NoError(t, err)
	s.close(&row, next)
	require.Empty(t, row.Open)
	total := map[string]int64{}
	for _, f := range s.figures {
		require.Equal(t, clock(0), f.Hour)
		total[f.PageID+" visitors"] += f.Visitors
		total[f.PageID+" views"] += f.Views
	}
	require.Equal(t, map[string]int64{"x visitors": 1, "x views": 2, "y visitors": 1, "y views": 1}, total)
}
