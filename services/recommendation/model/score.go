package model

import (
	"math"
	"slices"

	"meshwork.dev/schemas/prodrec"
)

// Items is what a scorer reads of products. A row belongs to the caller until the next call.
type Items interface {
	Neighbours(productID string) (*prodrec.ItemNeighbours, bool)
	NextViews(productID string) (*prodrec.ItemNextViews, bool)
	Popularity(productID string) (*prodrec.ItemPopularity, bool)
	// Popular is the list of what sells at present, best first. It is not changed later.
	Popular() []prodrec.PopularItem
	// Available says whether a product may be recommended.
	Available(productID string) bool
}

// Scorer makes lists. Create one with [NewScorer]; it is used by one goroutine at a time. What it has read through
// Items it keeps, at most some 30 MB of it, and believes until [Scorer.Forget] and [Scorer.ForgetStock] are called.
type Scorer struct {
	p      Params
	shelf  shelf
	call   uint32
	work   []work  // by number
	pool   []int32 // numbers of candidates, in the order in which they were met
	from   []source
	scores []float64

	orderDecay, tasteDecay []float64 // what an order weighs, by age in days
}

// work is the part of a call that belongs to a product. It holds in the call that it names.
type work struct {
	call, own uint32
	because   int32   // the product that the largest part of the score comes from
	best      float64 // that part
	score     float64
	neighbour float64 // score by neighbours alone
}

// candidate is a product that may be recommended.
type candidate struct {
	item     int32
	because  int32
	purchase int32 // index into the purchases, -1 for new items
	score    float64
}

// source is a product that the shopper has to do with, and its weight.
type source struct {
	item   int32
	weight float64
}

// NewScorer makes a scorer.
func NewScorer(p Params) *Scorer {
	return &Scorer{
		p: p, shelf: newShelf(),
		orderDecay: decays(p.OrderHalfLife), tasteDecay: decays(p.TasteHalfLife),
	}
}

// reset begins a call.
func (c *Scorer) reset() {
	c.begin()
	if c.call++; c.call == 0 { // the numbers of calls came round
		clear(c.work)
		c.call = 1
	}
	c.pool, c.from = c.pool[:0], c.from[:0]
}

// grow makes room to work on all products that have a number.
func (c *Scorer) grow() {
	if n := len(c.shelf.items); n > len(c.work) {
		c.work = slices.Grow(c.work, n-len(c.work))[:n]
	}
}

// own marks a product as one the shopper has, and gives its number.
func (c *Scorer) own(id string) int32 {
	n := c.shelf.of(id)
	c.grow()
	c.work[n].own = c.call
	return n
}

// add gives a candidate a part of its score. There must be room for it.
func (c *Scorer) add(n int32, part float64, because int32) {
	k := &c.work[n]
	if k.call != c.call {
		k.call, k.score, k.best, k.neighbour = c.call, 0, 0, 0
		c.pool = append(c.pool, n)
	}
	k.score += part
	if part > k.best {
		k.best, k.because = part, because
	}
}

// ofPeriod is what an order weighs in the trend of a product, by the days since its period began.
func ofPeriod(days int32, halfLife float64) float64 {
	return math.Exp2(-max(float64(days)-(PeriodDays-1)/2.0, 0) / halfLife)
}

// Trend is how well a product sells on a day: orders of late, each weighing less with its age.
func (p Params) Trend(r *prodrec.ItemPopularity, day int32) float64 {
	sum := 0.0
	for _, x := range r.Periods {
		sum += float64(x.Baskets) * ofPeriod(day-x.Period*PeriodDays, p.TrendHalfLife)
	}
	return sum
}

// decays are the weights of orders up to two years old.
func decays(halfLife float64) []float64 {
	out := make([]float64, 730)
	for d := range out {
		out[d] = math.Exp2(-float64(d) / halfLife)
	}
	return out
}

func decayed(known []float64, days int32, halfLife float64) float64 {
	if days = max(days, 0); int(days) < len(known) {
		return known[days]
	}
	return math.Exp2(-float64(days) / halfLife)
}

// frequency is how often a customer bought a product, orders of long ago weighing less.
func frequency(p *prodrec.ShopperPurchase, day int32, known []float64, halfLife float64) float64 {
	sum := 0.0
	for _, d := range p.Days {
		sum += decayed(known, day-d, halfLife)
	}
	if more := int(p.Orders) - len(p.Days); more > 0 {
		sum += float64(more) * decayed(known, day-p.Days[len(p.Days)-1], halfLife)
	}
	return sum
}

// Purchases makes the lists that follow from what a customer bought: over all, to buy again, and new items. Of somebody
// who never bought anything there is an empty history.
func (c *Scorer) Purchases(h *prodrec.PurchaseHistory, items Items, day int32) (all, repeat, fresh []prodrec.RecommendedItem) {
	c.reset()
	for i := range h.Purchases {
		p := &h.Purchases[i]
		c.source(c.own(p.ProductID), decayed(c.tasteDecay, day-p.Days[0], c.p.TasteHalfLife))
	}
	c.neighbours(items)
	c.judge(items, day)
	total := 0.0
	for _, k := range c.from {
		total += k.weight
	}
	scale := 0.0
	if total > 0 {
		scale = 1 / math.Sqrt(total)
	}
	var popular []prodrec.PopularItem
	if len(h.Purchases) == 0 || len(c.pool) < c.p.Size {
		popular = c.popular(items)
	}
	news, both := c.top(), c.top()
	for _, n := range c.pool {
		k := &c.work[n]
		if k.own == c.call {
			continue
		}
		x := candidate{item: n, because: k.because, purchase: -1, score: k.neighbour * scale}
		news.offer(c, x)
		x.score *= c.p.Blend
		both.offer(c, x)
	}
	again := c.top()
	for i := range h.Purchases {
		p := &h.Purchases[i]
		n := c.shelf.of(p.ProductID)
		x := candidate{item: n, purchase: int32(i)}
		x.score = frequency(p, day, c.orderDecay, c.p.OrderHalfLife) * c.soldOf(n, items, day).repeats(&c.p)
		again.offer(c, x)
		if k := &c.work[n]; k.call == c.call {
			x.score += c.p.Blend * scale * k.neighbour
		}
		both.offer(c, x)
	}
	repeat = c.list(again, items, h, day)
	fresh = c.fill(c.list(news, items, h, day), items, popular)
	all = c.fill(c.list(both, items, h, day), items, popular)
	return all, repeat, fresh
}

// source takes a product among those whose neighbours count, if its weight is one of the highest; equal ones by id.
func (c *Scorer) source(n int32, weight float64) {
	at := len(c.from)
	for at > 0 && (weight > c.from[at-1].weight ||
		weight == c.from[at-1].weight && c.shelf.items[n].id < c.shelf.items[c.from[at-1].item].id) {
		at--
	}
	if at == c.p.From {
		return
	}
	if len(c.from) < c.p.From {
		c.from = append(c.from, source{})
	}
	copy(c.from[at+1:], c.from[at:])
	c.from[at] = source{n, weight}
}

// neighbours adds up the neighbours of all sources, without what depends on the neighbour alone.
func (c *Scorer) neighbours(items Items) {
	for _, s := range c.from {
		links, baskets := c.linksOf(s.item, items)
		if baskets == 0 {
			continue
		}
		c.grow()
		w := s.weight / math.Sqrt(baskets+c.p.Prior)
		for i := range links {
			c.add(links[i].item, w*float64(links[i].closeness), s.item)
		}
	}
}

// cut leaves the best candidates in the pool, with all that are equal to the last of them.
func (c *Scorer) cut() {
	if len(c.pool) <= c.p.Candidates {
		return
	}
	c.scores = c.scores[:0]
	for _, n := range c.pool {
		c.scores = append(c.scores, c.work[n].score)
	}
	least := highest(c.scores, c.p.Candidates)
	c.pool = slices.DeleteFunc(c.pool, func(n int32) bool { return c.work[n].score < least })
}

// judge gives the best candidates their score by neighbours: as they were added up, over their own orders, times how
// well they sell. What was bought before is among them.
func (c *Scorer) judge(items Items, day int32) {
	c.cut()
	for _, n := range c.pool {
		if r := c.soldOf(n, items, day); r.sold > 0 {
			k := &c.work[n]
			k.neighbour = k.score * r.comes(&c.p)
		}
	}
}

// Cart makes the list of what goes with the products of a cart, given in the order they were put in, on a day.
func (c *Scorer) Cart(cart []string, items Items, day int32) []prodrec.RecommendedItem {
	c.reset()
	for _, id := range cart {
		c.from = append(c.from, source{item: c.own(id)})
	}
	weight := 1.0
	for i := len(c.from) - 1; i >= max(0, len(c.from)-c.p.CartFrom); i-- {
		n := c.from[i].item
		if links, baskets := c.linksOf(n, items); baskets > 0 {
			c.grow()
			w := weight / math.Sqrt(baskets)
			for j := range links {
				if k := &links[j]; c.work[k.item].own != c.call {
					c.add(k.item, w*float64(k.closeness), n)
				}
			}
		}
		weight *= c.p.CartFade
	}
	t := c.top()
	c.cut()
	for _, n := range c.pool {
		if r := c.soldOf(n, items, day); r.sold > 0 {
			t.offer(c, candidate{item: n, because: c.work[n].because, score: c.work[n].score / math.Pow(r.sold, c.p.CartCommon)})
		}
	}
	return c.finish(t, items, func(k *candidate) string { return "goes with " + c.shelf.items[k.because].id })
}

// Next makes the list of what is looked at next, given the latest looks, oldest first.
func (c *Scorer) Next(views []string, items Items) []prodrec.RecommendedItem {
	c.reset()
	for _, id := range views {
		c.from = append(c.from, source{item: c.own(id)})
	}
	weight := 1.0
	for i := len(c.from) - 1; i >= max(0, len(c.from)-c.p.ViewFrom); i-- {
		n := c.from[i].item
		if next, total := c.nextOf(n, items); total > 0 {
			c.grow()
			for _, k := range next {
				if k.item != c.from[len(c.from)-1].item {
					c.add(k.item, weight*float64(k.count)/total, n)
				}
			}
		}
		weight *= c.p.ViewFade
	}
	t := c.top()
	for _, n := range c.pool {
		x := candidate{item: n, because: c.work[n].because, score: c.work[n].score}
		if c.work[n].own == c.call {
			x.score *= c.p.Seen
		}
		t.offer(c, x)
	}
	return c.finish(t, items, func(k *candidate) string { return "often looked at after " + c.shelf.items[k.because].id })
}
