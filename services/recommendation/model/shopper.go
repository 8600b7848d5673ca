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
	MaxViews = 16 // looks; the oldest are forgotten first
	MaxCart  = 64 // products in the cart; those put in longest ago are forgotten first
)

// VisitGap is the pause after which a look at a product begins a new visit: no step leads across it.
const VisitGap = 30 * time.Minute

// idleStep is how far apart in time actions must be that say nothing about products to be remembered at all: they
// would change nothing but LastSeen, and every change of the row is a record.
const idleStep = time.Hour

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
// the one looked at before, in the same visit, gives a step between the two. JOIN and FORGET change nothing: they are
// about the row as a whole.
func Remember(s *prodrec.Shopper, g *prodrec.ShopperSignal) (step prodrec.ViewSignal, stepped bool) {
	id, named := g.ProductID.Get()
	if g.At.Sub(s.LastSeen) >= idleStep || g.At.After(s.LastSeen) && !idle(g.Kind, named) {
		s.LastSeen = g.At
	}
	switch g.Kind {
	case prodrec.SignalKindView:
		if named {
			step, stepped = look(s, prodrec.ShopperView{ProductID: id, At: g.At})
		}
	case prodrec.SignalKindAdd:
		if named {
			put(s, prodrec.ShopperCartItem{ProductID: id, Quantity: g.Quantity, At: g.At})
		}
	case prodrec.SignalKindRemove:
		if named {
			take(s, id, g.Quantity)
		}
	case prodrec.SignalKindCheckout:
		s.Cart = slices.DeleteFunc(s.Cart, func(c prodrec.ShopperCartItem) bool { return !c.At.After(g.At) })
		s.CartAt = schemas.Some(s.LastSeen)
	case prodrec.SignalKindMerge:
		for _, v := range g.Views {
			look(s, v)
		}
		for _, c := range g.Cart {
			put(s, c)
		}
	case prodrec.SignalKindUnknown, prodrec.SignalKindSearch, prodrec.SignalKindJoin, prodrec.SignalKindForget:
	}
	return step, stepped
}

// idle says whether a signal says nothing about products.
func idle(kind prodrec.SignalKind, named bool) bool {
	return kind == prodrec.SignalKindSearch || kind == prodrec.SignalKindView && !named
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
