package evaluate

import (
	"time"

	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/services/recommendation/model"
)

// rows are the rows the service would have after some orders and visits.
type rows struct {
	histories  map[string]*prodrec.PurchaseHistory
	neighbours map[string]*prodrec.ItemNeighbours
	next       map[string]*prodrec.ItemNextViews
	popularity map[string]*prodrec.ItemPopularity
	popular    []prodrec.PopularItem
}

func newRows() *rows {
	return &rows{
		histories: map[string]*prodrec.PurchaseHistory{}, neighbours: map[string]*prodrec.ItemNeighbours{},
		next: map[string]*prodrec.ItemNextViews{}, popularity: map[string]*prodrec.ItemPopularity{},
	}
}

// order folds an order as the service does.
func (r *rows) order(customer string, items []string, at time.Time) {
	h := r.histories[customer]
	if h == nil {
		h = &prodrec.PurchaseHistory{}
		r.histories[customer] = h
	}
	model.Bought(h, at, items)
	model.Baskets(items, func(g prodrec.ItemSignal) {
		n := r.neighbours[g.ProductID]
		if n == nil {
			n = &prodrec.ItemNeighbours{ProductID: g.ProductID}
			r.neighbours[g.ProductID] = n
		}
		model.Basket(n, &g)
		p := r.popularity[g.ProductID]
		if p == nil {
			p = &prodrec.ItemPopularity{ProductID: g.ProductID}
			r.popularity[g.ProductID] = p
		}
		model.Sold(p, at)
	})
}

// rank makes the list of what is popular on a day.
func (r *rows) rank(p model.Params, day int32) {
	l := model.NewPopular(p, day)
	for _, row := range r.popularity {
		l.Add(row)
	}
	r.popular = l.Items()
}

// Neighbours is the row of a product.
func (r *rows) Neighbours(id string) (*prodrec.ItemNeighbours, bool) {
	n, ok := r.neighbours[id]
	return n, ok
}

// NextViews is the row of a product.
func (r *rows) NextViews(id string) (*prodrec.ItemNextViews, bool) {
	n, ok := r.next[id]
	return n, ok
}

// Popularity is the row of a product.
func (r *rows) Popularity(id string) (*prodrec.ItemPopularity, bool) {
	p, ok := r.popularity[id]
	return p, ok
}

// Popular is what sells.
func (r *rows) Popular() []prodrec.PopularItem { return r.popular }

// Available is every product: the data sets know of none that is not.
func (r *rows) Available(string) bool { return true }

// learn folds the training part of a split.
func (s *split) learn(p model.Params) *rows {
	r := newRows()
	for _, b := range s.train {
		r.order(b.customer, b.items, b.at)
	}
	r.rank(p, model.DayOf(s.cut))
	return r
}

// numbers are the items of a list.
func (s *split) numbers(list []prodrec.RecommendedItem) []int {
	out := make([]int, 0, len(list))
	for _, x := range list {
		if i, ok := s.number[x.ProductID]; ok {
			out = append(out, i)
		}
	}
	return out
}

// lists measures our lists: over all, and of new items.
func (s *split) lists(p model.Params, r *rows) (all, fresh figures) {
	c := model.NewScorer(p)
	day := model.DayOf(s.cut)
	for _, t := range s.cases {
		a, _, n := c.Purchases(r.histories[t.who.id], r, day)
		all.judge(s.numbers(a), t.truth)
		fresh.judge(s.numbers(n), t.fresh)
	}
	return all, fresh
}

// carts measures our cart completion.
func (s *split) carts(p model.Params, r *rows, cases []completion) (f figures) {
	c := model.NewScorer(p)
	day := model.DayOf(s.cut)
	var cart []string
	for _, t := range cases {
		cart = cart[:0]
		for _, i := range t.cart {
			cart = append(cart, s.items[i])
		}
		f.judge(s.numbers(c.Cart(cart, r, day)), map[int]bool{t.hidden: true})
	}
	return f
}
