package model

import (
	"cmp"
	"math"
	"slices"

	"meshwork.dev/schemas/prodrec"
)

// Items is what a scorer reads of products. A row belongs to the caller until the next call.
type Items interface {
	Neighbours(productID string) (*prodrec.ItemNeighbours, bool)
	Popularity(productID string) (*prodrec.ItemPopularity, bool)
	// Popular is the list of what sells at present, best first.
	Popular() []prodrec.PopularItem
	// Available says whether a product may be recommended.
	Available(productID string) bool
}

// Scorer makes lists. Create one with [NewScorer]; it is used by one goroutine at a time, and keeps its working memory.
type Scorer struct {
	p    Params
	at   map[string]int // where a candidate stands in pool
	pool []candidate
	from []source
	own  map[string]struct{}

	scores []float64
}

// candidate is a product that may be recommended.
type candidate struct {
	id        string
	score     float64
	best      float64 // the largest part of the score
	because   string  // the product that part comes from
	purchase  int     // index into the shopper's purchases, -1 for new items
	neighbour float64 // score by neighbours alone
}

// source is a product that the shopper has to do with, and its weight.
type source struct {
	id     string
	weight float64
}

// NewScorer makes a scorer.
func NewScorer(p Params) *Scorer {
	return &Scorer{p: p, at: map[string]int{}, own: map[string]struct{}{}}
}

func (c *Scorer) reset() {
	clear(c.at)
	clear(c.own)
	c.pool, c.from = c.pool[:0], c.from[:0]
}

// add gives a candidate a part of its score.
func (c *Scorer) add(id string, part float64, because string) {
	i, ok := c.at[id]
	if !ok {
		i = len(c.pool)
		c.at[id] = i
		c.pool = append(c.pool, candidate{id: id, purchase: -1})
	}
	k := &c.pool[i]
	k.score += part
	if part > k.best {
		k.best, k.because = part, because
	}
}

// Trend is how well a product sells on a day: orders of late, each weighing less with its age.
func (p Params) Trend(r *prodrec.ItemPopularity, day int32) float64 {
	sum := 0.0
	for _, x := range r.Periods {
		age := float64(day-x.Period*PeriodDays) - (PeriodDays-1)/2.0
		sum += float64(x.Baskets) * math.Exp2(-max(age, 0)/p.TrendHalfLife)
	}
	return sum
}

// frequency is how often a shopper bought a product, orders of long ago weighing less.
func frequency(p *prodrec.ShopperPurchase, day int32, halfLife float64) float64 {
	sum := 0.0
	for _, d := range p.Days {
		sum += math.Exp2(-float64(max(day-d, 0)) / halfLife)
	}
	if more := int(p.Orders) - len(p.Days); more > 0 {
		sum += float64(more) * math.Exp2(-float64(max(day-p.Days[len(p.Days)-1], 0))/halfLife)
	}
	return sum
}

// Purchases makes the lists that follow from what a shopper bought: over all, to buy again, and new items.
func (c *Scorer) Purchases(s *prodrec.Shopper, items Items, day int32) (all, repeat, fresh []prodrec.RecommendedItem) {
	c.reset()
	for i := range s.Purchases {
		p := &s.Purchases[i]
		c.own[p.ProductID] = struct{}{}
		c.from = append(c.from, source{p.ProductID, frequency(p, day, c.p.TasteHalfLife)})
	}
	c.best(c.p.From)
	c.neighbours(items)
	pool := c.judged(items, day)
	total := 0.0
	for _, k := range c.from {
		total += k.weight
	}
	scale := 0.0
	if total > 0 {
		scale = 1 / math.Sqrt(total)
	}
	var popular []prodrec.PopularItem
	if len(s.Purchases) == 0 || len(pool) < c.p.Size {
		popular = items.Popular()
	}
	news, both := c.top(), c.top()
	for i := range pool {
		k := &pool[i]
		if _, mine := c.own[k.id]; mine {
			continue
		}
		k.score = k.neighbour * scale
		news.offer(k)
		both.offer(&candidate{id: k.id, score: k.score * c.p.Blend, because: k.because, purchase: -1})
	}
	again := c.top()
	for i := range s.Purchases {
		p := &s.Purchases[i]
		trend := 0.0
		if r, ok := items.Popularity(p.ProductID); ok {
			trend = c.p.Trend(r, day)
		}
		k := candidate{id: p.ProductID, purchase: i}
		k.score = frequency(p, day, c.p.OrderHalfLife) * math.Pow(trend+1, c.p.RepeatTrend)
		again.offer(&k)
		if j, ok := c.at[p.ProductID]; ok {
			k.score += c.p.Blend * scale * c.pool[j].neighbour
		}
		both.offer(&k)
	}
	repeat = c.list(again, items, s, day)
	fresh = c.fill(c.list(news, items, s, day), items, popular)
	all = c.fill(c.list(both, items, s, day), items, popular)
	return all, repeat, fresh
}

// best keeps the n sources with the highest weights.
func (c *Scorer) best(n int) {
	slices.SortFunc(c.from, func(a, b source) int { return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.id, b.id)) })
	if len(c.from) > n {
		c.from = c.from[:n]
	}
}

// neighbours adds up the neighbours of all sources, without what depends on the neighbour alone.
func (c *Scorer) neighbours(items Items) {
	for _, s := range c.from {
		r, ok := items.Neighbours(s.id)
		if !ok || r.Baskets == 0 {
			continue
		}
		w := s.weight / math.Sqrt(float64(r.Baskets))
		for i := range r.Neighbours {
			n := &r.Neighbours[i]
			c.add(n.ProductID, w*float64(n.Together), s.id)
		}
	}
}

// cut leaves the best candidates in the pool, with all that are equal to the last of them. It says whether any went.
func (c *Scorer) cut() bool {
	if len(c.pool) <= c.p.Candidates {
		return false
	}
	c.scores = c.scores[:0]
	for i := range c.pool {
		c.scores = append(c.scores, c.pool[i].score)
	}
	slices.Sort(c.scores)
	least := c.scores[len(c.scores)-c.p.Candidates]
	c.pool = slices.DeleteFunc(c.pool, func(k candidate) bool { return k.score < least })
	return true
}

// judged gives the best candidates their score by neighbours: as they were added up, over their own orders, times how
// well they sell. What was bought before is among them.
func (c *Scorer) judged(items Items, day int32) []candidate {
	if c.cut() {
		clear(c.at)
		for i := range c.pool {
			c.at[c.pool[i].id] = i
		}
	}
	for i := range c.pool {
		k := &c.pool[i]
		r, ok := items.Popularity(k.id)
		if !ok || r.Baskets == 0 {
			continue
		}
		k.neighbour = k.score * math.Pow(float64(r.Baskets), -c.p.Common) * math.Pow(c.p.Trend(r, day)+1, c.p.NewTrend)
	}
	return c.pool
}

// Cart makes the list of what goes with the products of a cart, given in the order they were put in.
func (c *Scorer) Cart(cart []string, items Items) []prodrec.RecommendedItem {
	c.reset()
	for _, id := range cart {
		c.own[id] = struct{}{}
	}
	weight := 1.0
	for i := len(cart) - 1; i >= max(0, len(cart)-c.p.CartFrom); i-- {
		r, ok := items.Neighbours(cart[i])
		if ok && r.Baskets > 0 {
			for j := range r.Neighbours {
				n := &r.Neighbours[j]
				if _, in := c.own[n.ProductID]; !in {
					part := float64(n.Together) + c.p.Follow*float64(n.Follows) + c.p.Precede*float64(n.Precedes)
					c.add(n.ProductID, weight*part/math.Sqrt(float64(r.Baskets)), cart[i])
				}
			}
		}
		weight *= c.p.CartFade
	}
	t := c.top()
	c.cut()
	for i := range c.pool {
		k := &c.pool[i]
		if r, ok := items.Popularity(k.id); ok && r.Baskets > 0 {
			k.score /= math.Sqrt(float64(r.Baskets))
			t.offer(k)
		}
	}
	out := c.finish(t, items, func(k *candidate) string { return "goes with " + k.because })
	return c.fill(out, items, nil)
}

// Next makes the list of what is looked at next, given the latest looks, oldest first.
func (c *Scorer) Next(views []string, items Items) []prodrec.RecommendedItem {
	c.reset()
	weight := 1.0
	last := ""
	if len(views) > 0 {
		last = views[len(views)-1]
	}
	for _, id := range views {
		c.own[id] = struct{}{}
	}
	for i := len(views) - 1; i >= max(0, len(views)-c.p.ViewFrom); i-- {
		if r, ok := items.Neighbours(views[i]); ok && r.Views > 0 {
			for _, n := range r.NextViews {
				if n.ProductID != last {
					c.add(n.ProductID, weight*float64(n.Count)/float64(r.Views), views[i])
				}
			}
		}
		weight *= c.p.ViewFade
	}
	t := c.top()
	for i := range c.pool {
		if _, seen := c.own[c.pool[i].id]; seen {
			c.pool[i].score *= c.p.Seen
		}
		t.offer(&c.pool[i])
	}
	return c.finish(t, items, func(k *candidate) string { return "often looked at after " + k.because })
}
