package customer

import (
	"fmt"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
)

// everybody is the key of what concerns the ranking as a whole. No customer can have this id.
const everybody = "~"

// reportingCurrency is the one currency in which purchases are added up.
const reportingCurrency = "GBP"

// repetitions is how long an order-completed event may come again: its topic keeps seven days.
const repetitions = 8 * 24 * time.Hour

// emitPurchase passes a purchase on to the ranking.
type emitPurchase = func(string, customer.Purchase)

// bought makes a purchase of a completed order that counts: a sale to a known account, with at least one line of
// positive quantity and price. Only those lines count.
func bought(_ *stream.KeyCtx, o orderproc.OrderCompleted, emit emitPurchase) error {
	id, ok := o.CustomerID.Get()
	if !ok || o.Kind != orderproc.OrderKindSale {
		return nil
	}
	if id == "" || id == everybody || len(id) > maxText {
		return stream.Reject(errNoCustomer)
	}
	spent, clean := cleanValue(o.Lines)
	if !clean {
		return nil
	}
	if o.Currency != reportingCurrency {
		return stream.Reject(fmt.Errorf("order %s is in %s; only %s is ranked", o.OrderID, o.Currency, reportingCurrency))
	}
	p := customer.Purchase{
		CustomerID: id, OrderID: schemas.Some(o.OrderID), OrderedAt: schemas.Some(o.OrderDate), Spent: schemas.Some(spent),
	}
	emit(id, p)
	emit(everybody, customer.Purchase{CustomerID: everybody, OrderedAt: p.OrderedAt})
	return nil
}

// cleanValue is the value of the lines that count; clean is false where none does.
func cleanValue(lines []orderproc.OrderLine) (spent schemas.Money, clean bool) {
	for i := range lines {
		if l := &lines[i]; l.Quantity > 0 && l.UnitPrice > 0 {
			spent += l.UnitPrice.Times(int64(l.Quantity)) - l.Discount.Or(0)
			clean = true
		}
	}
	return spent, clean
}

// identified passes on which customer an account is. That an account is an alias concerns the ranking as a whole.
func identified(_ *stream.KeyCtx, r customer.CustomerRole, emit emitPurchase) error {
	p := customer.Purchase{CustomerID: r.CustomerID}
	switch r.Role {
	case customer.RoleCanonical, customer.RoleAlias:
		p.CanonicalID = schemas.Some(r.CanonicalID)
	case customer.RoleGone:
		p.CanonicalID = schemas.Some("")
	default:
		return nil
	}
	emit(r.CustomerID, p)
	if r.Role == customer.RoleAlias {
		emit(everybody, customer.Purchase{CustomerID: everybody})
	}
	return nil
}

// keptDays is how many days with purchases a row keeps apart: those that may not have been ranked yet, and those by
// which a ranking knows what is new.
const keptDays = 4

// book adds a purchase to the row of its account, under the day on which the order completed.
func book(row *customer.CustomerRanking, day, ordered schemas.Date, spent schemas.Money) {
	at := len(row.Days)
	for at > 0 && row.Days[at-1].Day > day {
		at--
	}
	switch {
	case at > 0 && row.Days[at-1].Day == day:
		d := &row.Days[at-1]
		d.Orders++
		d.Spent += spent
		d.LastDay = max(d.LastDay, ordered)
		return
	case at == 0 && len(row.Days) == keptDays: // older than all that is kept apart
		settle(row, customer.DayOfPurchases{Orders: 1, Spent: spent, LastDay: ordered})
		return
	}
	days := make([]customer.DayOfPurchases, 0, len(row.Days)+1)
	days = append(days, row.Days[:at]...)
	days = append(days, customer.DayOfPurchases{Day: day, Orders: 1, Spent: spent, LastDay: ordered})
	days = append(days, row.Days[at:]...)
	if len(days) > keptDays {
		settle(row, days[0])
		days = days[1:]
	}
	row.Days = days
}

// settle adds a day to what lies before the days kept apart.
func settle(row *customer.CustomerRanking, d customer.DayOfPurchases) {
	row.Frequency += d.Orders
	row.Monetary += d.Spent
	row.LastDay = schemas.Some(max(d.LastDay, row.LastDay.Or(d.LastDay)))
}
