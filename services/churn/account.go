package churn

import (
	"cmp"
	"slices"
	"strings"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/customer"
)

// Accounts that turn out to be one person's are one customer here. An account keeps the history of what was done under
// its id, whoever it belongs to. As long as it belongs to another, each change of that history is shared: all of it
// travels to the customer's row, which keeps a copy. So it does not matter which comes first, the purchase or the news
// whose it is, and an account that stands for itself again takes its history with it.

// identified takes in which customer an account is. Of accounts nobody has heard of nothing is kept unless they belong
// to another: that must be known when they buy.
func (a *activity) identified(c history, r customer.CustomerRole) error {
	s := &c.State
	var to schemas.Opt[string]
	switch r.Role {
	case customer.RoleGone:
		a.gone(c)
		return nil
	case customer.RoleAlias:
		if r.CanonicalID != "" && r.CanonicalID != c.Key {
			to = schemas.Some(r.CanonicalID)
		}
	case customer.RoleCanonical, customer.RolePending:
	case customer.RoleUnknown:
		return nil // a newer contract's: it is what it was
	}
	was := s.BelongsTo
	if was == to {
		return nil
	}
	s.CustomerID, s.BelongsTo = c.Key, to
	if was.Valid {
		a.unshare(c, was.Value)
	}
	switch {
	case to.Valid:
		a.share(c)
		if !was.Valid && known(s) {
			stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Removed: true})
		}
	case known(s):
		a.retell(c)
	default:
		c.Delete()
	}
	return nil
}

// gone forgets an account that the customer domain has removed. Copies of the histories of others stay until they say
// whose they are now.
func (a *activity) gone(c history) {
	if !c.Exists() {
		return
	}
	was := c.State
	if to, ok := was.BelongsTo.Get(); ok {
		a.unshare(c, to)
	}
	c.State = churndetect.CustomerActivity{
		CustomerID: c.Key, Period: was.Period, Changed: was.Changed, Joined: was.Joined,
	}
	switch {
	case known(&c.State):
		a.retell(c)
	case was.BelongsTo.Valid:
		c.Delete()
	default:
		stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Removed: true})
		c.Delete()
	}
}

// share sends the history of an account to the customer it belongs to.
func (a *activity) share(c history) {
	s := &c.State
	if len(s.Days)+len(s.Contacts) == 0 {
		return
	}
	stream.Emit(c, churndetect.HistorySharedEvent, s.BelongsTo.Value, churndetect.HistoryShared{
		CustomerID: s.BelongsTo.Value, AccountID: c.Key, Days: slices.Clone(s.Days), Contacts: slices.Clone(s.Contacts),
	})
}

// unshare tells a customer that an account is none of theirs any more.
func (a *activity) unshare(c history, from string) {
	if len(c.State.Days)+len(c.State.Contacts) == 0 {
		return
	}
	stream.Emit(c, churndetect.HistorySharedEvent, from, churndetect.HistoryShared{CustomerID: from, AccountID: c.Key, Left: true})
}

// shared takes the history of a further account into the customer's row, or out of it.
func (a *activity) shared(c history, e churndetect.HistoryShared) error {
	s := &c.State
	at, found := slices.BinarySearchFunc(s.Joined, e.AccountID, func(h churndetect.AccountHistory, id string) int {
		return strings.Compare(h.AccountID, id)
	})
	if e.Left {
		if !found {
			return nil
		}
		s.Joined = slices.Delete(s.Joined, at, at+1)
		switch {
		case s.BelongsTo.Valid:
		case known(s):
			a.retell(c)
		default:
			stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Removed: true})
			c.Delete()
		}
		return nil
	}
	days, contacts := purchaseDays(s), contactDays(s)
	if !found {
		s.Joined = slices.Insert(s.Joined, at, churndetect.AccountHistory{AccountID: e.AccountID})
	}
	s.Joined[at].Days, s.Joined[at].Contacts = e.Days, e.Contacts
	s.CustomerID = c.Key
	if s.BelongsTo.Valid {
		return nil // the account hears of that too, and shares with whoever it is then
	}
	for _, d := range purchaseDays(s) {
		if !slices.Contains(days, d) {
			a.tellDay(c, d, !found)
		}
	}
	for _, d := range contactDays(s) {
		if !slices.Contains(contacts, d) {
			a.tellContact(c, d, !found)
		}
	}
	a.happened(c)
	return nil
}

// retell tells the fits the whole history anew: days may be gone.
func (a *activity) retell(c history) {
	stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Removed: true})
	for _, d := range purchaseDays(&c.State) {
		a.tellDay(c, d, true)
	}
	for _, d := range contactDays(&c.State) {
		a.tellContact(c, d, true)
	}
	a.happened(c)
}

// tellDay tells the fits a purchase day. moved says that it is no news but was another account's.
func (a *activity) tellDay(c history, d churndetect.PurchaseDay, moved bool) {
	stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Day: schemas.Some(d), Moved: moved})
}

func (a *activity) tellContact(c history, d churndetect.ContactDay, moved bool) {
	stream.Emit(c, churndetect.FitUpdateEvent, c.Key, churndetect.FitUpdate{Key: c.Key, Contact: schemas.Some(d), Moved: moved})
}

// known tells whether a row says anything about somebody.
func known(s *churndetect.CustomerActivity) bool {
	return len(s.Days)+len(s.Contacts)+len(s.Joined)+len(s.Complaints) > 0
}

// purchaseDays are the days on which the customer bought under any account, oldest first.
func purchaseDays(s *churndetect.CustomerActivity) []churndetect.PurchaseDay {
	all := s.Days
	for i := range s.Joined {
		all = together(all, s.Joined[i].Days,
			func(a, b churndetect.PurchaseDay) int { return cmp.Compare(a.Day, b.Day) },
			func(a, b churndetect.PurchaseDay) churndetect.PurchaseDay {
				return churndetect.PurchaseDay{Day: a.Day, Orders: a.Orders + b.Orders, Net: a.Net + b.Net}
			})
	}
	return all
}

// contactDays are the latest days with interactions under any account, oldest first.
func contactDays(s *churndetect.CustomerActivity) []churndetect.ContactDay {
	all := s.Contacts
	for i := range s.Joined {
		all = together(all, s.Joined[i].Contacts,
			func(a, b churndetect.ContactDay) int { return cmp.Compare(a.Day, b.Day) },
			func(a, b churndetect.ContactDay) churndetect.ContactDay {
				return churndetect.ContactDay{Day: a.Day, Count: a.Count + b.Count, Sentiment: a.Sentiment + b.Sentiment}
			})
	}
	return all[max(0, len(all)-mostContacts):]
}

// together merges two ascending lists into a new one; what compares equal is added up.
func together[E any](a, b []E, order func(a, b E) int, sum func(a, b E) E) []E {
	out := make([]E, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch o := order(a[0], b[0]); {
		case o < 0:
			out, a = append(out, a[0]), a[1:]
		case o > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, sum(a[0], b[0])), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
