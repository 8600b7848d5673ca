package eshop

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/shop"
)

// batch is the shop computed from the whole history at once, by sorting and counting, written without a look at the
// folds. It knows nothing of late actions: it sees them all.
type batch struct {
	visits   map[shop.ShopVisitedKey]shop.ShopVisited
	figures  map[shop.PageNavigationKpiKey]shop.PageNavigationKpi
	carts    map[string]map[string]int32 // visitor → product → pieces, of carts that are not empty
	orders   map[string]int32            // order → pieces
	users    map[string][3]int           // user → logins, failures, failures since the last login
	counts   map[string]int              // public event → how many
	refused  int                         // dead letters
	repeated int
}

// computeBatch takes actions in the order they came in.
func computeBatch(actions []shop.ShopAction, gap time.Duration) *batch {
	b := &batch{
		visits: map[shop.ShopVisitedKey]shop.ShopVisited{}, figures: map[shop.PageNavigationKpiKey]shop.PageNavigationKpi{},
		carts: map[string]map[string]int32{}, orders: map[string]int32{}, users: map[string][3]int{}, counts: map[string]int{},
	}
	ids := map[string]bool{}
	per := map[string][]shop.ShopAction{}
	known := map[string]bool{}
	attempts := map[string][]shop.LoginAction{}
	when := map[string][]time.Time{}
	for _, a := range actions {
		if ids[a.Identity.IdempotenceID] {
			b.repeated++
			continue
		}
		if !b.cartAction(&a, known) {
			b.refused++
			continue
		}
		ids[a.Identity.IdempotenceID] = true
		per[a.VisitorID] = append(per[a.VisitorID], a)
		if a.Kind == shop.ActionKindLogin {
			attempts[a.Login.Value.UserID] = append(attempts[a.Login.Value.UserID], a.Login.Value)
			when[a.Login.Value.UserID] = append(when[a.Login.Value.UserID], a.Timestamp)
		}
	}
	for user, tries := range attempts {
		var last time.Time
		var n [3]int
		for i, l := range tries {
			if l.Successful && when[user][i].After(last) {
				last = when[user][i]
			}
		}
		for i, l := range tries {
			switch {
			case l.Successful:
				n[0]++
			default:
				n[1]++
				if when[user][i].After(last) {
					n[2]++
				}
			}
		}
		b.users[user] = n
	}
	for visitor, list := range per {
		b.visitor(visitor, list, gap)
	}
	return b
}

// cartAction follows carts, and says whether an action is taken at all.
func (b *batch) cartAction(a *shop.ShopAction, known map[string]bool) bool {
	cart := b.carts[a.VisitorID]
	switch a.Kind {
	case shop.ActionKindAdd:
		if cart == nil {
			cart = map[string]int32{}
			b.carts[a.VisitorID] = cart
		}
		cart[a.Item.Value.ProductID] += a.Item.Value.Quantity
		b.counts["product-added"]++
	case shop.ActionKindRemove:
		have := cart[a.Item.Value.ProductID]
		if have == 0 {
			return false
		}
		if cart[a.Item.Value.ProductID] = max(have-a.Item.Value.Quantity, 0); cart[a.Item.Value.ProductID] == 0 {
			delete(cart, a.Item.Value.ProductID)
		}
		b.counts["product-removed"]++
	case shop.ActionKindCheckout:
		if len(cart) == 0 {
			return false
		}
		pieces := int32(0)
		for _, n := range cart {
			pieces += n
		}
		if known[a.VisitorID] {
			b.orders[orderID(a.VisitorID, a.Identity.IdempotenceID)] = pieces
		}
		delete(b.carts, a.VisitorID)
		b.counts["cart-checked-out"]++
	case shop.ActionKindLogin:
		known[a.VisitorID] = known[a.VisitorID] || a.Login.Value.Successful
		b.counts["user-logged-in"]++
	case shop.ActionKindPage:
		b.counts["page-navigated"]++
	default:
		panic(fmt.Sprintf("the histories of tests hold no %s", a.Kind))
	}
	if len(b.carts[a.VisitorID]) == 0 {
		delete(b.carts, a.VisitorID)
	}
	return true
}

// visitor cuts one visitor's actions into visits and counts the pages.
func (b *batch) visitor(id string, list []shop.ShopAction, gap time.Duration) {
	sort.SliceStable(list, func(i, j int) bool {
		if !list[i].Timestamp.Equal(list[j].Timestamp) {
			return list[i].Timestamp.Before(list[j].Timestamp)
		}
		return list[i].Page.Value.Page.ID < list[j].Page.Value.Page.ID
	})
	seen := map[shop.PageNavigationKpiKey]bool{}
	for first := true; len(list) > 0; first = false {
		n := 1
		for n < len(list) && list[n].Timestamp.Sub(list[n-1].Timestamp) <= gap {
			n++
		}
		v := shop.ShopVisited{VisitorID: id, Start: list[0].Timestamp, End: list[n-1].Timestamp, Store: list[0].Store, FirstVisit: first, ActionCount: int32(n), Closed: true}
		var pages []shop.ShopAction
		for _, a := range list[:n] {
			switch a.Kind {
			case shop.ActionKindPage:
				pages = append(pages, a)
			case shop.ActionKindLogin:
				v.LoggedIn = v.LoggedIn || a.Login.Value.Successful
			case shop.ActionKindCheckout:
				v.Ordered, v.CartAction = true, true
			default:
				v.CartAction = true
			}
		}
		v.PageCount = int32(len(pages))
		b.visits[shop.ShopVisitedKey{VisitorID: id, Start: v.Start}] = v
		for i, p := range pages {
			k := shop.PageNavigationKpiKey{PageID: p.Page.Value.Page.ID, Hour: p.Timestamp.Truncate(time.Hour)}
			f := b.figures[k]
			f.PageID, f.Hour = k.PageID, k.Hour
			f.Views++
			if !seen[k] {
				f.Visitors++
			}
			seen[k] = true
			if i == 0 {
				f.Entries++
			}
			if i == len(pages)-1 {
				f.Exits++
				if i == 0 {
					f.Bounces++
				}
			} else {
				f.TimedViews++
				f.TimeOnPage += pages[i+1].Timestamp.Sub(p.Timestamp).Milliseconds()
			}
			if f.TimedViews > 0 {
				f.MeanTimeOnPage = f.TimeOnPage / f.TimedViews
			}
			b.figures[k] = f
		}
		list = list[n:]
	}
}

// draw is a small generator of numbers that are the same everywhere for the same seed.
type draw uint64

func (d *draw) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	h := uint64(*d)
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (d *draw) below(n int) int { return int(d.next() % uint64(n)) }

// trouble makes of a history what comes in: a fifth of the page views late, by less than grace, and some actions twice.
// The actions of carts keep their order, which is what a cart is folded in.
func trouble(history []shop.ShopAction, grace time.Duration, seed uint64) []shop.ShopAction {
	d := draw(seed)
	in := make([]shop.ShopAction, 0, len(history)+len(history)/16)
	late := func() time.Duration { return time.Duration(d.below(int(grace.Milliseconds()))) * time.Millisecond }
	for _, a := range history {
		a.Identity.Created = a.Timestamp
		if a.Kind == shop.ActionKindPage && d.below(5) == 0 {
			a.Identity.Created = a.Timestamp.Add(late())
		}
		in = append(in, a)
		if d.below(25) == 0 {
			again := a
			again.Identity.Created = a.Identity.Created.Add(grace - a.Identity.Created.Sub(a.Timestamp) - time.Millisecond)
			if a.Kind != shop.ActionKindPage {
				again.Identity.Created = a.Identity.Created.Add(late())
			}
			in = append(in, again)
		}
	}
	slices.SortStableFunc(in, func(a, b shop.ShopAction) int { return a.Identity.Created.Compare(b.Identity.Created) })
	return in
}

// history is made up: visitors who come back, look at pages, fill carts, log in and order.
func history(n, visitors int, seed uint64) []shop.ShopAction {
	d := draw(seed)
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	out := make([]shop.ShopAction, 0, n)
	for i := range n {
		at = at.Add(time.Duration(d.below(20_000)) * time.Millisecond)
		a := shop.ShopAction{VisitorID: fmt.Sprintf("v%d", d.below(visitors)), Timestamp: at, Store: "uk"}
		a.Identity.EventID = fmt.Sprintf("h%d", i)
		a.Identity.IdempotenceID = a.Identity.EventID
		product := fmt.Sprintf("P%d", d.below(5))
		switch d.below(12) {
		case 0, 1:
			a.Kind = shop.ActionKindAdd
			a.Item = schemas.Some(shop.ItemAction{ProductID: product, Quantity: int32(1 + d.below(3)), UnitPrice: schemas.Some(schemas.Money(1250))})
		case 2:
			a.Kind = shop.ActionKindRemove
			a.Item = schemas.Some(shop.ItemAction{ProductID: product, Quantity: int32(1 + d.below(3))})
		case 3:
			a.Kind = shop.ActionKindLogin
			a.Login = schemas.Some(shop.LoginAction{UserID: fmt.Sprintf("u%d", d.below(visitors/2+1)), Successful: d.below(3) > 0})
		case 4:
			a.Kind = shop.ActionKindCheckout
		default:
			a.Kind = shop.ActionKindPage
			page := fmt.Sprintf("page/%d", d.below(8))
			a.Page = schemas.Some(shop.PageAction{Page: shop.Page{ID: page, Name: page, URL: "/" + page}, DestinationURL: "/" + page})
		}
		out = append(out, a)
	}
	return out
}
