package model

import (
	"cmp"
	"slices"
	"strconv"

	"meshwork.dev/schemas/prodrec"
)

// spare is how many more candidates than the list needs are kept, because some may not be available.
const spare = 22

// best keeps the highest scores, best first; equal ones by product id.
type best struct {
	n    int
	list []candidate
}

func (c *Scorer) top() *best {
	n := c.p.Size + spare
	return &best{n: n, list: make([]candidate, 0, n)}
}

func (t *best) offer(c *Scorer, k candidate) {
	full := len(t.list) == t.n
	if k.score <= 0 || full && k.score < t.list[t.n-1].score {
		return
	}
	at := len(t.list)
	for at > 0 && c.better(&k, &t.list[at-1]) {
		at--
	}
	if at == t.n {
		return
	}
	if !full {
		t.list = append(t.list, candidate{})
	}
	copy(t.list[at+1:], t.list[at:])
	t.list[at] = k
}

// better says whether a goes before b.
func (c *Scorer) better(a, b *candidate) bool {
	if a.score != b.score {
		return a.score > b.score
	}
	return c.shelf.items[a.item].id < c.shelf.items[b.item].id
}

// highest is the n-th highest of some numbers, which it moves about.
func highest(in []float64, n int) float64 {
	for lo, hi, at := 0, len(in)-1, n-1; ; {
		if lo >= hi {
			return in[at]
		}
		pivot := in[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for in[i] > pivot {
				i++
			}
			for in[j] < pivot {
				j--
			}
			if i <= j {
				in[i], in[j] = in[j], in[i]
				i++
				j--
			}
		}
		switch {
		case at <= j:
			hi = j
		case at >= i:
			lo = i
		default:
			return in[at]
		}
	}
}

// list is the available ones of the best, with reasons.
func (c *Scorer) list(t *best, items Items, h *prodrec.PurchaseHistory, day int32) []prodrec.RecommendedItem {
	return c.finish(t, items, func(k *candidate) string {
		if k.purchase < 0 {
			return "often bought with " + c.shelf.items[k.because].id
		}
		p := &h.Purchases[k.purchase]
		return "bought " + times(p.Orders) + ", last " + ago(day-p.Days[0])
	})
}

func (c *Scorer) finish(t *best, items Items, reason func(*candidate) string) []prodrec.RecommendedItem {
	out := make([]prodrec.RecommendedItem, 0, min(c.p.Size, len(t.list)))
	for i := range t.list {
		if len(out) == c.p.Size {
			break
		}
		if k := &t.list[i]; c.available(k.item, items) {
			out = append(out, prodrec.RecommendedItem{ProductID: c.shelf.items[k.item].id, Score: k.score, Reason: reason(k)})
		}
	}
	return out
}

// fill adds what is popular to a list that is not full. Scores below the last one keep the list in order.
func (c *Scorer) fill(out []prodrec.RecommendedItem, items Items, popular []prodrec.PopularItem) []prodrec.RecommendedItem {
	last := 1.0
	if len(out) > 0 {
		last = out[len(out)-1].Score
	}
	for _, p := range popular {
		if len(out) >= c.p.Size {
			break
		}
		n := c.shelf.of(p.ProductID)
		c.grow()
		if c.work[n].own == c.call || !c.available(n, items) ||
			slices.ContainsFunc(out, func(o prodrec.RecommendedItem) bool { return o.ProductID == p.ProductID }) {
			continue
		}
		last /= 2
		out = append(out, prodrec.RecommendedItem{ProductID: p.ProductID, Score: last, Reason: PopularReason(p)})
	}
	return out
}

// PopularReason says why a popular product is recommended.
func PopularReason(p prodrec.PopularItem) string {
	if p.Baskets == 1 {
		return "popular: in 1 order of the last 30 days"
	}
	return "popular: in " + strconv.Itoa(int(p.Baskets)) + " orders of the last 30 days"
}

func times(n int32) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return strconv.Itoa(int(n)) + " times"
	}
}

func ago(days int32) string {
	switch {
	case days <= 0:
		return "today"
	case days == 1:
		return "yesterday"
	default:
		return strconv.Itoa(int(days)) + " days ago"
	}
}

// Popular ranks products by how well they sell on a day, from all rows of popularity.
type Popular struct {
	p    Params
	day  int32
	list []prodrec.PopularItem
}

// MaxPopular is how many products the list of popular ones has: enough to find available ones nobody has bought yet.
const MaxPopular = 128

// NewPopular begins a list for a day.
func NewPopular(p Params, day int32) *Popular { return &Popular{p: p, day: day} }

// Add takes a row.
func (l *Popular) Add(r *prodrec.ItemPopularity) {
	k := prodrec.PopularItem{ProductID: r.ProductID, Score: l.p.Trend(r, l.day)}
	for _, x := range r.Periods {
		if x.Period*PeriodDays > l.day-30 {
			k.Baskets += x.Baskets
		}
	}
	if k.Baskets == 0 {
		return
	}
	order := func(a, b prodrec.PopularItem) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ProductID, b.ProductID))
	}
	at, _ := slices.BinarySearchFunc(l.list, k, order)
	if at == MaxPopular {
		return
	}
	l.list = slices.Insert(l.list, at, k)
	l.list = l.list[:min(len(l.list), MaxPopular)]
}

// Items are the products, best first.
func (l *Popular) Items() []prodrec.PopularItem { return l.list }
