package model

import (
	"cmp"
	"math"
	"slices"
	"time"

	"meshwork.dev/schemas/prodrec"
)

// Bounds of what is remembered of a product.
const (
	// Reach is how many lines to either side of a product of an order are its neighbours. Lines stand in the order in
	// which they were entered, and what belongs together stands together: what is farther off says nothing (decision
	// 0017). An order of 540 lines makes 8,600 pairs instead of 291,000.
	Reach         = 8
	MaxNeighbours = 256    // products close to a product; the least close are forgotten first
	Newcomers     = 64     // places above MaxNeighbours: they fill before anything is forgotten, so new ones get a chance
	MaxNextViews  = 128    // products looked at after a product; the rarest are forgotten first
	MaxCount      = 16_384 // orders or steps after which all counts of a row are halved, so that old habits fade
	PeriodDays    = 5      // days of a period of popularity
	MaxPeriods    = 12     // periods that are kept
	closest       = 12     // closeness of the next line; the d-th has closest/√d
)

// Baskets takes an order apart: one signal for each product, with what stands near it. products are the lines in their
// order; a product that comes again is left out.
func Baskets(products []string, each func(prodrec.ItemSignal)) {
	products = Unique(products)
	for i, id := range products {
		g := prodrec.ItemSignal{ProductID: id}
		for j := i - 1; j >= max(0, i-Reach); j-- {
			g.Before = append(g.Before, products[j])
		}
		g.After = products[i+1 : min(len(products), i+1+Reach)]
		each(g)
	}
}

// Unique leaves out what comes again.
func Unique(in []string) []string {
	seen := make(map[string]struct{}, len(in))
	out := make([]string, 0, len(in))
	for _, s := range in {
		if _, ok := seen[s]; !ok {
			seen[s] = struct{}{}
			out = append(out, s)
		}
	}
	return out
}

// Basket adds an order to the row of a product.
func Basket(r *prodrec.ItemNeighbours, g *prodrec.ItemSignal) {
	r.Baskets++
	for d, id := range g.Before {
		neighbour(r, id).Closeness += closeness(d)
	}
	for d, id := range g.After {
		neighbour(r, id).Closeness += closeness(d)
	}
	if n := len(r.Neighbours) - MaxNeighbours; n > Newcomers {
		r.Neighbours = keep(r.Neighbours, n, func(a, b *prodrec.ItemNeighbour) int {
			return cmp.Or(cmp.Compare(a.Closeness, b.Closeness), cmp.Compare(b.ProductID, a.ProductID))
		})
	}
	if r.Baskets >= MaxCount {
		r.Baskets /= 2
		for i := range r.Neighbours {
			r.Neighbours[i].Closeness /= 2
		}
		r.Neighbours = slices.DeleteFunc(r.Neighbours, func(n prodrec.ItemNeighbour) bool { return n.Closeness == 0 })
	}
}

// closeness is how much an order says about two products with d lines between them.
func closeness(d int) int32 { return int32(math.Round(closest / math.Sqrt(float64(d+1)))) }

func neighbour(r *prodrec.ItemNeighbours, id string) *prodrec.ItemNeighbour {
	at, found := slices.BinarySearchFunc(r.Neighbours, id, func(n prodrec.ItemNeighbour, id string) int {
		return cmp.Compare(n.ProductID, id)
	})
	if !found {
		r.Neighbours = slices.Insert(r.Neighbours, at, prodrec.ItemNeighbour{ProductID: id})
	}
	return &r.Neighbours[at]
}

// keep drops the n least elements of s and leaves the order of the others.
func keep[E any](s []E, n int, less func(a, b *E) int) []E {
	at := make([]int, len(s))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int { return less(&s[a], &s[b]) })
	gone := at[:n]
	slices.Sort(gone)
	out := s[:0]
	for i := range s {
		if len(gone) > 0 && gone[0] == i {
			gone = gone[1:]
			continue
		}
		out = append(out, s[i])
	}
	clear(s[len(out):])
	return out
}

// Viewed adds a step between products to the row of the first one.
func Viewed(r *prodrec.ItemNextViews, g *prodrec.ViewSignal) {
	r.Views++
	at, found := slices.BinarySearchFunc(r.NextViews, g.NextProductID, func(n prodrec.NextView, id string) int {
		return cmp.Compare(n.ProductID, id)
	})
	if !found {
		r.NextViews = slices.Insert(r.NextViews, at, prodrec.NextView{ProductID: g.NextProductID})
	}
	r.NextViews[at].Count++
	if n := len(r.NextViews) - MaxNextViews; n > 0 {
		r.NextViews = keep(r.NextViews, n, func(a, b *prodrec.NextView) int {
			return cmp.Or(cmp.Compare(a.Count, b.Count), cmp.Compare(b.ProductID, a.ProductID))
		})
	}
	if r.Views >= MaxCount {
		r.Views /= 2
		for i := range r.NextViews {
			r.NextViews[i].Count /= 2
		}
		r.NextViews = slices.DeleteFunc(r.NextViews, func(n prodrec.NextView) bool { return n.Count == 0 })
	}
}

// Sold counts an order of a product.
func Sold(r *prodrec.ItemPopularity, at time.Time) {
	r.Baskets++
	if at.After(r.SoldAt) {
		r.SoldAt = at
	}
	period := DayOf(at) / PeriodDays
	i, found := slices.BinarySearchFunc(r.Periods, period, func(p prodrec.PopularityPeriod, period int32) int {
		return cmp.Compare(p.Period, period)
	})
	if !found {
		r.Periods = slices.Insert(r.Periods, i, prodrec.PopularityPeriod{Period: period})
	}
	r.Periods[i].Baskets++
	if n := len(r.Periods) - MaxPeriods; n > 0 {
		r.Periods = slices.Delete(r.Periods, 0, n)
	}
}
