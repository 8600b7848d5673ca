package churn

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/services/churn/model"
)

// The timers of the schedule.
const (
	timerFit  = "fit"  // a cut is due
	timerLook = "look" // days changed late: cuts are to be fitted again
	timerTell = "tell" // more customers are to be told of a fit
)

// portion is how many customers are told of a fit at once, in one transaction.
const portion = 50_000

// fits holds what the folds of fits need.
type fits struct {
	calendar
	grace   time.Duration
	options model.Options
}

// sample is what a fold about one key of the fits works with.
type sample = *stream.Ctx[string, churndetect.FitSample]

// update takes over what changed: of a customer, or of the schedule.
func (f *fits) update(c sample, u churndetect.FitUpdate) error {
	if c.Key == scheduleKey {
		return f.announced(c, u)
	}
	if u.Removed {
		c.Delete()
		return nil
	}
	c.State.Key = c.Key
	if d, ok := u.Day.Get(); ok {
		c.State.Days = put(c.State.Days, d, func(a, b churndetect.PurchaseDay) int { return cmp.Compare(a.Day, b.Day) })
		f.changed(c, d.Day, u.Moved)
	}
	if d, ok := u.Contact.Get(); ok {
		c.State.Contacts = put(c.State.Contacts, d, func(a, b churndetect.ContactDay) int { return cmp.Compare(a.Day, b.Day) })
		c.State.Contacts = c.State.Contacts[max(0, len(c.State.Contacts)-mostContacts):]
		f.changed(c, d.Day, u.Moved)
	}
	return nil
}

// put replaces the element that compares equal, or inserts it.
func put[E any](in []E, e E, order func(a, b E) int) []E {
	at, found := slices.BinarySearchFunc(in, e, order)
	if found {
		in[at] = e
		return in
	}
	return slices.Insert(in, at, e)
}

// announced notes that a period had an event, and has the customer of the event scored by the fit in use: the customer
// may be new since.
func (f *fits) announced(c sample, u churndetect.FitUpdate) error {
	c.State.Key = c.Key
	s := c.State.Schedule.Or(churndetect.FitSchedule{Fitted: -1, Looked: time.Unix(0, 0).UTC()})
	switch {
	case u.Period > s.Fitted:
		s.Pending = put(s.Pending, u.Period, cmp.Compare)
	case f.missed(&s, u.Period):
		s.Again = schemas.Some(min(u.Period, s.Again.Or(u.Period)))
	}
	f.arm(c, &s)
	c.State.Schedule = schemas.Some(s)
	if id, ok := u.CustomerID.Get(); ok {
		f.refresh(c, &s, id)
	}
	return nil
}

// refresh tells a customer's score of the fit in use, if there is one.
func (f *fits) refresh(c sample, s *churndetect.FitSchedule, id string) {
	cut := f.cut(s.Fitted)
	using, revision := inUse(s, s.Fitted)
	if !using.Valid {
		return
	}
	stream.Emit(c, churndetect.ScoreRefreshEvent, id, churndetect.ScoreRefresh{
		CustomerID: id, ModelID: using.Value, Cut: cut, AsOf: f.start(cut), Revision: revision,
	})
}

// fit fits the next cut that is due: one that has not been fitted, or one to be fitted again. Transactions may be
// committed between them; when none is left, customers are told.
func (f *fits) fit(c sample, at time.Time) error {
	s, ok := c.State.Schedule.Get()
	if !ok {
		return nil
	}
	if err := f.look(c, &s, at); err != nil {
		return err
	}
	period, ok := f.next(&s, at)
	if ok {
		if err := f.make(c, &s, period); err != nil {
			return err
		}
		_, more := f.next(&s, at)
		if using, _ := inUse(&s, s.Fitted); !more && using.Valid {
			s.Cursor = schemas.Some("") // everybody is told, also when the fit stays: the score is as of the cut
			c.Timer(timerTell, c.Time())
		}
	}
	f.arm(c, &s)
	c.State.Schedule = schemas.Some(s)
	return nil
}

// make makes the fits of the cut at the end of a period. The degenerate ones are published with the reason and used by
// nobody; when all are, the fit in use stays.
func (f *fits) make(c sample, s *churndetect.FitSchedule, period int32) error {
	cut := f.cut(period)
	end := int(cut) - 1
	customers, days, err := f.known(c, end)
	if err != nil {
		return err
	}
	fitted := model.Train(customers, end, f.options)
	chosen := model.Select(fitted)
	var best schemas.Opt[string]
	if chosen >= 0 {
		best = schemas.Some(modelID(fitted[chosen].Family, cut))
	}
	revision := f.done(s, period, best)
	using, _ := inUse(s, period)
	for i, m := range fitted {
		row := modelRow(m, cut, f.start(cut))
		row.PurchaseDays, row.Selected, row.InUse, row.Revision = days, i == chosen, using, revision
		stream.Emit(c, churndetect.ChurnModelState, row.ModelID, row)
	}
	return nil
}

// known are the customers of a fit: those with a purchase up to the day end, thinned evenly when there are more than
// the models look at. days counts the purchase days of those.
func (f *fits) known(c sample, end int) (out []model.Customer, days int64, err error) {
	n := 0
	count := func(_ string, r *churndetect.FitSample) bool {
		if len(r.Days) > 0 && int(r.Days[0].Day) <= end {
			n++
		}
		return true
	}
	if err := c.Range(count); err != nil {
		return nil, 0, fmt.Errorf("count customers: %w", err)
	}
	most := max(model.Looks*f.options.Sample, 1)
	step, i := (n+most-1)/most, 0
	take := func(_ string, r *churndetect.FitSample) bool {
		if len(r.Days) == 0 || int(r.Days[0].Day) > end {
			return true
		}
		if i++; (i-1)%step != 0 {
			return true
		}
		m, _ := customerOf(r.Days, r.Contacts).Before(end)
		days += int64(len(m.Days))
		out = append(out, m)
		return true
	}
	if err := c.Range(take); err != nil {
		return nil, 0, fmt.Errorf("read customers: %w", err)
	}
	return out, days, nil
}

// tell tells the next portion of customers of the fit in use.
func (f *fits) tell(c sample, _ time.Time) error {
	s, ok := c.State.Schedule.Get()
	if !ok || !s.Cursor.Valid {
		return nil
	}
	after, told, more := s.Cursor.Value, 0, false
	err := c.Range(func(id string, r *churndetect.FitSample) bool {
		if id == scheduleKey || id <= after || len(r.Days) == 0 {
			return true
		}
		if told == portion {
			more = true
			return false
		}
		f.refresh(c, &s, id)
		s.Cursor = schemas.Some(id)
		told++
		return true
	})
	if err != nil {
		return fmt.Errorf("tell customers: %w", err)
	}
	if more {
		c.Timer(timerTell, c.Time())
	} else {
		s.Cursor = schemas.None[string]()
	}
	c.State.Schedule = schemas.Some(s)
	return nil
}
