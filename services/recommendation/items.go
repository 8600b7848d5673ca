package recommendation

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/services/recommendation/model"
)

// neighbouring takes an order apart: one signal for each of its products. Orders of nobody in particular count too.
func neighbouring(_ *stream.KeyCtx, o orderproc.OrderCompleted, emit func(string, prodrec.ItemSignal)) error {
	model.Baskets(goods(&o), func(g prodrec.ItemSignal) { emit(g.ProductID, g) })
	return nil
}

func inBasket(c *stream.Ctx[string, prodrec.ItemNeighbours], g prodrec.ItemSignal) error {
	c.State.ProductID = c.Key
	model.Basket(&c.State, &g)
	return nil
}

func stepped(c *stream.Ctx[string, prodrec.ItemNextViews], g prodrec.ViewSignal) error {
	c.State.ProductID = c.Key
	model.Viewed(&c.State, &g)
	return nil
}

// sold tells of every product of an order.
func sold(_ *stream.KeyCtx, o orderproc.OrderCompleted, emit func(string, prodrec.ItemSold)) error {
	for _, id := range goods(&o) {
		emit(id, prodrec.ItemSold{ProductID: id, At: o.OrderDate})
	}
	return nil
}

const (
	timerRank = "rank"
	// rankKey stands for the list of all products. No product id begins with #.
	rankKey = "#rank"
	// rankEvery is how long orders gather before the list of popular products is made anew, by the time of day: it
	// reads the rows of all products.
	rankEvery = 2 * time.Second
	// popularID is the key of the list of popular products.
	popularID = "all"
)

// popularity counts orders of products; its one task sees all of them.
type popularity struct{ params model.Params }

func (p *popularity) count(c *stream.Ctx[string, prodrec.ItemPopularity], g prodrec.ItemSold) error {
	c.State.ProductID = c.Key
	model.Sold(&c.State, g.At)
	// When it is made depends on the time of day, what is in it on the rows alone.
	c.WallTimerFor(rankKey, timerRank, c.Now().Truncate(rankEvery).Add(rankEvery))
	return nil
}

// rank publishes what is popular, as of the latest order.
func (p *popularity) rank(c *stream.Ctx[string, prodrec.ItemPopularity], _ time.Time) error {
	out := prodrec.PopularItems{ListID: popularID}
	err := c.Range(func(_ string, r *prodrec.ItemPopularity) bool {
		if r.SoldAt.After(out.AsOf) {
			out.AsOf = r.SoldAt
		}
		return true
	})
	if err != nil {
		return err
	}
	list := model.NewPopular(p.params, model.DayOf(out.AsOf))
	if err := c.Range(func(_ string, r *prodrec.ItemPopularity) bool { list.Add(r); return true }); err != nil {
		return err
	}
	out.Items = list.Items()
	stream.Emit(c, prodrec.PopularItemsState, popularID, out)
	return nil
}
