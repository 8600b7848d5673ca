package shop

import (
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/services/meshwork/feed"
)

// personRow is a change in the customer database: customer k as things are now, or gone. n makes it unique.
func (s *Simulator) personRow(wanted bool, k int, n uint64, gone bool) (m feed.Message, ok bool) {
	if s.c.Emit&People == 0 {
		return m, false
	}
	s.tally.People++
	if gone {
		s.tally.PeopleGone++
	}
	if !wanted {
		return m, true
	}
	at, id := s.now(), s.id('k', n, 0)
	c := &customer.CustomerChange{
		Identity:   customer.Identity{EventID: id, IdempotenceID: id, Created: at},
		CustomerID: customerID(k), Op: customer.ChangeOpDelete, ChangedAt: at,
	}
	m.Customer = c
	if gone {
		return m, true
	}
	p := s.identity(k, int(s.people[k].moves))
	c.Op = customer.ChangeOpUpsert
	c.FirstName, c.LastName = schemas.Some(p.first), schemas.Some(p.last)
	c.Emails = []string{p.email}
	c.Phones = []customer.RawPhone{{Kind: schemas.Some("mobile"), Number: p.phone}}
	c.Addresses = []customer.RawAddress{{
		Kind: customer.AddressKindMain, Line1: p.line1, City: p.town.name, PostalCode: p.town.code, Country: p.town.country,
	}}
	c.MarketingConsent = schemas.Some(p.consent)
	return m, true
}

// partnerRow is the row of a partner, sent before the shop opens.
func (s *Simulator) partnerRow(wanted bool, n int) (m feed.Message, ok bool) {
	if s.c.Emit&People == 0 {
		return m, false
	}
	s.tally.People++
	if !wanted {
		return m, true
	}
	at, id, t := s.now(), s.id('r', uint64(n), 0), &s.words.towns[n%len(s.words.towns)]
	m.Customer = &customer.CustomerChange{
		Identity:   customer.Identity{EventID: id, IdempotenceID: id, Created: at},
		CustomerID: partnerID(n), Op: customer.ChangeOpUpsert, ChangedAt: at,
		Company: schemas.Some(s.words.last[n%len(s.words.last)] + " & Co"), Emails: []string{partnerID(n) + "@partners.example.com"},
		Addresses: []customer.RawAddress{{
			Kind: customer.AddressKindMain, Line1: "1 " + s.words.streets[n%len(s.words.streets)], City: t.name, PostalCode: t.code,
			Country: t.country,
		}},
	}
	return m, true
}

// channels are how customers reach the shop.
func channels() [5]string { return [5]string{"Web", "E-Mail", "Phone", "Chat", "SMS"} }

// interaction is what a customer says about a purchase. Of the unhappy, six in ten complain and three in ten of those
// are helped later.
func (s *Simulator) interaction(wanted bool, p *plan, n uint64) (m feed.Message, ok bool) {
	if s.c.Emit&Interactions == 0 && p.what != complain {
		return m, false
	}
	d := roll(s.c.Seed, forLater, n)
	id := s.id('i', n, 0)
	what, channel := customerint.InteractionKindReview, 0
	switch how := d.below(10); {
	case p.what == settle:
		what = customerint.InteractionKindComplaint
	case p.what == complain && how < 6:
		what, channel = customerint.InteractionKindComplaint, 1+d.below(4)
		if d.in1000(300) {
			again := *p
			again.what, again.visitor = settle, n
			s.plan(s.at+day+s.logs.expo(&d, 2*day), again)
		}
	case p.what == complain && how < 8, p.what == praise && how >= 8:
		what, channel = customerint.InteractionKindMessage, 1+d.below(4)
	case p.what == praise && how == 7:
		what, channel = customerint.InteractionKindContact, 2
	}
	if s.c.Emit&Interactions == 0 {
		return m, false
	}
	s.tally.Interactions++
	if p.what == complain {
		s.tally.Unhappy++
	}
	if !wanted {
		return m, true
	}
	at := s.now()
	i := &customerint.Interaction{
		Identity:      customerint.Identity{EventID: id, IdempotenceID: id, Created: at},
		InteractionID: id, CustomerID: customerID(int(p.customer)), Kind: what, Channel: s.words.channels[channel],
		ProductID: schemas.Some(s.articles[p.product].texts.id), OccurredAt: at,
	}
	y := &s.words.happy
	switch {
	case p.what == settle:
		i.ComplaintID, i.ComplaintStep = schemas.Some(s.id('i', p.visitor, 0)), schemas.Some(customerint.ComplaintStepResolved)
		i.Channel = s.words.channels[1]
	case p.what == complain:
		y = &s.words.unhappy
	case what == customerint.InteractionKindContact:
		y = &s.words.neutral
	}
	if what == customerint.InteractionKindReview {
		stars := int32(4 + d.below(2))
		if p.what == complain {
			stars = int32(1 + d.below(2))
		}
		i.Rating, i.Recommended = schemas.Some(stars), schemas.Some(stars > 3)
	}
	i.Text = y.say(&d, s.words.things[int(p.product)%categories])
	m.Interaction = i
	return m, true
}
