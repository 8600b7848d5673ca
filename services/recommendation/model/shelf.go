package model

import (
	"math"
	"strings"

	"meshwork.dev/schemas/prodrec"
)

// Bounds of what a scorer keeps of rows it has read. When there is more, it starts anew.
const (
	maxNumbers = 1 << 20 // products it has seen the id of
	maxHeld    = 1 << 20 // neighbours, next views and periods, of all products together; 8 to 16 bytes each
)

// shelf is what a scorer has read of products. Products are numbered in the order in which they are met; numbers stand
// for them while lists are made, because rows name each product many times and counting by number takes no lookups.
type shelf struct {
	number map[string]int32
	items  []item
	round  uint32 // counts that were read in another round are read anew
	stock  uint32 // and so is in another one of these what is available
	held   int    // neighbours, next views and periods of all items

	scratch []link // for the next row that is read

	popular   []prodrec.PopularItem
	popularIn uint32

	decay []float64 // of orders of late, by age of their period in days
}

// item is what is known of a product. The rounds say when each part was read; 0 is never.
type item struct {
	id string

	linksIn uint32
	baskets float64 // orders by which neighbours were counted; 0 where there are none
	links   []link

	nextIn uint32
	views  float64 // steps by which next views were counted
	next   []nextStep

	soldIn  uint32
	sold    float64 // orders; 0 where it is not sold
	periods []prodrec.PopularityPeriod
	day     int32   // for which the following hold
	trend   float64 // orders of late
	repeat  float64 // factor of repeat purchase; 0 where nobody has asked
	newcome float64 // factor of new items; 0 where nobody has asked

	stockIn   uint32
	available bool
}

// link is a neighbour.
type link struct{ item, closeness int32 }

type nextStep struct{ item, count int32 }

func newShelf() shelf { return shelf{number: map[string]int32{}, round: 1, stock: 1} }

// Forget makes the scorer read all counts anew, from now on. What it has read it believes until then.
func (c *Scorer) Forget() { c.shelf.round++ }

// ForgetStock makes the scorer ask anew what is available, from now on.
func (c *Scorer) ForgetStock() { c.shelf.stock++ }

// of is the number of a product.
func (s *shelf) of(id string) int32 {
	n, ok := s.number[id]
	if !ok {
		id = strings.Clone(id) // it may be part of the text of a whole row
		n = int32(len(s.items))
		s.items = append(s.items, item{id: id})
		s.number[id] = n
	}
	return n
}

// begin makes room where too much is kept. Numbers hold until the next call.
func (c *Scorer) begin() {
	switch s := &c.shelf; {
	case len(s.items) > maxNumbers:
		*s = newShelf()
		c.work = nil
	case s.held > maxHeld:
		for i := range s.items {
			k := &s.items[i]
			k.links, k.next, k.periods, k.linksIn, k.nextIn, k.soldIn = nil, nil, nil, 0, 0, 0
		}
		s.held = 0
	}
}

// linksOf are the neighbours of a product, and the orders they were counted by.
func (c *Scorer) linksOf(n int32, items Items) (links []link, baskets float64) {
	s := &c.shelf
	if k := &s.items[n]; k.linksIn == s.round {
		return k.links, k.baskets
	}
	r, ok := items.Neighbours(s.items[n].id)
	old := s.items[n].links
	links = s.scratch[:0]
	if ok {
		baskets = float64(r.Baskets)
		j := 0
		for i := range r.Neighbours {
			x := &r.Neighbours[i]
			// Most neighbours are those of the last time, in the same order: no need to look their numbers up.
			for j < len(old) && s.items[old[j].item].id < x.ProductID {
				j++
			}
			var m int32
			if j < len(old) && s.items[old[j].item].id == x.ProductID {
				m = old[j].item
			} else {
				m = s.of(x.ProductID)
			}
			links = append(links, link{m, x.Closeness})
		}
	}
	k := &s.items[n]
	s.held += len(links) - len(old)
	s.scratch = old
	k.links, k.baskets, k.linksIn = links, baskets, s.round
	return links, baskets
}

// nextOf is what is looked at after a product, and the steps it was counted by.
func (c *Scorer) nextOf(n int32, items Items) (next []nextStep, views float64) {
	s := &c.shelf
	if k := &s.items[n]; k.nextIn == s.round {
		return k.next, k.views
	}
	r, ok := items.NextViews(s.items[n].id)
	next = s.items[n].next[:0]
	if ok {
		views = float64(r.Views)
		for i := range r.NextViews {
			x := &r.NextViews[i]
			next = append(next, nextStep{s.of(x.ProductID), x.Count})
		}
	}
	k := &s.items[n]
	s.held += len(next) - len(k.next)
	k.next, k.views, k.nextIn = next, views, s.round
	return next, views
}

// soldOf is how well a product sells on a day. Shoppers of one moment live on different days, so what was read serves
// for all of them.
func (c *Scorer) soldOf(n int32, items Items, day int32) *item {
	s := &c.shelf
	k := &s.items[n]
	switch {
	case k.soldIn != s.round:
		k.soldIn, k.sold = s.round, 0
		s.held -= len(k.periods)
		k.periods = k.periods[:0]
		if r, ok := items.Popularity(k.id); ok && r.Baskets > 0 {
			k.sold, k.periods = float64(r.Baskets), append(k.periods, r.Periods...)
		}
		s.held += len(k.periods)
	case k.day == day:
		return k
	}
	k.day, k.trend, k.repeat, k.newcome = day, 0, 0, 0
	for _, x := range k.periods {
		k.trend += float64(x.Baskets) * s.ofLate(day-x.Period*PeriodDays, c.p.TrendHalfLife)
	}
	return k
}

// repeats is how well a product sells at present, as a factor of repeat purchase.
func (k *item) repeats(p *Params) float64 {
	if k.repeat == 0 {
		k.repeat = math.Pow(k.trend+1, p.RepeatTrend)
	}
	return k.repeat
}

// comes is the same for new items, among which what everybody buys counts less.
func (k *item) comes(p *Params) float64 {
	if k.newcome == 0 {
		k.newcome = math.Pow(k.sold, -p.Common) * math.Pow(k.trend+1, p.NewTrend)
	}
	return k.newcome
}

// ofLate is what an order of a period that began some days ago weighs.
func (s *shelf) ofLate(days int32, halfLife float64) float64 {
	const known = 256
	if days = max(days, 0); days >= known {
		return ofPeriod(days, halfLife)
	}
	if len(s.decay) == 0 {
		for d := range int32(known) {
			s.decay = append(s.decay, ofPeriod(d, halfLife))
		}
	}
	return s.decay[days]
}

// Available says whether a product may be recommended, as the scorer has read it.
func (c *Scorer) Available(productID string, items Items) bool {
	return c.available(c.shelf.of(productID), items)
}

func (c *Scorer) available(n int32, items Items) bool {
	k := &c.shelf.items[n]
	if k.stockIn != c.shelf.stock {
		k.stockIn, k.available = c.shelf.stock, items.Available(k.id)
	}
	return k.available
}

func (c *Scorer) popular(items Items) []prodrec.PopularItem {
	if s := &c.shelf; s.popularIn != s.round {
		s.popular, s.popularIn = items.Popular(), s.round
	}
	return c.shelf.popular
}
