package shop

import (
	"iter"
	"strconv"
	"time"
)

// person is what is kept of a customer; all else follows from the number.
type person struct {
	last      uint32 // time of the last purchase, seconds since Start; 0 is none
	left      uint32 // when the customer left for good, 0 is not
	purchases uint16
	visits    uint16
	device    uint8 // counts the visitor ids the customer has had
	moves     uint8 // counts the addresses
	flags     uint8
}

const (
	erased = 1 << iota // the row was deleted
)

// habits are what a customer does not decide.
type habits struct {
	every int64 // mean busy time between two visits; never for those who come once
	leave int   // chance of leaving after a purchase, in 65536ths
}

// Shares of the visits that end in a purchase, in thousandths. Strangers do not buy: who buys registers. One visit of
// strangers for each fraction brings all visits to 15.5 %.
const (
	buyFirst = 800 // of a customer's first visit
	buyLater = 344 // of the later ones
	buyAll   = 155
)

func (s *Simulator) habits(k int) habits {
	d := roll(s.c.Seed, forHabits, uint64(k))
	rate := s.rates[d.below(len(s.rates))]
	h := habits{every: never, leave: s.leavings[d.below(len(s.leavings))]}
	if rate > 0 {
		if every := week / 1000 * buyLater * 1_000_000 / rate; every < 20*year {
			h.every = every
		}
	}
	return h
}

// born is the busy time since Start at which customer k registers.
func (s *Simulator) born(k int) int64 {
	early := max(s.c.Customers*3/10, 1)
	late := max(s.c.Customers-early, 1)
	switch {
	case k < early:
		return int64(k) * week / int64(early)
	case k < early+late:
		return week + int64(k-early)*(year-week)/int64(late)
	default:
		return year + int64(k-early-late)*4*year/int64(s.c.Customers)
	}
}

// customerID is the id of customer k. Every fiftieth customer is a person who registers a second time.
func customerID(k int) string { return strconv.Itoa(100000 + k) }

// same is the earlier customer that k is the same person as, or k.
func (s *Simulator) same(k int) int {
	d := roll(s.c.Seed, forPerson, uint64(k))
	if k < 20 || !d.in1000(20) {
		return k
	}
	return k - 1 - d.below(min(k, 5000))
}

// Life is what is true of a customer, which a model can only guess.
type Life struct {
	CustomerID string
	SameAs     string  // the other customer id of the same person, or empty
	WeeklyRate float64 // purchases per week while the customer is one
	LeaveAfter float64 // chance of leaving after a purchase
	Purchases  int
	Visits     int
	Last       time.Time // last purchase; zero where there was none
	Left       time.Time // when the customer left for good; zero while not
	Erased     bool      // the row was deleted
}

// GroundTruth gives the customers that have registered so far, in the order of their numbers. It is valid until the
// next message. With Config.Gap, the times are those of the messages.
func (s *Simulator) GroundTruth() iter.Seq[Life] {
	return func(yield func(Life) bool) {
		for k := range s.people {
			p, h := &s.people[k], s.habits(k)
			l := Life{
				CustomerID: customerID(k), LeaveAfter: float64(h.leave) / 65536, Purchases: int(p.purchases), Visits: int(p.visits),
				Last: s.moment(p.last), Left: s.moment(p.left), Erased: p.flags&erased != 0,
			}
			if h.every != never {
				l.WeeklyRate = float64(week) * buyLater / 1000 / float64(h.every)
			}
			if same := s.same(k); same != k {
				l.SameAs = customerID(same)
			}
			if !yield(l) {
				return
			}
		}
	}
}

func (s *Simulator) moment(seconds uint32) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return s.c.Start.Add(time.Duration(seconds) * time.Second)
}

// stamp is the time of the next message in the form that is kept of it: never 0.
func (s *Simulator) stamp() uint32 { return uint32(max(s.now().Sub(s.c.Start)/time.Second, 1)) }
