package orderprocessing

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// noCurrency is the code for "no currency": refused orders may name any text or none.
const noCurrency = "XXX"

// tell counts a change of an order to the hour it happened in.
func tell(c order, at time.Time, steps []orderproc.OrderStatus) {
	o := &c.State
	s := orderproc.OrderStep{
		OrderID: o.OrderID, Hour: at.UTC().Truncate(time.Hour), Channel: o.Channel, Currency: o.Currency, Kind: o.Kind,
		Steps: steps, Units: o.Totals.Units, Gross: o.Totals.Gross, Discount: o.Totals.Discount, At: at,
	}
	if o.Status == orderproc.OrderStatusRefused && !isCurrency(s.Currency) {
		s.Currency = noCurrency
	}
	stream.Emit(c, orderproc.OrderStepEvent,
		orderproc.OrderHourlyKey{Hour: s.Hour, Channel: s.Channel, Currency: s.Currency}, s)
}

// isCurrency tells whether a text has the form of a currency code.
func isCurrency(code string) bool {
	if len(code) != 3 {
		return false
	}
	for i := range len(code) {
		if code[i] < 'A' || code[i] > 'Z' {
			return false
		}
	}
	return true
}

// hour is what the fold of OrderHourly works with.
type hour = *stream.Ctx[orderproc.OrderHourlyKey, orderproc.OrderHourly]

// count adds a change of an order to its hour. Hours are rows like any other, so none is ever closed to late orders.
func count(c hour, s orderproc.OrderStep) error {
	r := &c.State
	r.Hour, r.Channel, r.Currency = c.Key.Hour, c.Key.Channel, c.Key.Currency
	net := s.Gross - s.Discount
	for _, step := range s.Steps {
		switch step {
		case orderproc.OrderStatusAccepted:
			r.Accepted++
			if s.Kind == orderproc.OrderKindSale {
				r.Units += s.Units
				r.Gross += s.Gross
				r.Discount += s.Discount
			}
		case orderproc.OrderStatusValidated:
			r.Validated++
		case orderproc.OrderStatusShipmentScheduled:
			r.ShipmentScheduled++
		case orderproc.OrderStatusCompleted:
			r.Completed++
			bookCompleted(r, s.Kind, s.Units, net)
		case orderproc.OrderStatusCancelled:
			bookCancelled(r, s.Kind, s.Units, net)
		case orderproc.OrderStatusRefused:
			r.Refused++
		case orderproc.OrderStatusUnknown: // a step of a newer release
		}
	}
	r.Net = r.Gross - r.Discount
	r.Cancelled = r.Withdrawn + r.Credited
	if s.At.After(r.Changed) {
		r.Changed = s.At
	}
	return nil
}

func bookCompleted(r *orderproc.OrderHourly, kind orderproc.OrderKind, units int64, net schemas.Money) {
	switch kind {
	case orderproc.OrderKindSale:
		r.CompletedUnits += units
		r.CompletedNet += net
	case orderproc.OrderKindAdjustment:
		r.AdjustedNet += net
	case orderproc.OrderKindWriteOff:
		r.WrittenOffUnits += units
	case orderproc.OrderKindCancellation, orderproc.OrderKindUnknown: // never completed
	}
}

func bookCancelled(r *orderproc.OrderHourly, kind orderproc.OrderKind, units int64, net schemas.Money) {
	if kind == orderproc.OrderKindCancellation {
		r.Credited++
		r.CreditedUnits += units
		r.CreditedNet += net
		return
	}
	r.Withdrawn++
	r.WithdrawnNet += net
}
