package orderprocessing

import (
	"bytes"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// newOrder is the order a command asks for, before any step of its life.
func newOrder(cmd *orderproc.CreateOrder) orderproc.Order {
	o := orderproc.Order{
		OrderID: cmd.OrderID, Kind: cmd.Kind, OrderDate: cmd.OrderDate, Currency: cmd.Currency, Channel: cmd.Channel,
		Country: cmd.Country, BillingAddress: cmd.BillTo, ShippingAddress: cmd.ShipTo,
		PaymentReference: cmd.PaymentReference, Comment: cmd.Comment, Cancels: cmd.Cancels, Partner: cmd.Partner,
		Items: cmd.Items, IdempotenceID: cmd.Identity.IdempotenceID,
	}
	if id, ok := cmd.CustomerID.Get(); ok {
		o.Customer = schemas.Some(orderproc.OrderCustomer{ID: id, Name: cmd.CustomerName})
	}
	for i := range o.Items {
		it := &o.Items[i]
		it.ProductName, it.ListPrice = schemas.None[string](), schemas.None[schemas.Money]() // ours to say
		if it.ProductCode == "" {
			it.ProductCode = it.ProductID
		}
		it.ProductID = strings.ToUpper(it.ProductID)
		if it.OrderedAt.UnixMilli() <= 0 {
			it.OrderedAt = cmd.OrderDate
		}
	}
	return o
}

// total sums the lines of an order that passed the checks, whose limits keep the sums exact.
func total(items []orderproc.OrderItem) orderproc.OrderTotals {
	t := orderproc.OrderTotals{Lines: int32(len(items))}
	for i := range items {
		it := &items[i]
		t.Units += int64(it.Quantity)
		t.Gross += it.UnitPrice.Times(int64(it.Quantity))
		t.Discount += it.Discount.Or(0)
	}
	t.Net = t.Gross - t.Discount
	return t
}

// sameOrder tells whether two orders ask for the same: everything the sender said, and nothing the life cycle added.
func sameOrder(a, b *orderproc.Order) bool {
	x, y := asked(a), asked(b)
	return bytes.Equal(x.AppendAvro(nil), y.AppendAvro(nil))
}

// asked is an order without what the life cycle added to it.
func asked(o *orderproc.Order) orderproc.Order {
	return orderproc.Order{
		OrderID: o.OrderID, Kind: o.Kind, OrderDate: o.OrderDate, Currency: o.Currency, Channel: o.Channel,
		Country: o.Country, Customer: nameless(o.Customer), BillingAddress: o.BillingAddress, ShippingAddress: o.ShippingAddress,
		PaymentReference: o.PaymentReference, Comment: o.Comment, Cancels: o.Cancels, Partner: o.Partner,
		Items: plain(o.Items),
	}
}

// lines are the items as events carry them.
func lines(items []orderproc.OrderItem) []orderproc.OrderLine {
	out := make([]orderproc.OrderLine, len(items))
	for i := range items {
		it := &items[i]
		out[i] = orderproc.OrderLine{
			LineNumber: it.LineNumber, ProductID: it.ProductID, Quantity: it.Quantity, UnitPrice: it.UnitPrice,
			Discount: it.Discount, OrderedAt: it.OrderedAt, ListPrice: it.ListPrice,
		}
	}
	return out
}

// customerOf is the customer's id, where the order has one.
func customerOf(o *orderproc.Order) schemas.Opt[string] {
	if c, ok := o.Customer.Get(); ok {
		return schemas.Some(c.ID)
	}
	return schemas.None[string]()
}

// identify makes the identity of an event about an order. It is derived, so that doing a step again after a crash
// gives the same id.
func identify(o *orderproc.Order, step, idempotenceID string, at time.Time) orderproc.Identity {
	return orderproc.Identity{EventID: o.OrderID + "/" + step, IdempotenceID: idempotenceID, Created: at}
}

func validatedEvent(o *orderproc.Order, at time.Time) orderproc.OrderValidated {
	return orderproc.OrderValidated{
		Identity: identify(o, "validated", o.IdempotenceID, at), OrderID: o.OrderID, Kind: o.Kind,
		OrderDate: o.OrderDate, CustomerID: customerOf(o), Currency: o.Currency, Channel: o.Channel,
		Country: o.Country, Totals: o.Totals, ValidatedAt: at, Partner: o.Partner,
	}
}

func scheduledEvent(o *orderproc.Order, at time.Time) orderproc.OrderShipmentScheduled {
	return orderproc.OrderShipmentScheduled{
		Identity: identify(o, "shipment-scheduled", o.IdempotenceID, at), OrderID: o.OrderID, OrderDate: o.OrderDate,
		CustomerID: customerOf(o), Country: o.Country, ShippingAddress: o.ShippingAddress, Units: o.Totals.Units,
		ScheduledAt: at, ShipAt: o.ShipAt.Value, Partner: o.Partner,
	}
}

func completedEvent(o *orderproc.Order, at time.Time) orderproc.OrderCompleted {
	return orderproc.OrderCompleted{
		Identity: identify(o, "completed", o.IdempotenceID, at), OrderID: o.OrderID, Kind: o.Kind,
		OrderDate: o.OrderDate, CompletedAt: at, CustomerID: customerOf(o), Currency: o.Currency,
		Channel: o.Channel, Country: o.Country, Lines: lines(o.Items), Totals: o.Totals,
		Partner: o.Partner,
	}
}

func cancelledEvent(o *orderproc.Order, effect orderproc.CancelEffect, idempotenceID string, at time.Time) orderproc.OrderCancelled {
	return orderproc.OrderCancelled{
		Identity: identify(o, "cancelled", idempotenceID, at), OrderID: o.OrderID, Kind: o.Kind,
		OrderDate: o.OrderDate, CancelledAt: at, Effect: effect, Reason: o.Reason, Cancels: o.Cancels,
		CustomerID: customerOf(o), Currency: o.Currency, Channel: o.Channel, Country: o.Country,
		Lines: lines(o.Items), Totals: o.Totals,
		Partner: o.Partner,
	}
}
