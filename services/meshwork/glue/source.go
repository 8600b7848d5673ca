package glue

import (
	"cmp"
	"container/heap"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
	shops "meshwork.dev/services/meshwork/shop"
)

// Source is a feed of orders with all that was glued to it, in the order of time.
type Source struct {
	g      *Glue
	parts  shops.Parts
	from   feed.Source
	head   feed.Message // the next message of from, once known
	ready  []feed.Message
	ended  bool
	last   time.Time // of the latest order
	clicks int       // next click
	// of the reviews still to come
	waiting reviewQueue
	written map[string]string // customers that have a row, and their country
	moves   map[string]int
	ordered []int // lines of a product seen with a known customer
	Counts  Counts
}

// Counts are the messages added.
type Counts struct{ Clicks, Reviews, People int }

var _ feed.Source = (*Source)(nil)

// Wrap adds messages of some kinds to a feed of orders, which must be that of the file given to Open.
func (g *Glue) Wrap(from feed.Source, parts shops.Parts) *Source {
	return &Source{g: g, parts: parts, from: from, written: map[string]string{}, moves: map[string]int{}, ordered: make([]int, len(g.products))}
}

// Next returns the next message.
func (s *Source) Next() (feed.Message, error) {
	for {
		if len(s.ready) > 0 {
			m := s.ready[0]
			s.ready[0] = feed.Message{}
			s.ready = s.ready[1:]
			return m, nil
		}
		s.ready = nil
		if s.head.At.IsZero() && !s.ended {
			m, err := s.from.Next()
			switch {
			case errors.Is(err, io.EOF):
				s.ended = true
			case err != nil:
				return feed.Message{}, err //nolint:wrapcheck // the feed's own error
			default:
				s.head = m
			}
		}
		switch {
		case s.clickDue():
			k := &s.g.clicks.clicks[s.clicks]
			s.clicks++
			s.Counts.Clicks++
			return s.page(k), nil
		case len(s.waiting) > 0 && (s.ended || !s.waiting[0].at.After(s.head.At)):
			r, _ := heap.Pop(&s.waiting).(*said)
			s.Counts.Reviews++
			return r.message(), nil
		case s.ended:
			return feed.Message{}, io.EOF
		}
		m := s.head
		s.head, s.last = feed.Message{}, m.At
		if m.Order != nil {
			s.meet(m.Order)
		}
		s.ready = append(s.ready, m)
	}
}

// clickDue says whether the next click comes first.
func (s *Source) clickDue() bool {
	if s.g.clicks == nil || s.parts&shops.Actions == 0 || s.clicks == len(s.g.clicks.clicks) {
		return false
	}
	at := s.g.clicks.clicks[s.clicks].at
	if s.ended && at.After(s.last) {
		s.clicks = len(s.g.clicks.clicks) // a shorter file of orders, a shorter time
		return false
	}
	return (s.ended || !at.After(s.head.At)) && (len(s.waiting) == 0 || !at.After(s.waiting[0].at))
}

const site = "https://shop.example.org/"

// returning is how many of ten sessions belong to visitors who come again.
const returning = 7

// page is a click as an action of the shop.
func (s *Source) page(k *click) feed.Message {
	c := s.g.clicks
	model := c.models[k.model]
	id := "eshop-clothing/" + strconv.Itoa(int(k.row))
	visitor := dice(s.g.seed, "visitor", strconv.Itoa(int(k.session)))
	if visitor%10 < returning {
		visitor = visitor >> 32 % 4000
	}
	page := "model/" + model
	p := shop.PageAction{
		Page: shop.Page{ID: page, Name: model, URL: site + page}, DestinationURL: site + page,
		Filters: []shop.Filter{{Key: "category", Values: []string{at(categoryNames(), k.category)}}, {Key: "colour", Values: []string{at(colourNames(), k.colour)}}},
	}
	if rank := s.g.modelRank(int(k.model)); rank < len(s.g.products) {
		p.ProductID = schemas.Some(s.g.products[rank])
	}
	if k.number > 1 {
		p.ReferringURL = schemas.Some(site)
	}
	return feed.Message{At: k.at, Action: &shop.ShopAction{
		Identity:  shop.Identity{EventID: id, IdempotenceID: id, Created: k.at},
		VisitorID: "clothing-" + strconv.FormatUint(visitor, 36), Kind: shop.ActionKindPage, Timestamp: k.at, Store: "clothing",
		Page: schemas.Some(p),
	}}
}

// modelRank is how many models are clicked more often.
func (g *Glue) modelRank(model int) int {
	if g.clicks.rank == nil {
		g.clicks.rank = make([]int, len(g.clicks.models))
		for rank, m := range g.clicks.ranked {
			g.clicks.rank[m] = rank
		}
	}
	return g.clicks.rank[model]
}

func at(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return strconv.Itoa(int(i))
}

// meet writes the row of an order's customer where it is new or lives elsewhere, and lets the customer review.
func (s *Source) meet(o *orderproc.CreateOrder) {
	id, known := o.CustomerID.Get()
	if !known {
		return
	}
	country := o.Country.Or("")
	if p := s.g.Person(id); p != nil && s.parts&shops.People != 0 && o.Kind == orderproc.OrderKindSale {
		if was, ok := s.written[id]; !ok || was != country {
			s.written[strings.Clone(id)] = strings.Clone(country)
			s.moves[id]++
			s.ready = append(s.ready, row(p, id, country, s.moves[id], o.OrderDate))
			s.Counts.People++
		}
	}
	if o.Kind != orderproc.OrderKindSale || s.parts&shops.Interactions == 0 {
		return
	}
	for i := range o.Items {
		rank, ok := s.g.rank[o.Items[i].ProductID]
		if !ok {
			continue
		}
		n := s.ordered[rank]
		s.ordered[rank]++
		if rank >= len(s.g.reviews) || s.g.lines[rank] == 0 {
			continue
		}
		// Line n of m gets the reviews from r·n/m to r·(n+1)/m.
		list := s.g.reviews[rank]
		for j := len(list) * n / s.g.lines[rank]; j < len(list)*(n+1)/s.g.lines[rank] && j < len(list); j++ {
			r := &list[j]
			lag := time.Duration(1+dice(s.g.seed, "lag", strconv.Itoa(int(r.row)))%(20*24*60)) * time.Minute
			heap.Push(&s.waiting, &said{
				at: o.OrderDate.Add(24*time.Hour + lag), review: r, customer: id, order: o.OrderID, product: s.g.products[rank],
			})
		}
	}
}

// row is the customer's row in the database.
func row(p *Person, id, country string, n int, when time.Time) feed.Message {
	name := "adventureworks/" + id + "/" + strconv.Itoa(n)
	title := "Mr"
	if p.Female {
		title = "Ms"
	}
	c := &customer.CustomerChange{
		Identity:   customer.Identity{EventID: name, IdempotenceID: name, Created: when},
		CustomerID: id, Op: customer.ChangeOpUpsert, Title: schemas.Some(title), FirstName: schemas.Some(p.First), LastName: schemas.Some(p.Last),
		Addresses: []customer.RawAddress{{
			Kind: customer.AddressKindMain, Line1: p.Line1, City: p.City, PostalCode: p.PostalCode, Country: country,
		}},
		ChangedAt: when,
	}
	if p.Line2 != "" {
		c.Addresses[0].Line2 = schemas.Some(p.Line2)
	}
	if p.Region != "" {
		c.Addresses[0].Region = schemas.Some(p.Region)
	}
	if p.Email != "" {
		c.Emails = []string{p.Email}
	}
	if p.Phone != "" {
		c.Phones = []customer.RawPhone{{Number: p.Phone}}
	}
	if !p.Birth.IsZero() {
		c.BirthDate = schemas.Some(schemas.DateOf(p.Birth))
	}
	return feed.Message{At: when, Customer: c}
}

// said is a review that will be written.
type said struct {
	at                       time.Time
	review                   *review
	customer, order, product string
}

func (r *said) message() feed.Message {
	id := "womens-reviews/" + strconv.Itoa(int(r.review.row))
	i := &customerint.Interaction{
		Identity:      customerint.Identity{EventID: id, IdempotenceID: id, Created: r.at},
		InteractionID: id, CustomerID: r.customer, Kind: customerint.InteractionKindReview, Channel: "Web",
		ProductID: schemas.Some(r.product), OrderID: schemas.Some(r.order), Rating: schemas.Some(int32(r.review.rating)),
		Recommended: schemas.Some(r.review.recommended), Helpful: schemas.Some(r.review.helpful), Text: r.review.text, OccurredAt: r.at,
	}
	if r.review.title != "" {
		i.Title = schemas.Some(r.review.title)
	}
	return feed.Message{At: r.at, Interaction: i}
}

// reviewQueue is a heap by time, then by row.
type reviewQueue []*said

func (q reviewQueue) Len() int { return len(q) }
func (q reviewQueue) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), int(q[i].review.row-q[j].review.row)) < 0
}
func (q reviewQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is for the heap.
func (q *reviewQueue) Push(x any) {
	if r, ok := x.(*said); ok {
		*q = append(*q, r)
	}
}

// Pop is for the heap.
func (q *reviewQueue) Pop() any {
	old := *q
	r := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return r
}
