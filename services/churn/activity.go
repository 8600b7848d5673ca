package churn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
)

// scheduleKey is the key of the schedule among the customers of the fits. It sorts before every id that customers have
// in practice; customers with this id or none are refused.
const scheduleKey = "#schedule"

// reportingCurrency is the one currency that values are in.
const reportingCurrency = "GBP"

// What is kept of a customer to recognise repetitions. Unlike a time, a number does not depend on how far event time has
// gone on meanwhile, so a replay recognises what the first run did.
const (
	mostOrders       = 1024
	mostInteractions = 256
)

// first tells whether an id is new among the latest ones, and keeps it.
func first(ids *[]string, id string, most int) bool {
	if slices.Contains(*ids, id) {
		return false
	}
	*ids = append(*ids, id)
	*ids = (*ids)[max(0, len(*ids)-most):]
	return true
}

// mostContacts bounds the days with interactions that are kept; scores look at half a year.
const mostContacts = 64

// activity holds what the folds of histories need.
type activity struct{ calendar }

// mostComplaints bounds the open complaints that are kept.
const mostComplaints = 64

// history is what a fold about one account works with.
type history = *stream.Ctx[string, churndetect.CustomerActivity]

// completed re-keys a completed order to its customer, if it is a purchase: a sale to somebody known, with a line of
// goods against money.
func (a *activity) completed(_ *stream.KeyCtx, o orderproc.OrderCompleted, emit func(string, churndetect.Purchase)) error {
	id, ok := o.CustomerID.Get()
	if !ok || o.Kind != orderproc.OrderKindSale {
		return nil
	}
	if id == "" || id == scheduleKey {
		return stream.Reject(fmt.Errorf("order %s: no customer has the id %q", o.OrderID, id))
	}
	p := churndetect.Purchase{CustomerID: id, OrderID: o.OrderID, Day: a.day(o.OrderDate)}
	goods := false
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Quantity > 0 && l.UnitPrice > 0 {
			goods = true
			p.Net += l.UnitPrice.Times(int64(l.Quantity)) - l.Discount.Or(0)
		}
	}
	if !goods {
		return nil
	}
	if o.Currency != reportingCurrency {
		return stream.Reject(fmt.Errorf("order %s is in %s; values are in %s", o.OrderID, o.Currency, reportingCurrency))
	}
	emit(id, p)
	return nil
}

// purchase adds an order to the account's purchase days.
func (a *activity) purchase(c history, p churndetect.Purchase) error {
	if !first(&c.State.OrderIDs, p.OrderID, mostOrders) {
		return nil
	}
	at, found := slices.BinarySearchFunc(c.State.Days, p.Day, byDay)
	if !found {
		c.State.Days = slices.Insert(c.State.Days, at, churndetect.PurchaseDay{Day: p.Day})
	}
	d := &c.State.Days[at]
	d.Orders++
	d.Net += p.Net
	a.happened(c)
	switch {
	case c.State.BelongsTo.Valid:
		a.share(c)
	case len(c.State.Joined) > 0:
		all := purchaseDays(&c.State)
		at, _ := slices.BinarySearchFunc(all, p.Day, byDay)
		a.tellDay(c, all[at], false)
	default:
		a.tellDay(c, *d, false)
	}
	return nil
}

func byDay(d churndetect.PurchaseDay, day schemas.Date) int { return cmp.Compare(d.Day, day) }

// contact adds an interaction to the account's days with interactions.
func (a *activity) contact(c history, i customerint.InteractionMade) error {
	if err := checked(c.Key, &i); err != nil {
		return stream.Skip(err) // the watch puts it aside; once is enough
	}
	if !first(&c.State.InteractionIDs, i.InteractionID, mostInteractions) {
		return nil
	}
	day := a.day(i.Timestamp)
	at, found := slices.BinarySearchFunc(c.State.Contacts, day, func(d churndetect.ContactDay, day schemas.Date) int {
		return cmp.Compare(d.Day, day)
	})
	if !found {
		if at == 0 && len(c.State.Contacts) == mostContacts {
			return nil // older than all that are kept
		}
		c.State.Contacts = slices.Insert(c.State.Contacts, at, churndetect.ContactDay{Day: day})
	}
	d := c.State.Contacts[at]
	d.Count++
	d.Sentiment += exactScore(i.Sentiment)
	c.State.Contacts[at] = d
	c.State.Contacts = c.State.Contacts[max(0, len(c.State.Contacts)-mostContacts):]
	a.happened(c)
	if c.State.BelongsTo.Valid {
		a.share(c)
		return nil
	}
	for _, all := range contactDays(&c.State) {
		if all.Day == day {
			a.tellContact(c, all, false)
		}
	}
	return nil
}

// happened notes the time of an event. The first one of a period announces the period, and the customer, to the fits.
func (a *activity) happened(c history) {
	c.State.CustomerID = c.Key
	if at := c.Time(); at.After(c.State.Changed) {
		c.State.Changed = at
	}
	p := a.period(c.Time())
	if c.State.BelongsTo.Valid || c.Exists() && p <= c.State.Period {
		return
	}
	c.State.Period = p
	stream.Emit(c, churndetect.FitUpdateEvent, scheduleKey,
		churndetect.FitUpdate{Key: scheduleKey, Period: p, CustomerID: schemas.Some(c.Key)})
}

// noted re-keys a complaint to its customer.
func noted(_ *stream.KeyCtx, h customerint.ComplaintHistory, emit func(string, churndetect.ComplaintNoted)) error {
	emit(h.CustomerID, churndetect.ComplaintNoted{
		CustomerID: h.CustomerID, ComplaintID: h.ComplaintID, Opened: h.Opened,
		Open: h.Status == customerint.ComplaintStatusOpen,
	})
	return nil
}

// complaint takes in whether a complaint is open. Of more than the latest 64 that are, the oldest are not counted.
func (a *activity) complaint(c history, n churndetect.ComplaintNoted) error {
	if c.Key == "" || c.Key == scheduleKey {
		return stream.Reject(errNobody)
	}
	s := &c.State
	at, found := slices.BinarySearchFunc(s.Complaints, n.ComplaintID, func(x churndetect.ComplaintStanding, id string) int {
		return strings.Compare(x.ComplaintID, id)
	})
	is := churndetect.ComplaintStanding{ComplaintID: n.ComplaintID, Opened: n.Opened}
	switch {
	case !n.Open && !found, n.Open && found && s.Complaints[at] == is:
		return nil
	case !n.Open:
		s.Complaints = slices.Delete(s.Complaints, at, at+1)
	case found:
		s.Complaints[at] = is
	default:
		s.Complaints = slices.Insert(s.Complaints, at, is)
		if len(s.Complaints) > mostComplaints {
			oldest := 0
			for i, x := range s.Complaints {
				if x.Opened.Before(s.Complaints[oldest].Opened) {
					oldest = i
				}
			}
			s.Complaints = slices.Delete(s.Complaints, oldest, oldest+1)
		}
	}
	a.happened(c)
	return nil
}

// exactScore is a score with the four decimals it is published with: sums are then the same in any order.
func exactScore(v float64) schemas.Decimal[schemas.Scale4] {
	return schemas.Decimal[schemas.Scale4](math.Round(v * 1e4))
}
