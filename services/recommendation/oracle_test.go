package recommendation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// batch is all rows computed from a whole history at once, by counting, written without a look at the folds. It knows
// no bounds but those of days and periods.
type batch struct {
	histories  map[string]*prodrec.PurchaseHistory
	neighbours map[string]*prodrec.ItemNeighbours
	next       map[string]*prodrec.ItemNextViews
	sales      map[string]*prodrec.ItemPopularity
	popular    []prodrec.PopularItem
	latest     time.Time // of the orders
	lines      int64     // of all orders, each product of an order once
	steps      int64
	absent     map[string]bool
}

func (b *batch) Neighbours(id string) (*prodrec.ItemNeighbours, bool) {
	r, ok := b.neighbours[id]
	return r, ok
}

func (b *batch) NextViews(id string) (*prodrec.ItemNextViews, bool) {
	r, ok := b.next[id]
	return r, ok
}

func (b *batch) Popularity(id string) (*prodrec.ItemPopularity, bool) {
	r, ok := b.sales[id]
	return r, ok
}

func (b *batch) Popular() []prodrec.PopularItem { return b.popular }
func (b *batch) Available(id string) bool       { return !b.absent[id] }

// computeBatch takes each order once, and looks in the order each visitor took them.
func computeBatch(orders []orderproc.OrderCompleted, looks []shop.PageNavigated, absent map[string]bool) *batch {
	b := &batch{
		histories: map[string]*prodrec.PurchaseHistory{}, neighbours: map[string]*prodrec.ItemNeighbours{},
		next: map[string]*prodrec.ItemNextViews{}, sales: map[string]*prodrec.ItemPopularity{}, absent: absent,
	}
	pairs := map[string]map[string]*prodrec.ItemNeighbour{}
	days := map[string]map[string][]int32{} // customer → product → days
	periods := map[string]map[int32]int32{} // product → period → orders
	for i := range orders {
		b.order(&orders[i], pairs, days, periods)
	}
	for id, with := range pairs {
		for _, other := range slices.Sorted(maps.Keys(with)) {
			b.neighbours[id].Neighbours = append(b.neighbours[id].Neighbours, *with[other])
		}
	}
	for who, bought := range days {
		for _, id := range slices.Sorted(maps.Keys(bought)) {
			p := prodrec.ShopperPurchase{ProductID: id, Orders: int32(len(bought[id]))}
			slices.Sort(bought[id])
			slices.Reverse(bought[id])
			p.Days = bought[id][:min(len(bought[id]), model.MaxDays)]
			b.histories[who].Purchases = append(b.histories[who].Purchases, p)
		}
	}
	for id, of := range periods {
		all := slices.Sorted(maps.Keys(of))
		for _, p := range all[max(0, len(all)-model.MaxPeriods):] {
			b.sales[id].Periods = append(b.sales[id].Periods, prodrec.PopularityPeriod{Period: p, Baskets: of[p]})
		}
	}
	b.looks(looks)
	l := model.NewPopular(model.Defaults(), model.DayOf(b.latest))
	for _, r := range b.sales {
		l.Add(r)
	}
	b.popular = l.Items()
	return b
}

func (b *batch) order(
	o *orderproc.OrderCompleted, pairs map[string]map[string]*prodrec.ItemNeighbour,
	days map[string]map[string][]int32, periods map[string]map[int32]int32,
) {
	var ids []string
	for _, l := range o.Lines {
		if id := strings.ToUpper(l.ProductID); l.Quantity > 0 && l.UnitPrice > 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	who, day := "c:"+o.CustomerID.Value, int32(o.OrderDate.Unix()/86400)
	h := b.histories[who]
	if h == nil {
		h = &prodrec.PurchaseHistory{Key: who, CustomerID: o.CustomerID.Value}
		b.histories[who], days[who] = h, map[string][]int32{}
	}
	h.Orders++
	if o.OrderDate.After(h.PurchasedAt) {
		h.PurchasedAt = o.OrderDate
	}
	if o.OrderDate.After(b.latest) {
		b.latest = o.OrderDate
	}
	for i, id := range ids {
		days[who][id] = append(days[who][id], day)
		b.lines++
		if b.neighbours[id] == nil {
			b.neighbours[id], pairs[id] = &prodrec.ItemNeighbours{ProductID: id}, map[string]*prodrec.ItemNeighbour{}
			b.sales[id], periods[id] = &prodrec.ItemPopularity{ProductID: id}, map[int32]int32{}
		}
		b.neighbours[id].Baskets++
		b.sales[id].Baskets++
		periods[id][day/5]++
		if o.OrderDate.After(b.sales[id].SoldAt) {
			b.sales[id].SoldAt = o.OrderDate
		}
		for j, other := range ids {
			if i == j || j > i+8 || j < i-8 {
				continue
			}
			if pairs[id][other] == nil {
				pairs[id][other] = &prodrec.ItemNeighbour{ProductID: other}
			}
			pairs[id][other].Closeness += []int32{12, 8, 7, 6, 5, 5, 5, 4}[max(i-j, j-i)-1]
		}
	}
}

// looks counts the steps of visitors from one product to another.
func (b *batch) looks(looks []shop.PageNavigated) {
	last := map[string]string{}
	for i := range looks {
		from, to := last[looks[i].VisitorID], looks[i].ProductID.Value
		last[looks[i].VisitorID] = to
		if from == "" || from == to {
			continue
		}
		r := b.next[from]
		if r == nil {
			r = &prodrec.ItemNextViews{ProductID: from}
			b.next[from] = r
		}
		r.Views++
		b.steps++
		at, found := slices.BinarySearchFunc(r.NextViews, to, func(n prodrec.NextView, id string) int {
			return strings.Compare(n.ProductID, id)
		})
		if !found {
			r.NextViews = slices.Insert(r.NextViews, at, prodrec.NextView{ProductID: to})
		}
		r.NextViews[at].Count++
	}
}
