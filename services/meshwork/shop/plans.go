package shop

import "meshwork.dev/services/meshwork/feed"

// plan is something that will happen at a later time.
type plan struct {
	what     planned
	customer int32
	product  int32
	price    int32
	quantity int16
	step     uint16 // of the checkout it follows
	visit    uint64
	visitor  uint64
	from     int64 // when that checkout was
}

type planned uint8

const (
	row          planned = iota // the customer's row is written
	erase                       // the customer's row is deleted
	praise                      // the customer says something friendly
	complain                    // or not
	settle                      // a complaint is settled
	credit                      // goods come back
	withdraw                    // the order is withdrawn before it is sent
	partnerOrder                // a partner orders
)

func (s *Simulator) plan(at int64, p plan) {
	var slot int
	if n := len(s.freePlan); n > 0 {
		slot = int(s.freePlan[n-1])
		s.freePlan = s.freePlan[:n-1]
	} else {
		slot = len(s.plans)
		s.plans = append(s.plans, plan{})
	}
	s.plans[slot] = p
	s.planned.add(at, slot)
}

// carryOut does the first thing planned.
func (s *Simulator) carryOut(wanted bool) (m feed.Message, ok bool) {
	slot := s.planned.take()
	p := s.plans[slot]
	s.freePlan = append(s.freePlan, uint32(slot))
	n := s.plansMet
	s.plansMet++
	switch p.what {
	case row:
		if s.people[p.customer].flags&erased != 0 {
			return m, false
		}
		return s.personRow(wanted, int(p.customer), n, false)
	case erase:
		s.people[p.customer].flags |= erased
		return s.personRow(wanted, int(p.customer), n, true)
	case praise, complain, settle:
		if s.people[p.customer].flags&erased != 0 {
			return m, false
		}
		return s.interaction(wanted, &p, n)
	case credit:
		return s.creditNote(wanted, &p, n)
	case withdraw:
		return s.withdrawal(wanted, &p, n)
	default:
		return s.partnerOrder(wanted, n)
	}
}
