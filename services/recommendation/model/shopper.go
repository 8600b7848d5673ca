package model

import (
	"cmp"
	"slices"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/prodrec"
)

// Bounds of what is remembered of a shopper.
const (
	MaxPurchases = 1024 // products bought; those bought longest ago are forgotten first
	MaxDays      = 8    // days of orders of one product; the oldest are forgotten first, the orders still count
	MaxViews     = 16   // looks; the oldest are forgotten first
	MaxCart      = 64   // products in the cart; those put in longest ago are forgotten first
)

// VisitGap is the pause after which a look at a product begins a new visit: no step leads across it.
const VisitGap = 30 * time.Minute

// DayOf is the number of the day of a time, by UTC.
func DayOf(at time.Time) int32 {
	s := at.Unix()
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return int32(d)
}

// Remember adds a signal to what is known of a shopper. Signals may come in any order. A view of another product than
// the one looked at before, in the same visit, gives a step between the two. JOIN changes nothing: it is about where
// the row belongs.
func Remember(s *prodrec.Shopper, g *prodrec.ShopperSignal) (step prodrec.ViewSignal, stepped bool) {
	if g.At.After(s.LastSeen) {
		s.LastSeen = g.At
	}
	switch g.Kind {
	case prodrec.SignalKindView:
		if id, ok := g.ProductID.Get(); ok {
			step, stepped = look(s, prodrec.ShopperView{ProductID: id, At: g.At})
		}
	case prodrec.SignalKindAdd:
		if id, ok := g.ProductID.Get(); ok {
			put(s, prodrec.ShopperCartItem{ProductID: id, Quantity: g.Quantity, At: g.At})
		}
	case prodrec.SignalKindRemove:
		if id, ok := g.ProductID.Get(); ok {
			take(s, id, g.Quantity)
		}
	case prodrec.SignalKindCheckout:
		s.Cart = slices.DeleteFunc(s.Cart, func(c prodrec.ShopperCartItem) bool { return !c.At.After(g.At) })
		s.CartAt = schemas.Some(s.LastSeen)
	case prodrec.SignalKindPurchase:
		s.Orders++
		s.PurchasedAt = schemas.Some(s.LastSeen)
		day := DayOf(g.At)
		for _, id := range g.Products {
			bought(s, id, day)
		}
		forget(s)
	case prodrec.SignalKindMerge:
		for _, v := range g.Views {
			look(s, v)
		}
		for _, c := range g.Cart {
			put(s, c)
		}
	case prodrec.SignalKindUnknown, prodrec.SignalKindSearch, prodrec.SignalKindJoin:
	}
	return step, stepped
}

// look files a view by its time.
func look(s *prodrec.Shopper, v prodrec.ShopperView) (step prodrec.ViewSignal, stepped bool) {
	s.ViewedAt = schemas.Some(s.LastSeen)
	at, found := slices.BinarySearchFunc(s.Views, v, func(a, b prodrec.ShopperView) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ProductID, b.ProductID))
	})
	if found {
		return step, false
	}
	if at > 0 {
		before := s.Views[at-1]
		if before.ProductID != v.ProductID && v.At.Sub(before.At) <= VisitGap {
			step, stepped = prodrec.ViewSignal{ProductID: before.ProductID, NextProductID: v.ProductID}, true
		}
	}
	s.Views = slices.Insert(s.Views, at, v)
	if n := len(s.Views) - MaxViews; n > 0 {
		s.Views = slices.Delete(s.Views, 0, n)
	}
	return step, stepped
}

// put puts pieces into the cart; the product becomes the last one.
func put(s *prodrec.Shopper, c prodrec.ShopperCartItem) {
	s.CartAt = schemas.Some(s.LastSeen)
	if i := slices.IndexFunc(s.Cart, func(o prodrec.ShopperCartItem) bool { return o.ProductID == c.ProductID }); i >= 0 {
		c.Quantity += s.Cart[i].Quantity
		if s.Cart[i].At.After(c.At) {
			c.At = s.Cart[i].At
		}
		s.Cart = slices.Delete(s.Cart, i, i+1)
	}
	at := len(s.Cart)
	for at > 0 && s.Cart[at-1].At.After(c.At) {
		at--
	}
	s.Cart = slices.Insert(s.Cart, at, c)
	if n := len(s.Cart) - MaxCart; n > 0 {
		s.Cart = slices.Delete(s.Cart, 0, n)
	}
}

func take(s *prodrec.Shopper, id string, pieces int32) {
	s.CartAt = schemas.Some(s.LastSeen)
	i := slices.IndexFunc(s.Cart, func(o prodrec.ShopperCartItem) bool { return o.ProductID == id })
	if i < 0 {
		return
	}
	if s.Cart[i].Quantity -= pieces; s.Cart[i].Quantity <= 0 {
		s.Cart = slices.Delete(s.Cart, i, i+1)
	}
}

// bought counts an order of a product.
func bought(s *prodrec.Shopper, id string, day int32) {
	at, found := slices.BinarySearchFunc(s.Purchases, id, func(p prodrec.ShopperPurchase, id string) int {
		return cmp.Compare(p.ProductID, id)
	})
	if !found {
		s.Purchases = slices.Insert(s.Purchases, at, prodrec.ShopperPurchase{ProductID: id})
	}
	p := &s.Purchases[at]
	p.Orders++
	i := 0
	for i < len(p.Days) && p.Days[i] >= day {
		i++
	}
	p.Days = slices.Insert(p.Days, i, day)
	if len(p.Days) > MaxDays {
		p.Days = p.Days[:MaxDays]
	}
}

// forget drops the products bought longest ago, rarest first among equals, until the row is within its bound.
func forget(s *prodrec.Shopper) {
	n := len(s.Purchases) - MaxPurchases
	if n <= 0 {
		return
	}
	order := make([]prodrec.ShopperPurchase, len(s.Purchases))
	copy(order, s.Purchases)
	slices.SortFunc(order, func(a, b prodrec.ShopperPurchase) int {
		return cmp.Or(cmp.Compare(a.Days[0], b.Days[0]), cmp.Compare(a.Orders, b.Orders), cmp.Compare(b.ProductID, a.ProductID))
	})
	gone := map[string]bool{}
	for _, p := range order[:n] {
		gone[p.ProductID] = true
	}
	s.Purchases = slices.DeleteFunc(s.Purchases, func(p prodrec.ShopperPurchase) bool { return gone[p.ProductID] })
}
