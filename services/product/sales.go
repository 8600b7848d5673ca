package product

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// The segments of orders that have none of their own.
const (
	SegmentAnonymous = "anonymous" // the order names no customer
	SegmentUnknown   = "unknown"   // the customer has no segment
)

// ReportingCurrency is the one currency Product Sales adds up.
const ReportingCurrency = "GBP"

// sales holds what the folds of Product Sales need: the zone of the trading day, and the two tables they look into.
type sales struct {
	zone     *time.Location
	segments *stream.LookupTable[string, customer.CustomerSegment]
	products *stream.LookupTable[string, product.Product]
}

// emitLine passes a sale line on under its key.
type emitLine = func(product.ProductSalesKey, product.SaleLine)

// An order completes and is cancelled once, whatever the messages that say so are called; a match is made and taken back
// by messages of their own.
func completedID(o orderproc.OrderCompleted) string { return o.OrderID }
func cancelledID(o orderproc.OrderCancelled) string { return o.OrderID + "/" + o.Effect.String() }
func returnID(r orderproc.ReturnMatched) string     { return r.Identity.EventID }

// completed explodes a finished order: one sale line per product and day.
func (s *sales) completed(c *stream.KeyCtx, o orderproc.OrderCompleted, emit emitLine) error {
	var kind product.SaleKind
	switch o.Kind {
	case orderproc.OrderKindSale:
		kind = product.SaleKindSold
	case orderproc.OrderKindAdjustment:
		kind = product.SaleKindAdjusted
	case orderproc.OrderKindWriteOff:
		kind = product.SaleKindWrittenOff
	default:
		return stream.Reject(fmt.Errorf("a completed order of kind %s is not bookable", o.Kind))
	}
	segment := s.segment(c, o.CustomerID)
	return s.explode(booking{o.OrderID, kind, segment, o.Currency, o.CompletedAt}, o.Lines, emit)
}

// cancelled explodes a credit note. An order withdrawn before completion was never booked, so nothing is taken back.
func (s *sales) cancelled(c *stream.KeyCtx, o orderproc.OrderCancelled, emit emitLine) error {
	switch o.Effect {
	case orderproc.CancelEffectWithdrawn:
		return nil
	case orderproc.CancelEffectCredited:
		segment := s.segment(c, o.CustomerID)
		return s.explode(booking{o.OrderID, product.SaleKindCancelled, segment, o.Currency, o.CancelledAt}, o.Lines, emit)
	default:
		return stream.Reject(fmt.Errorf("a cancellation of effect %s is not bookable", o.Effect))
	}
}

// returned books pieces that came back where they were sold: at the product and the day of the sale.
func (s *sales) returned(c *stream.KeyCtx, r orderproc.ReturnMatched, emit emitLine) error {
	if r.Currency != ReportingCurrency {
		return stream.Reject(fmt.Errorf("credit note %s is in %s; only %s is booked", r.OrderID, r.Currency, ReportingCurrency))
	}
	out := product.SaleLine{
		OrderID: r.OrderID, ProductID: strings.ToUpper(r.ProductID), Segment: s.segment(c, schemas.Some(r.CustomerID)),
		Day: schemas.DateOf(r.SoldAt.In(s.zone)), Kind: product.SaleKindReturned, Currency: r.Currency, Lines: 1,
		Units: r.Units, Gross: r.UnitPrice.Times(r.Units), BookedAt: r.MatchedAt,
	}
	emit(product.ProductSalesKey{ProductID: out.ProductID, Segment: out.Segment, Day: out.Day}, out)
	return nil
}

// segment is the segment an order is booked under.
func (s *sales) segment(c *stream.KeyCtx, customerID schemas.Opt[string]) string {
	id, ok := customerID.Get()
	if !ok {
		return SegmentAnonymous
	}
	if row, ok := s.segments.Get(c, id); ok && row.Segment != "" {
		return row.Segment
	}
	return SegmentUnknown
}

// booking is what all sale lines of one order share.
type booking struct {
	orderID  string
	kind     product.SaleKind
	segment  string
	currency string
	at       time.Time
}

// explode sums the lines of an order per product and trading day. One sale line per order, product and day is what
// makes "orders" countable, and is fewer records than lines.
func (s *sales) explode(b booking, lines []orderproc.OrderLine, emit emitLine) error {
	if b.currency != ReportingCurrency {
		return stream.Reject(fmt.Errorf("order %s is in %s; only %s is booked", b.orderID, b.currency, ReportingCurrency))
	}
	type group struct {
		id  string
		day schemas.Date
		at  int
	}
	groups := make([]group, len(lines))
	for i := range lines {
		groups[i] = group{strings.ToUpper(lines[i].ProductID), schemas.DateOf(lines[i].OrderedAt.In(s.zone)), i}
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(strings.Compare(a.id, b.id), cmp.Compare(a.day, b.day), cmp.Compare(a.at, b.at))
	})
	for i := 0; i < len(groups); {
		g := groups[i]
		out := product.SaleLine{
			OrderID: b.orderID, ProductID: g.id, Segment: b.segment, Day: g.day, Kind: b.kind, Currency: b.currency,
			BookedAt: b.at,
		}
		for ; i < len(groups) && groups[i].id == g.id && groups[i].day == g.day; i++ {
			l := &lines[groups[i].at]
			out.Lines++
			out.Units += int64(l.Quantity)
			out.Gross += l.UnitPrice.Times(int64(l.Quantity))
			out.Discount += l.Discount.Or(0)
			if b.kind == product.SaleKindSold {
				price(&out, l)
			}
		}
		emit(product.ProductSalesKey{ProductID: g.id, Segment: b.segment, Day: g.day}, out)
	}
	return nil
}

// book adds a sale line to the row of its product, segment and day.
func (s *sales) book(c *stream.Ctx[product.ProductSalesKey, product.ProductSales], l product.SaleLine) error {
	r := &c.State
	r.ProductID, r.Segment, r.Day, r.Currency = c.Key.ProductID, c.Key.Segment, c.Key.Day, l.Currency
	switch l.Kind {
	case product.SaleKindSold:
		r.Orders++
		r.Lines += int64(l.Lines)
		r.Units += l.Units
		r.Gross += l.Gross
		r.Discount += l.Discount
		bookPrices(r, &l)
	case product.SaleKindReturned:
		r.ReturnedUnits = schemas.Some(r.ReturnedUnits.Value + l.Units)
		r.Returned = schemas.Some(r.Returned.Value + l.Gross)
	case product.SaleKindCancelled:
		r.CancelledOrders++
		r.CancelledLines += int64(l.Lines)
		r.CancelledUnits += l.Units
		r.Cancelled += l.Gross - l.Discount
	case product.SaleKindAdjusted:
		r.AdjustedLines += int64(l.Lines)
		r.Adjusted += l.Gross - l.Discount
	case product.SaleKindWrittenOff:
		r.WrittenOffLines += int64(l.Lines)
		r.WrittenOffUnits += l.Units
	default:
		return stream.Reject(fmt.Errorf("a sale line of kind %s is not bookable", l.Kind))
	}
	r.Net = r.Gross - r.Discount + r.Cancelled + r.Adjusted
	if l.BookedAt.After(r.Changed) {
		r.Changed = l.BookedAt
	}
	if row, ok := s.products.Get(c, r.ProductID); ok {
		r.ProductName, r.Category = schemas.Some(row.Name), row.Category
	}
	return nil
}
