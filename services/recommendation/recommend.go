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

// recommender makes the lists. It belongs to the goroutine of the product, and is the same for all its tasks.
type recommender struct {
	tables
	params model.Params
	scorer *model.Scorer
	counts belief // of what is bought and looked at
	stock  belief // of what is available
}

// belief is how long something is believed that was read before.
type belief struct {
	lasts time.Duration
	since time.Time
}

// ends says whether it is time to read anew, and begins again if so.
func (b *belief) ends(now time.Time) bool {
	if now.Sub(b.since) < b.lasts {
		return false
	}
	b.since = now
	return true
}

func newRecommender(p model.Params, counts, stock time.Duration) *recommender {
	return &recommender{
		tables: newTables(), params: p, scorer: model.NewScorer(p), counts: belief{lasts: counts}, stock: belief{lasts: stock},
	}
}

// begin starts the row anew, from what was in it.
func (r *recommender) begin(c *stream.Ctx[string, prodrec.Recommendation], at time.Time) build {
	now := c.Now()
	if r.counts.ends(now) {
		r.scorer.Forget()
	}
	if r.stock.ends(now) {
		r.scorer.ForgetStock()
	}
	if at.Before(c.State.AsOf) {
		at = c.State.AsOf
	}
	b := build{r: r, old: c.State.Lists, all: c.State.Items, at: at, items: &reader{r: r, c: c}}
	if c.State.ModelID != model.ModelID {
		b.old, b.all = nil, nil // another model's lists
	}
	return b
}

// purchased makes the lists by purchases, and leaves the others.
func (r *recommender) purchased(c *stream.Ctx[string, prodrec.Recommendation], h prodrec.PurchaseHistory) error {
	b := r.begin(c, h.PurchasedAt)
	b.purchases(&h)
	b.keep(prodrec.ListKindCartCompletion)
	b.keep(prodrec.ListKindNextView)
	c.State.Key, c.State.CustomerID = c.Key, schemas.Some(h.CustomerID)
	b.end(&c.State)
	return nil
}

// recommend makes the lists that what a shopper did has changed, and those that are old.
func (r *recommender) recommend(c *stream.Ctx[string, prodrec.Recommendation], s prodrec.Shopper) error {
	b := r.begin(c, s.LastSeen)
	// NEW_ITEMS tells how old the lists by purchases are: it is always there once anything is sold.
	if !b.fresh(prodrec.ListKindNewItems, schemas.Opt[time.Time]{}) {
		h, _ := r.histories.Get(c, c.Key)
		b.purchases(&h)
	} else {
		b.keep(prodrec.ListKindRepeatPurchase)
		b.keep(prodrec.ListKindNewItems)
		b.all = b.available(b.all)
		// Only who bought nothing that is available has to be looked up.
		b.buyer = s.CustomerID.Valid && (b.has(prodrec.ListKindRepeatPurchase) || r.bought(c))
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
		b.set(prodrec.ListKindCartCompletion, r.scorer.Cart(cart, b.items, model.DayOf(b.at)))
	}
	switch views := latest(&s); {
	case len(views) == 0:
	case b.fresh(prodrec.ListKindNextView, s.ViewedAt):
		b.keep(prodrec.ListKindNextView)
	default:
		b.set(prodrec.ListKindNextView, r.scorer.Next(views, b.items))
	}
	c.State.Key, c.State.CustomerID, c.State.VisitorID = s.Key, s.CustomerID, s.VisitorID
	b.end(&c.State)
	return nil
}

// bought says whether the customer ever bought anything.
func (r *recommender) bought(c *stream.Ctx[string, prodrec.Recommendation]) bool {
	_, ok := r.histories.Get(c, c.Key)
	return ok
}

// gone removes the row of a visitor who was forgotten or became a customer, or of a customer whose account was deleted.
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
	r          *recommender
	old, lists []prodrec.RecommendationList
	all        []prodrec.RecommendedItem // the list over all by purchases
	buyer      bool                      // there are any
	at         time.Time
	items      *reader
}

// purchases makes the lists that follow from purchases.
func (b *build) purchases(h *prodrec.PurchaseHistory) {
	all, repeat, fresh := b.r.scorer.Purchases(h, b.items, model.DayOf(b.at))
	b.all, b.buyer = all, len(h.Purchases) > 0
	b.set(prodrec.ListKindRepeatPurchase, repeat)
	b.set(prodrec.ListKindNewItems, fresh)
}

// end fills the row.
func (b *build) end(out *prodrec.Recommendation) {
	out.Lists, out.ModelID, out.AsOf = b.lists, model.ModelID, b.at
	if out.Items = b.all; !b.buyer {
		out.Items = mixed(b.lists, b.r.params.Size)
	}
}

func (b *build) has(kind prodrec.ListKind) bool {
	return slices.ContainsFunc(b.lists, func(l prodrec.RecommendationList) bool { return l.Kind == kind })
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

// keep takes a list over as it is. It is filled up when it is made anew.
func (b *build) keep(kind prodrec.ListKind) {
	for _, l := range b.old {
		if l.Kind != kind {
			continue
		}
		if l.Items = b.available(l.Items); len(l.Items) > 0 {
			b.lists = append(b.lists, l)
		}
	}
}

// available leaves out what has become unavailable since.
func (b *build) available(items []prodrec.RecommendedItem) []prodrec.RecommendedItem {
	return slices.DeleteFunc(items, func(x prodrec.RecommendedItem) bool { return !b.r.scorer.Available(x.ProductID, b.items) })
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
	nextViews  prodrec.ItemNextViews
	popularity prodrec.ItemPopularity
}

// Neighbours is the row of a product.
func (t *reader) Neighbours(id string) (*prodrec.ItemNeighbours, bool) {
	var ok bool
	t.neighbours, ok = t.r.neighbours.Get(t.c, id)
	return &t.neighbours, ok
}

// NextViews is the row of a product.
func (t *reader) NextViews(id string) (*prodrec.ItemNextViews, bool) {
	var ok bool
	t.nextViews, ok = t.r.nextViews.Get(t.c, id)
	return &t.nextViews, ok
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
