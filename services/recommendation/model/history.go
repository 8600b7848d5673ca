package model

import (
	"cmp"
	"slices"
	"time"

	"meshwork.dev/schemas/prodrec"
)

// Bounds of what is remembered of a customer's purchases.
const (
	MaxPurchases = 1024 // products bought; those bought longest ago are forgotten first
	MaxDays      = 8    // days of orders of one product; the oldest are forgotten first, the orders still count
)

// Bought adds an order of some products, each named once, to what a customer bought. Orders may come in any order.
func Bought(h *prodrec.PurchaseHistory, at time.Time, products []string) {
	h.Orders++
	if at.After(h.PurchasedAt) {
		h.PurchasedAt = at
	}
	day := DayOf(at)
	for _, id := range products {
		bought(h, id, day)
	}
	forget(h)
}

// bought counts an order of a product.
func bought(s *prodrec.PurchaseHistory, id string, day int32) {
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
func forget(s *prodrec.PurchaseHistory) {
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
