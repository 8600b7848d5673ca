package recommendation

import (
	"slices"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/services/recommendation/model"
)

const (
	// refreshAfter is the age at which a list is made anew when its shopper does anything: products' rows moved on.
	refreshAfter = 24 * time.Hour
	// viewsCount is how long before the last action a look still says something about the next one.
	viewsCount = 24 * time.Hour
)

// recommender makes the lists. It belongs to the goroutine of the product.
type recommender struct {
	tables
	params model.Params
	scorer *model.Scorer
}

func newRecommender(p model.Params) *recommender {
	return &recommender{tables: newTables(), params: p, scorer: model.NewScorer(p)}
}

// recommend makes the lists that what a shopper did has changed, and those that are old.
func (r *recommender) recommend(c *stream.Ctx[string, prodrec.Recommendation], s prodrec.Shopper) error {
	old := c.State
	out := prodrec.Recommendation{
		Key: s.Key, CustomerID: s.CustomerID, VisitorID: s.VisitorID, ModelID: model.ModelID, AsOf: s.LastSeen, Items: old.Items,
	}
	if out.ModelID != old.ModelID {
		old.Lists = nil // another model's lists
	}
	b := build{old: old.Lists, at: s.LastSeen, items: &reader{r: r, c: c}}
	// NEW_ITEMS tells how old the lists by purchases are: it is always there once anything is sold.
	if !b.fresh(prodrec.ListKindNewItems, s.PurchasedAt) {
		all, repeat, news := r.scorer.Purchases(&s, b.items, model.DayOf(s.LastSeen))
		out.Items = all
		b.set(prodrec.ListKindRepeatPurchase, repeat)
		b.set(prodrec.ListKindNewItems, news)
	} else {
		b.keep(prodrec.ListKindRepeatPurchase)
		b.keep(prodrec.ListKindNewItems)
	}
	switch {
	case len(s.Cart) == 0:
	case b.fresh(prodrec.ListKindCartCompletion, s.CartAt):
		b.keep(prodrec.ListKindCartCompletion)
	default:
		cart := make([]string, len(s.Cart))
		for i := range s.Cart {
			cart[i] = s.Cart[i].ProductID
		}
		b.set(prodrec.ListKindCartCompletion, r.scorer.Cart(cart, b.items))
	}
	switch views := latest(&s); {
	case len(views) == 0:
	case b.fresh(prodrec.ListKindNextView, s.ViewedAt):
		b.keep(prodrec.ListKindNextView)
	default:
		b.set(prodrec.ListKindNextView, r.scorer.Next(views, b.items))
	}
	out.Lists = b.lists
	if len(s.Purchases) == 0 {
		out.Items = mixed(b.lists, r.params.Size)
	}
	c.State = out
	return nil
}

// gone removes the row of a visitor who was forgotten or became a customer.
func (r *recommender) gone(c *stream.Ctx[string, prodrec.Recommendation]) error {
	if c.Exists() {
		c.Delete()
	}
	return nil
}

// latest are the products looked at of late, oldest first.
func latest(s *prodrec.Shopper) []string {
	var out []string
	for _, v := range s.Views {
		if s.LastSeen.Sub(v.At) <= viewsCount {
			out = append(out, v.ProductID)
		}
	}
	return out
}

// mixed is the list over all for who never bought: first what goes with the cart, then what others looked at next, then
// the rest. Scores are by place, because those of different lists do not compare.
func mixed(lists []prodrec.RecommendationList, size int) []prodrec.RecommendedItem {
	var out []prodrec.RecommendedItem
	for _, kind := range []prodrec.ListKind{prodrec.ListKindCartCompletion, prodrec.ListKindNextView, prodrec.ListKindNewItems} {
		for _, l := range lists {
			if l.Kind != kind {
				continue
			}
			for _, x := range l.Items {
				if len(out) < size && !slices.ContainsFunc(out, func(o prodrec.RecommendedItem) bool { return o.ProductID == x.ProductID }) {
					x.Score = 1 / float64(len(out)+1)
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// build puts the lists of a row together.
type build struct {
	old, lists []prodrec.RecommendationList
	at         time.Time
	items      *reader
}

// fresh says whether the list there is needs not be made anew: not after what it is made from has changed, and not when
// it is old.
func (b *build) fresh(kind prodrec.ListKind, changed schemas.Opt[time.Time]) bool {
	for i := range b.old {
		if l := &b.old[i]; l.Kind == kind {
			return b.at.Sub(l.AsOf) < refreshAfter && (!changed.Valid || changed.Value.Before(l.AsOf))
		}
	}
	return false
}

func (b *build) keep(kind prodrec.ListKind) {
	for _, l := range b.old {
		if l.Kind != kind {
			continue
		}
		// Whatever has become unavailable since is left out; the list is filled when it is made anew.
		l.Items = slices.DeleteFunc(slices.Clone(l.Items), func(x prodrec.RecommendedItem) bool {
			return !b.items.Available(x.ProductID)
		})
		if len(l.Items) > 0 {
			b.lists = append(b.lists, l)
		}
	}
}

func (b *build) set(kind prodrec.ListKind, items []prodrec.RecommendedItem) {
	if len(items) > 0 {
		b.lists = append(b.lists, prodrec.RecommendationList{Kind: kind, Items: items, AsOf: b.at})
	}
}

// reader gives the scorer the rows of products as the reaction at hand sees them.
type reader struct {
	r          *recommender
	c          stream.Scope
	neighbours prodrec.ItemNeighbours
	popularity prodrec.ItemPopularity
}

// Neighbours is the row of a product.
func (t *reader) Neighbours(id string) (*prodrec.ItemNeighbours, bool) {
	var ok bool
	t.neighbours, ok = t.r.neighbours.Get(t.c, id)
	return &t.neighbours, ok
}

// Popularity is the row of a product.
func (t *reader) Popularity(id string) (*prodrec.ItemPopularity, bool) {
	var ok bool
	t.popularity, ok = t.r.popularity.Get(t.c, id)
	return &t.popularity, ok
}

// Popular is what sells at present.
func (t *reader) Popular() []prodrec.PopularItem {
	row, _ := t.r.popular.Get(t.c, popularID)
	return row.Items
}

// Available is whether the catalogue has the product, and it can be ordered.
func (t *reader) Available(id string) bool {
	row, ok := t.r.products.Get(t.c, id)
	return ok && row.Available
}
