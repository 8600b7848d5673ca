package orderprocessing

import (
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// enrich adds what other domains know now: names and list prices of the products. What is not known is left out and
// is no reason to refuse; what is known later does not change the order.
func (l lifecycle) enrich(c order, o *orderproc.Order) {
	for i := range o.Items {
		it := &o.Items[i]
		if p, ok := l.products.Get(c, it.ProductID); ok {
			it.ProductName, it.ListPrice = schemas.Some(p.Name), schemas.Some(p.ListPrice)
		}
	}
}

// plain are items without what enrich added.
func plain(items []orderproc.OrderItem) []orderproc.OrderItem {
	out := make([]orderproc.OrderItem, len(items))
	for i := range items {
		out[i] = items[i]
		out[i].ProductName, out[i].ListPrice = schemas.None[string](), schemas.None[schemas.Money]()
	}
	return out
}
