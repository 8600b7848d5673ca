package customer

import (
	"slices"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
)

// The timers of the ranking, both under the key everybody.
const (
	timerDay  = "day"  // the trading day and the grace after it are over
	timerSoon = "soon" // something concerned days that were ranked already
)

// ranked is what a reaction of the ranking works with.
type ranked = *stream.Ctx[string, customer.CustomerRanking]

// ranking holds the folds of the ranking. It lives in one task: quintiles are over all customers.
//
// A ranking as of a day counts the purchases whose orders completed before the day. It is made when event time has
// passed the beginning of the day by grace, and only after days with purchases: without purchases no quintile changes.
// What arrives later than that counts too, in a repetition of the latest ranking that follows soon, by the time of
// day, and as much later again for every 100,000 customers; many late purchases cause one repetition.
//
// A ranking reads all rows and sorts the customers four times: some two seconds of CPU for a million, and some
// fifty bytes of memory for each while it lasts. It publishes the customers whose quintiles, purchases or
// accounts changed, the first one all of them; rows that turn out the same are published no further.
type ranking struct {
	zone  *time.Location
	grace time.Duration
	soon  time.Duration
}

func (r *ranking) day(t time.Time) schemas.Date { return schemas.DateOf(t.In(r.zone)) }

// note takes in a purchase, or who an account is.
func (r *ranking) note(c ranked, p customer.Purchase) error {
	at := c.Origin().Offset
	if c.Key == everybody {
		if at < c.State.Noted { // the records begin anew
			c.State.RankedTo = 0
		}
		c.State.Noted = at
		r.arm(c, p)
		return nil
	}
	if head, ok := p.CanonicalID.Get(); ok {
		r.identify(c, head, at)
		return nil
	}
	if c.State.Gone {
		return nil // an order of somebody who is to be forgotten
	}
	c.State.CustomerID, c.State.Noted = c.Key, at
	book(&c.State, r.day(c.Time()), r.day(p.OrderedAt.Value), p.Spent.Value)
	return nil
}

// identify notes which customer an account is. One that is no customer of its own is ranked no longer, from now on.
func (r *ranking) identify(c ranked, head string, at int64) {
	if head == c.Key && !c.Exists() {
		return // there is nothing to note
	}
	become(&c.State, c.Key, head, at)
	if head != c.Key {
		stream.Emit(c, customer.CustomerRankedEvent, c.Key, customer.CustomerRanked{CustomerID: c.Key, AsOf: c.Time()})
	}
}

// mostFormer bounds the customers a row remembers that it belonged to.
const mostFormer = 8

// become makes a row that of an account of the customer head, which may be the account itself, or of a deleted one where
// head is empty.
func become(row *customer.CustomerRanking, id, head string, at int64) {
	if was := aliasOf(id, row); was != "" && was != head {
		former := slices.DeleteFunc(row.FormerIDs, func(f string) bool { return f == was })
		former = append(former, was)
		row.FormerIDs = former[max(0, len(former)-mostFormer):]
	}
	switch head {
	case "":
		*row = customer.CustomerRanking{Gone: true, FormerIDs: row.FormerIDs}
	case id:
		row.CanonicalID, row.Gone = "", false
	default:
		row.CanonicalID, row.Gone = head, false
	}
	row.CustomerID, row.Noted = id, at
}

// arm sets the timer of the next ranking.
func (r *ranking) arm(c ranked, p customer.Purchase) {
	s := &c.State
	s.CustomerID = everybody
	day := r.day(c.Time())
	done, once := s.RankedDay.Get()
	late := !p.OrderedAt.Valid || once && day < done
	if !s.Late && (late || !once) {
		s.Late = true
		c.WallTimer(timerSoon, c.Now().Add(r.pause(s.Customers)))
	}
	if late {
		return
	}
	s.NewestDay = schemas.Some(max(day, s.NewestDay.Or(day)))
	if due, ok := s.DueDay.Get(); !ok || day+1 < due {
		r.dueAt(c, day+1)
	}
}

// pause is how long a repetition for so many customers is waited for: all of them are read and sorted.
func (r *ranking) pause(customers int32) time.Duration {
	return r.soon + r.soon*time.Duration(customers)/100_000
}

func (r *ranking) dueAt(c ranked, day schemas.Date) {
	c.State.DueDay = schemas.Some(day)
	c.Timer(timerDay, day.In(r.zone).Add(r.grace))
}

// manyDays is from how many days without a ranking on they are ranked together.
const manyDays = 7

// daily ranks as of the day that is due.
func (r *ranking) daily(c ranked, _ time.Time) error {
	day, ok := c.State.DueDay.Get()
	if !ok {
		return nil
	}
	if err := r.rank(c, day); err != nil {
		return err
	}
	c.State.DueDay = schemas.None[schemas.Date]()
	if newest := c.State.NewestDay.Value; newest >= day {
		if newest-day < manyDays {
			newest = day
		}
		r.dueAt(c, newest+1)
	}
	return nil
}

// again repeats the latest ranking with what came too late for it. Where there was none yet it makes the first one, as
// of the end of the latest day, so that a new mesh has segments before its first day is over.
func (r *ranking) again(c ranked, _ time.Time) error {
	if !c.State.Late {
		return nil
	}
	if day, ok := c.State.RankedDay.Get(); ok {
		return r.rank(c, day)
	}
	if day, ok := c.State.NewestDay.Get(); ok {
		return r.rank(c, day+1)
	}
	c.State.Late = false // nothing was bought: the first purchase will see to it
	return nil
}

// rank ranks all customers as of the beginning of a day.
func (r *ranking) rank(c ranked, day schemas.Date) error {
	t := newTables(&c.State, day)
	every := func(look func(id string, row *customer.CustomerRanking)) error {
		return c.Range(func(key string, row *customer.CustomerRanking) bool {
			if key != everybody {
				look(key, row)
			}
			return true
		})
	}
	asOf := day.In(r.zone).UTC()
	err := t.rank(every, func(id string, now figures, rq, fq, mq int32) {
		if now.orders == 0 {
			stream.Emit(c, customer.CustomerRankedEvent, id, customer.CustomerRanked{CustomerID: id, AsOf: asOf})
			return
		}
		stream.Emit(c, customer.CustomerRankedEvent, id, customer.CustomerRanked{
			CustomerID: id, Ranked: true, RecencyDays: int32(day - now.last), Frequency: now.orders, Monetary: now.spent,
			R: rq, F: fq, M: mq, AsOf: asOf,
		})
	})
	if err != nil {
		return err
	}
	c.State.RankedDay, c.State.Late, c.State.Customers = schemas.Some(day), false, int32(t.customers)
	c.State.RankedTo = c.State.Noted
	c.State.RecencyCuts, c.State.FrequencyCuts, c.State.MonetaryCuts = t.cuts[byRecency], t.cuts[byFrequency], t.cuts[byMoney]
	c.CancelTimer(timerSoon)
	return nil
}
