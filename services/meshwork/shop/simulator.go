package shop

import (
	"io"
	"time"

	"meshwork.dev/services/meshwork/feed"
)

// Simulator makes the messages of a shop. It implements feed.Source.
type Simulator struct {
	c        Config
	logs     *logTable
	calendar *calendar
	rates    [128]int64
	leavings [64]int
	lengths  [128]int
	words    *words

	made      int64 // messages
	at        int64 // time of the shop
	announced int   // products and then partners whose first rows have been sent
	opened    uint64
	strangers uint64
	stirs     uint64
	nextStir  int64
	nextBirth int64

	people    []person
	comebacks agenda // customers by their next visit
	articles  []article

	visits    []visit
	underWay  agenda // visits by their next action
	freeVisit []uint32
	regulars  []uint64 // visitors without a name who may come again

	plans    []plan
	planned  agenda // plans by their time
	freePlan []uint32
	plansMet uint64

	tally   Tally
	actions actionRoom
}

var _ feed.Recycler = (*Simulator)(nil)

// Tally counts the messages made so far, and what they tell.
type Tally struct {
	Visits, Returning, Buying, BotVisits                       int64
	Pages, Searches, Adds, Removes, Checkouts                  int64
	Registrations, Logins, FailedLogins, BotPages, Garbage     int64
	Products, ProductsGone, People, PeopleGone                 int64
	Interactions, Unhappy                                      int64
	WebOrders, PartnerOrders, CreditNotes, Withdrawals, Pieces int64
}

// Actions is the number of shop actions among them.
func (t *Tally) Actions() int64 {
	return t.Pages + t.Searches + t.Adds + t.Removes + t.Checkouts + t.Registrations + t.Logins + t.FailedLogins + t.BotPages +
		t.Garbage
}

// New opens a shop.
func New(c Config) *Simulator {
	c = c.withDefaults()
	// With times of its own, the shop's calendar does not depend on when it is run.
	opening := c.Start
	if c.Gap > 0 {
		opening = Config{}.withDefaults().Start
	}
	s := &Simulator{
		c: c, logs: newLogTable(), calendar: newCalendar(opening, c.Steady), rates: rates(), leavings: leavings(), lengths: lengths(),
		words: newWords(),
	}
	s.articles = make([]article, 0, c.Products+c.Products/4)
	for range c.Products {
		s.addArticle()
	}
	d := roll(c.Seed, forCatalogue, 1<<40)
	s.nextStir = s.logs.expo(&d, year/int64(c.Products*5))
	s.nextBirth = minute
	return s
}

// Position is the number of messages made so far.
func (s *Simulator) Position() int64 { return s.made }

// Tally gives the counts so far.
func (s *Simulator) Tally() Tally { return s.tally }

// ForSale is the number of products in the catalogue now.
func (s *Simulator) ForSale() (n int) {
	for i := range s.articles {
		if !s.articles[i].gone {
			n++
		}
	}
	return n
}

// now is the time that the next message carries.
func (s *Simulator) now() time.Time {
	if s.c.Gap > 0 {
		return s.c.Start.Add(time.Duration(s.made) * s.c.Gap).Truncate(time.Millisecond)
	}
	return s.c.Start.Add(time.Duration(s.at) * time.Millisecond)
}

// Next makes the next message, or returns io.EOF after Config.Count of them.
func (s *Simulator) Next() (feed.Message, error) {
	if s.c.Count > 0 && s.made >= s.c.Count {
		return feed.Message{}, io.EOF
	}
	for {
		if m, ok := s.advance(true); ok {
			m.At = s.now()
			s.made++
			return m, nil
		}
	}
}

// Skip goes n messages further without making them, which takes a fraction of the time.
func (s *Simulator) Skip(n int64) {
	for n > 0 {
		if _, ok := s.advance(false); ok {
			s.made++
			n--
		}
	}
}

// advance lets the next thing happen. ok says whether it is a message; wanted says whether it will be looked at.
func (s *Simulator) advance(wanted bool) (m feed.Message, ok bool) {
	if n := s.announced; n < s.c.Products+partners {
		s.announced++
		if n < s.c.Products {
			return s.productRow(wanted, n, false)
		}
		return s.partnerRow(wanted, n-s.c.Products)
	}
	visits, plans, comebacks := s.underWay.due(), s.planned.due(), s.comebacks.due()
	switch first := min(visits, plans, comebacks, s.nextBirth, s.nextStir); first {
	case visits:
		s.at = first
		return s.act(wanted)
	case plans:
		s.at = first
		return s.carryOut(wanted)
	case comebacks:
		s.at = first
		k := s.comebacks.take()
		s.welcome(k, 0, buyLater)
		return m, false
	case s.nextBirth:
		s.at = first
		s.birth()
		return m, false
	default:
		s.at = first
		p, gone := s.stir(first)
		return s.productRow(wanted, p, gone)
	}
}

// birth opens the first visit of the next customer.
func (s *Simulator) birth() {
	k := len(s.people)
	s.people = append(s.people, person{})
	s.welcome(k, first, buyFirst)
	s.nextBirth = never
	if k+1 < maxNumber {
		d := roll(s.c.Seed, forBirth, uint64(k))
		s.nextBirth = max(s.at, s.calendar.toTime(s.calendar.toBusy(0)+minute+s.born(k+1))) + int64(d.below(1000))
	}
}

// welcome opens a visit of customer k, and those of strangers which come with it.
func (s *Simulator) welcome(k int, flags uint16, buy int) {
	p := &s.people[k]
	if p.visits < 1<<16-1 {
		p.visits++
	}
	visitor := roll(s.c.Seed, forVisitor, uint64(k)<<8|uint64(p.device))
	v, d := s.open(s.at, flags)
	v.customer, v.visitor = int32(k), visitor.next()
	length := s.lengths[d.below(len(s.lengths))]
	// Whoever looks at less than three pages buys nothing: 5 in 8 look at more.
	if flags&first != 0 {
		length += 3
		if d.in1000(buy) {
			v.flags |= buying
		} else {
			v.push(login)
			v.push(register) // before the login
		}
	} else if length >= 3 && d.below(1000*83) < buy*128 {
		v.flags |= buying
	}
	if v.flags&buying != 0 {
		length = max(length-2, 1)
	}
	v.left = int16(length)
	if flags&first == 0 {
		s.tally.Returning++
	}
	if v.flags&buying != 0 {
		s.tally.Buying++
	}
	own := *d
	more := (buy*1000/buyAll - 1000) * s.c.Strangers / 1000 // strangers per thousand
	for more > 0 {
		if more >= 1000 || own.in1000(more) {
			s.stranger(s.at+s.logs.expo(&own, 20*minute), &own)
		}
		more -= 1000
	}
	if own.in1000(s.c.Bots) {
		s.crawler(s.at + s.logs.expo(&own, 20*minute))
	}
}

// open takes a place for a visit that begins at a time. Its dice are a throw of their own. The pointers are valid until
// the next one is opened.
func (s *Simulator) open(at int64, flags uint16) (*visit, *dice) {
	var slot int
	if n := len(s.freeVisit); n > 0 {
		slot = int(s.freeVisit[n-1])
		s.freeVisit = s.freeVisit[:n-1]
	} else {
		slot = len(s.visits)
		s.visits = append(s.visits, visit{})
	}
	v := &s.visits[slot]
	*v = visit{number: s.opened, d: roll(s.c.Seed, forSession, s.opened), customer: -1, flags: flags | fresh}
	s.opened++
	s.underWay.add(at, slot)
	s.tally.Visits++
	return v, &v.d
}

// stranger opens a visit of somebody without a name: eight in ten have been here before.
func (s *Simulator) stranger(at int64, d *dice) {
	v, own := s.open(at, 0)
	v.left = int16(s.lengths[own.below(len(s.lengths))])
	if n := len(s.regulars); n > 0 && d.in1000(800) {
		i := d.below(n)
		v.visitor = s.regulars[i]
		s.regulars[i] = s.regulars[n-1]
		s.regulars = s.regulars[:n-1]
		s.tally.Returning++
		return
	}
	id := roll(s.c.Seed, forStranger, s.strangers)
	s.strangers++
	v.visitor = id.next()
}

// crawler opens a visit of a machine.
func (s *Simulator) crawler(at int64) {
	v, own := s.open(at, bot)
	id := roll(s.c.Seed, forStranger, s.strangers)
	s.strangers++
	v.visitor, v.left = id.next(), int16(20+own.below(60))
	s.tally.Visits--
	s.tally.BotVisits++
}

// maxRegulars bounds the strangers who may come again.
const maxRegulars = 1 << 13

// act lets the visit that is due go one step further.
func (s *Simulator) act(wanted bool) (m feed.Message, ok bool) {
	slot := int(s.underWay[0] & maxNumber)
	v := &s.visits[slot]
	did, on := s.next(v)
	if !on {
		s.underWay.take()
		s.part(v)
		s.freeVisit = append(s.freeVisit, uint32(slot))
		return m, false
	}
	var wait int64
	switch {
	case v.flags&bot != 0:
		wait = 500 + int64(v.d.below(1000))
	case did.kind == pageView || did.kind == search:
		wait = second + min(s.logs.expo(&v.d, 35*second), 20*minute)
	default:
		wait = second + min(s.logs.expo(&v.d, 9*second), 10*minute)
	}
	s.underWay.move(s.at + wait)
	if v.flags&bot == 0 && s.c.Garbage > 0 && v.d.below(10_000) < s.c.Garbage {
		v.push(garbage)
	}
	m, ok = s.action(wanted, v, did)
	v.step++
	if did.kind == checkout {
		if s.c.Emit&WebOrders != 0 {
			m, ok = s.webOrder(wanted, v), true
		}
		s.bought(v)
		v.n = 0
	}
	if did.kind == register {
		s.plan(s.at+2*second, plan{what: row, customer: v.customer})
	}
	return m, ok
}

// part is the end of a visit.
func (s *Simulator) part(v *visit) {
	switch {
	case v.flags&bot != 0:
	case v.customer < 0:
		if v.n == 0 { // who leaves a basket behind comes back as somebody else, if at all
			if len(s.regulars) < maxRegulars {
				s.regulars = append(s.regulars, v.visitor)
			} else {
				s.regulars[v.d.below(maxRegulars)] = v.visitor
			}
		}
	default:
		k := int(v.customer)
		p := &s.people[k]
		if v.n > 0 {
			p.device++ // the basket stays with the device
		}
		if p.left != 0 {
			return
		}
		if v.d.in1000(4) && p.moves < 255 {
			p.moves++
			s.plan(s.at+s.logs.expo(&v.d, day), plan{what: row, customer: v.customer})
		}
		if h := s.habits(k); h.every != never {
			s.comebacks.add(s.calendar.toTime(s.calendar.toBusy(s.at)+s.logs.expo(&v.d, h.every)), k)
		}
	}
}

// bought is what follows from a checkout.
func (s *Simulator) bought(v *visit) {
	k, d := int(v.customer), &v.d
	p, h := &s.people[k], s.habits(k)
	if p.purchases < 1<<16-1 {
		p.purchases++
	}
	p.last = s.stamp()
	leaves := d.below(65536) < h.leave
	if leaves && p.left == 0 {
		p.left = p.last
		if d.in1000(30) {
			s.plan(s.at+30*day+s.logs.expo(d, 30*day), plan{what: erase, customer: v.customer})
		}
	}
	l := v.basket[d.below(int(v.n))]
	about := plan{
		customer: v.customer, product: l.product, quantity: l.quantity, price: s.articles[l.product].price, visit: v.number,
		visitor: v.visitor, step: v.step - 1, from: s.at,
	}
	says, bad := 160, 150
	if leaves {
		says, bad = 600, 850
	}
	if d.in1000(says) {
		about.what = praise
		if d.in1000(bad) {
			about.what = complain
		}
		s.plan(s.at+hour+s.logs.expo(d, 3*day), about)
	}
	switch what := d.below(1000); {
	case what < 40:
		about.what, about.quantity = credit, int16(1+d.below(int(l.quantity)))
		s.plan(s.at+day+s.logs.expo(d, 8*day), about)
	case what < 60:
		about.what = withdraw
		s.plan(s.at+second+s.logs.expo(d, 5*minute), about)
	case what < 110:
		s.plan(s.at+s.logs.expo(d, hour), plan{what: partnerOrder, customer: -1})
	}
}
