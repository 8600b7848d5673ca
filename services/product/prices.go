package product

import (
	"cmp"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// price adds the prices of an order line to a sale line.
func price(out *product.SaleLine, l *orderproc.OrderLine) {
	p := l.UnitPrice
	out.MinUnitPrice = schemas.Some(min(p, out.MinUnitPrice.Or(p)))
	out.MaxUnitPrice = schemas.Some(max(p, out.MaxUnitPrice.Or(p)))
	this := lastPrice{schemas.Some(l.OrderedAt), schemas.Some(p), l.ListPrice}
	if later(this, lastPrice{out.SoldAt, out.LastUnitPrice, out.ListPrice}) {
		out.SoldAt, out.LastUnitPrice, out.ListPrice = schemas.Some(l.OrderedAt), schemas.Some(p), l.ListPrice
	}
	if list, ok := l.ListPrice.Get(); ok {
		out.ListUnits = schemas.Some(out.ListUnits.Value + int64(l.Quantity))
		out.ListGross = schemas.Some(out.ListGross.Value + list.Times(int64(l.Quantity)))
	}
}

// bookPrices adds the prices of a sale line to its row. The last price is that of the line ordered last, in whatever
// order lines are booked.
func bookPrices(r *product.ProductSales, l *product.SaleLine) {
	if l.MinUnitPrice.Valid {
		r.MinUnitPrice = schemas.Some(min(l.MinUnitPrice.Value, r.MinUnitPrice.Or(l.MinUnitPrice.Value)))
	}
	if l.MaxUnitPrice.Valid {
		r.MaxUnitPrice = schemas.Some(max(l.MaxUnitPrice.Value, r.MaxUnitPrice.Or(l.MaxUnitPrice.Value)))
	}
	this := lastPrice{l.SoldAt, l.LastUnitPrice, l.ListPrice}
	if l.SoldAt.Valid && later(this, lastPrice{r.LastSoldAt, r.LastUnitPrice, r.ListPrice}) {
		r.LastSoldAt, r.LastUnitPrice, r.ListPrice = l.SoldAt, l.LastUnitPrice, l.ListPrice
	}
	if l.ListUnits.Valid {
		r.ListUnits = schemas.Some(r.ListUnits.Value + l.ListUnits.Value)
		r.ListGross = schemas.Some(r.ListGross.Value + l.ListGross.Value)
	}
}

// lastPrice is what the line ordered last was sold for, and its list price.
type lastPrice struct {
	at         schemas.Opt[time.Time]
	unit, list schemas.Opt[schemas.Money]
}

// later tells whether a price is of a later line than the one known so far; among lines of one instant the higher
// price counts as the later, so that the order of booking does not matter.
func later(p, known lastPrice) bool {
	if !known.at.Valid {
		return true
	}
	return cmp.Or(p.at.Value.Compare(known.at.Value), cmp.Compare(p.unit.Value, known.unit.Value),
		cmp.Compare(p.list.Or(-1), known.list.Or(-1))) > 0
}
