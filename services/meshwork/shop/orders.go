package shop

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
)

// currency of every amount.
const currency = "GBP"

// partners is the number of partners who sell for the shop. They order in their own name.
const partners = 12

// productRow is a change in the product database.
func (s *Simulator) productRow(wanted bool, p int, gone bool) (m feed.Message, ok bool) {
	if s.c.Emit&Catalogue == 0 {
		return m, false
	}
	s.tally.Products++
	if gone {
		s.tally.ProductsGone++
	}
	if !wanted {
		return m, true
	}
	at, a := s.now(), &s.articles[p]
	// A product's rows are told apart by how often the catalogue has changed before.
	id := s.id('p', uint64(p), s.stirs)
	c := &product.ProductChange{
		Identity: product.Identity{EventID: id, IdempotenceID: id, Created: at}, ProductID: a.texts.id, Op: product.ChangeOpUpsert,
		Name: a.texts.name, Category: schemas.Some(s.words.categories[p%categories]), Colour: schemas.Some(s.words.colours[p/categories%8]),
		ListPrice: s.price(p), Cost: schemas.Some(s.price(p) * 6 / 10), Currency: currency, Available: true, ChangedAt: at,
	}
	if gone {
		c.Op = product.ChangeOpDelete
	}
	m.Change = c
	return m, true
}

func (s *Simulator) newOrder(id, order string, kind orderproc.OrderKind, channel orderproc.Channel) *orderproc.CreateOrder {
	at := s.now()
	return &orderproc.CreateOrder{
		Identity: orderproc.Identity{EventID: id, IdempotenceID: id, Created: at}, OrderID: order, Kind: kind, Channel: channel,
		Currency: currency, OrderDate: at,
	}
}

func (s *Simulator) item(number, p, quantity int, price schemas.Money, at time.Time) orderproc.OrderItem {
	a := &s.articles[p]
	return orderproc.OrderItem{
		LineNumber: int32(number), ProductID: a.texts.id, ProductCode: a.texts.id, Description: schemas.Some(a.texts.name),
		Quantity: int32(quantity), UnitPrice: price, OrderedAt: at,
	}
}

// actionID is the idempotence id of a visit's action.
func (s *Simulator) actionID(visit uint64, step uint16) string { return s.id('v', visit, uint64(step)) }

// WebOrderID is the id that the shop's service gives to the order of a checkout: the same one again gives the same.
func WebOrderID(checkout, visitor string) string {
	h := sha256.Sum256([]byte("checkout\x00" + visitor + "\x00" + checkout))
	return "W" + strings.ToLower(base32.HexEncoding.EncodeToString(h[:15]))
}

// webOrder is what the shop's service makes of a checkout, for a mesh that runs without it.
func (s *Simulator) webOrder(wanted bool, v *visit) (m feed.Message) {
	s.tally.WebOrders++
	if !wanted {
		return m
	}
	id := s.actionID(v.number, v.step-1)
	o := s.newOrder(id, s.c.OrderID(id, visitorID(v.visitor)), orderproc.OrderKindSale, orderproc.ChannelWeb)
	o.CustomerID = schemas.Some(customerID(int(v.customer)))
	p := s.identity(int(v.customer), int(s.people[v.customer].moves))
	o.CustomerName, o.Country = schemas.Some(p.first+" "+p.last), schemas.Some(p.town.landName)
	address := schemas.Some(orderproc.Address{
		Name: schemas.Some(p.first + " " + p.last), Line1: p.line1, City: p.town.name, PostalCode: schemas.Some(p.town.code),
		Country: p.town.country,
	})
	o.BillTo, o.ShipTo = address, address
	o.PaymentReference = schemas.Some("pay-" + id)
	for i, l := range v.basket[:v.n] {
		o.Items = append(o.Items, s.item(i+1, int(l.product), int(l.quantity), s.price(int(l.product)), o.OrderDate))
	}
	m.Order = o
	return m
}

// partnerID is the customer id of a partner.
func partnerID(n int) string { return "partner" + strconv.Itoa(n+1) }

// partnerOrder is a sale of a partner: more lines and pieces than people's, one in ten on its own account.
func (s *Simulator) partnerOrder(wanted bool, n uint64) (m feed.Message, ok bool) {
	if s.c.Emit&Sales == 0 {
		return m, false
	}
	d := roll(s.c.Seed, forPartner, n)
	s.tally.PartnerOrders++
	if !wanted {
		return m, true
	}
	id, who := s.id('o', n, 0), partnerID(d.below(partners))
	o := s.newOrder(id, "P-"+who+"-"+id, orderproc.OrderKindSale, orderproc.ChannelPartner)
	o.Partner = schemas.Some(orderproc.Partner{PartnerID: who, Reference: id})
	if d.in1000(900) {
		o.CustomerID = schemas.Some(who)
	}
	o.Country = schemas.Some(s.words.towns[d.below(len(s.words.towns))].landName)
	first := s.choose(&d)
	for i := range 1 + d.below(8) {
		p := first
		if i > 0 {
			p = s.beside(first, &d)
		}
		o.Items = append(o.Items, s.item(i+1, p, 6+6*d.below(8), s.price(p)*9/10, o.OrderDate))
	}
	m.Order = o
	return m, true
}

// creditNote gives goods back. Seven in ten say which order they came with; for the others it must be found out.
func (s *Simulator) creditNote(wanted bool, p *plan, n uint64) (m feed.Message, ok bool) {
	if s.c.Emit&Sales == 0 {
		return m, false
	}
	s.tally.CreditNotes++
	if !wanted {
		return m, true
	}
	d := roll(s.c.Seed, forLater, n)
	id := s.id('c', n, 0)
	o := s.newOrder(id, "C"+id, orderproc.OrderKindCancellation, orderproc.ChannelBackOffice)
	o.CustomerID = schemas.Some(customerID(int(p.customer)))
	if d.in1000(700) {
		o.Cancels = schemas.Some(s.orderOf(p))
	}
	o.Items = []orderproc.OrderItem{s.item(1, int(p.product), -int(p.quantity), schemas.Money(p.price), o.OrderDate)}
	m.Order = o
	return m, true
}

// withdrawal calls an order back.
func (s *Simulator) withdrawal(wanted bool, p *plan, n uint64) (m feed.Message, ok bool) {
	if s.c.Emit&Sales == 0 {
		return m, false
	}
	s.tally.Withdrawals++
	if !wanted {
		return m, true
	}
	id, at := s.id('w', n, 0), s.now()
	m.Cancel = &orderproc.CancelOrder{
		Identity: orderproc.Identity{EventID: id, IdempotenceID: id, Created: at}, OrderID: s.orderOf(p), Reason: "changed my mind",
		RequestedAt: at,
	}
	return m, true
}

// orderOf is the id of the order that a plan follows.
func (s *Simulator) orderOf(p *plan) string {
	return s.c.OrderID(s.actionID(p.visit, p.step), visitorID(p.visitor))
}

// id is a message's id: the prefix, what it is, and two numbers.
func (s *Simulator) id(what byte, a, b uint64) string {
	var room [64]byte
	buf := append(room[:0], s.c.Prefix...)
	buf = append(buf, '-', what)
	buf = strconv.AppendUint(buf, a, 36)
	buf = append(buf, '.')
	return string(strconv.AppendUint(buf, b, 36))
}

// visitorID writes a visitor's number as the id a cookie holds: 13 letters and digits.
func visitorID(n uint64) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	var b [13]byte
	for i := range b {
		b[i] = digits[n&31]
		n >>= 5
	}
	return string(b[:])
}
