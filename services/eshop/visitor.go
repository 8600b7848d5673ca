package eshop

import (
	"strings"
	"time"
	"unicode/utf8"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// The timers of a visitor. Each is set for the first thing that may be due, and finds out when it fires whether more
// has happened since: actions of a visit set none.
const (
	timerVisit = "visit" // the first open visit is over
	timerCart  = "cart"  // nobody touched the cart
)

// visitor is what a reaction about one visitor works with.
type visitor = *stream.Ctx[string, shop.Visitor]

// shopfront holds what the reactions about visitors need: the rules, and the tables they look into.
type shopfront struct {
	rules     Rules
	products  *stream.LookupTable[string, product.Product]
	customers *stream.LookupTable[string, customer.Customer]
	visits    visits // memory for the reaction at hand
}

// begin is what a reaction makes visits with. It is the goroutine's of the product, and taken up anew by the next one.
func (f *shopfront) begin() *visits {
	s := &f.visits
	s.gap, s.grace = f.rules.Gap, f.rules.Grace
	s.changed, s.closed, s.gone, s.figures = s.changed[:0], s.closed[:0], s.gone[:0], s.figures[:0]
	return s
}

// take is the way of an action: checked, tidied, told from repetitions, put under the customer it belongs to, enriched
// and dispatched.
func (f *shopfront) take(c visitor, a shop.ShopAction) error {
	if p := check(&a); p != nil {
		return stream.Reject(p)
	}
	if c.Key != a.VisitorID {
		return errKey
	}
	if agent, ok := a.UserAgent.Get(); ok && isRobot(agent) {
		return errRobot
	}
	row := &c.State
	row.VisitorID = a.VisitorID
	if repeated(row, a.Identity.IdempotenceID, a.Timestamp) {
		return errRepeated
	}
	f.resolve(row, &a)
	late := isLate(row, a.Timestamp)
	d := deed{at: a.Timestamp, store: a.Store}
	if err := f.dispatch(c, &a, late, &d); err != nil {
		return err
	}
	if late {
		return nil
	}
	s := f.begin()
	rearm, err := s.take(row, &d)
	if err != nil {
		return err
	}
	f.publish(c, s)
	if rearm {
		c.Timer(timerVisit, s.closing(&row.Open[0]))
	}
	return nil
}

// resolve notes which customer the visitor is. It stays the same until somebody else logs in.
func (f *shopfront) resolve(row *shop.Visitor, a *shop.ShopAction) {
	switch {
	case a.Kind == shop.ActionKindRegister:
		row.CustomerID = schemas.Some(a.Registration.Value.UserID)
	case a.Kind == shop.ActionKindLogin && a.Login.Value.Successful:
		row.CustomerID = schemas.Some(a.Login.Value.UserID)
	case a.CustomerID.Valid:
		row.CustomerID = a.CustomerID
	}
}

// dispatch publishes an action, and does to the cart what it asks for.
func (f *shopfront) dispatch(c visitor, a *shop.ShopAction, late bool, d *deed) error {
	switch a.Kind {
	case shop.ActionKindPage:
		d.page = a.Page.Value.Page.ID
		stream.Emit(c, shop.PageNavigatedEvent, c.Key, navigated(c, a, late))
	case shop.ActionKindSearch:
		q := &a.Search.Value
		stream.Emit(c, shop.SearchPerformedEvent, c.Key, shop.SearchPerformed{
			Identity: identify(c, a), VisitorID: a.VisitorID, CustomerID: c.State.CustomerID, Timestamp: a.Timestamp,
			Store: a.Store, Term: cleanTerm(q.Term), ResultCount: q.ResultCount, Filters: q.Filters, Late: late,
		})
	case shop.ActionKindAdd:
		d.cartTouch = true
		return f.add(c, a, late)
	case shop.ActionKindRemove:
		d.cartTouch = true
		return f.remove(c, a, late)
	case shop.ActionKindCheckout:
		d.cartTouch, d.ordered = true, true
		return f.checkout(c, a, late)
	case shop.ActionKindRegister:
		d.loggedIn = true
		r := &a.Registration.Value
		stream.Emit(c, shop.UserRegisteredEvent, r.UserID, shop.UserRegistered{
			Identity: identify(c, a), UserID: r.UserID, Store: a.Store,
			User: shop.RegisteredUser{
				VisitorID: a.VisitorID, FirstName: strings.TrimSpace(r.FirstName), LastName: strings.TrimSpace(r.LastName),
				Email: trimmed(r.Email, strings.ToLower), Country: trimmed(r.Country, nil), RegisteredAt: a.Timestamp,
			},
		})
	case shop.ActionKindLogin:
		l := &a.Login.Value
		d.loggedIn = l.Successful
		stream.Emit(c, shop.UserLoggedInEvent, l.UserID, shop.UserLoggedIn{
			Identity: identify(c, a), UserID: l.UserID, VisitorID: a.VisitorID, Timestamp: a.Timestamp,
			Successful: l.Successful, Store: a.Store,
		})
	default: // check lets none pass
	}
	return nil
}

// navigated is the event of coming to a page.
func navigated(c visitor, a *shop.ShopAction, late bool) shop.PageNavigated {
	p := &a.Page.Value
	e := shop.PageNavigated{
		Identity: identify(c, a), VisitorID: a.VisitorID, CustomerID: c.State.CustomerID, RequestTimestamp: a.Timestamp,
		Page: shop.Page{ID: p.Page.ID, Name: strings.TrimSpace(p.Page.Name), URL: cleanURL(p.Page.URL)}, Store: a.Store,
		Filters: p.Filters, Late: late,
	}
	if e.Page.Name == "" {
		e.Page.Name = e.Page.ID
	}
	if e.DestinationURL = e.Page.URL; p.DestinationURL != p.Page.URL {
		e.DestinationURL = cleanURL(p.DestinationURL)
	}
	if from, ok := p.ReferringURL.Get(); ok && isURL(from) { // browsers send all kinds of things
		e.ReferringURL = schemas.Some(cleanURL(from))
	}
	if p.ProductID.Valid {
		e.ProductID = schemas.Some(productID(p.ProductID.Value))
	}
	return e
}

func (f *shopfront) add(c visitor, a *shop.ShopAction, late bool) error {
	p := f.product(c, &a.Item.Value)
	was := len(c.State.Cart)
	if err := put(&c.State, p, a.Item.Value.Quantity, a.Timestamp); err != nil {
		return err
	}
	stream.Emit(c, shop.ProductAddedEvent, c.Key, shop.ProductAdded{
		Identity: identify(c, a), VisitorID: a.VisitorID, CustomerID: c.State.CustomerID, Customer: f.customer(c),
		Product: p, Quantity: a.Item.Value.Quantity, Timestamp: a.Timestamp, Store: a.Store, Late: late,
	})
	f.cartChanged(c, a, was)
	return nil
}

func (f *shopfront) remove(c visitor, a *shop.ShopAction, late bool) error {
	was := len(c.State.Cart)
	p, taken, err := takeOut(&c.State, productID(a.Item.Value.ProductID), a.Item.Value.Quantity)
	if err != nil {
		return err
	}
	stream.Emit(c, shop.ProductRemovedEvent, c.Key, shop.ProductRemoved{
		Identity: identify(c, a), VisitorID: a.VisitorID, CustomerID: c.State.CustomerID, Customer: f.customer(c),
		Product: p, Quantity: taken, Requested: a.Item.Value.Quantity, Timestamp: a.Timestamp, Store: a.Store, Late: late,
	})
	f.cartChanged(c, a, was)
	return nil
}

func (f *shopfront) checkout(c visitor, a *shop.ShopAction, late bool) error {
	row := &c.State
	if len(row.Cart) == 0 {
		return errNoCart
	}
	e := shop.CartCheckedOut{
		Identity: identify(c, a), VisitorID: a.VisitorID, CustomerID: row.CustomerID, Customer: f.customer(c),
		Items: row.Cart, Currency: f.rules.Currency, Timestamp: a.Timestamp, Store: a.Store, Late: late,
	}
	e.Units, e.Total, e.Unpriced = sum(row.Cart)
	if who, known := e.Customer.Get(); known {
		if cmd, ok := order(row, a, &who, f.rules.Currency); ok {
			cmd.Identity.EventID, cmd.Identity.Created = c.ID(), c.Time()
			e.OrderID = schemas.Some(cmd.OrderID)
			stream.Emit(c, orderproc.CreateOrderCommand, cmd.OrderID, cmd)
		}
	}
	stream.Emit(c, shop.CartCheckedOutEvent, c.Key, e)
	was := len(row.Cart)
	row.Cart = nil
	f.cartChanged(c, a, was)
	return nil
}

// cartChanged publishes the cart, and sees to it that somebody notices when it is left alone.
func (f *shopfront) cartChanged(c visitor, a *shop.ShopAction, was int) {
	if touched(&c.State, a.Store, a.Timestamp, was) {
		c.Timer(timerCart, c.State.CartChanged.Add(f.rules.AbandonAfter))
	}
	f.publishCart(c)
}

func (f *shopfront) publishCart(c visitor) {
	if len(c.State.Cart) == 0 {
		stream.EmitTombstone(c, shop.CartState, c.Key)
		return
	}
	stream.Emit(c, shop.CartState, c.Key, cartOf(&c.State, f.rules.Currency))
}

// cartLeft is the cart's timer.
func (f *shopfront) cartLeft(c visitor, at time.Time) error {
	abandoned, forgotten, next := f.rules.watch(&c.State, at)
	switch {
	case abandoned:
		c.State.CartAbandonedAt = schemas.Some(c.State.CartChanged.Add(f.rules.AbandonAfter))
		f.publishCart(c)
	case forgotten:
		was := len(c.State.Cart)
		c.State.Cart = nil
		touched(&c.State, "", at, was)
		f.publishCart(c)
	}
	if !next.IsZero() {
		c.Timer(timerCart, next)
	}
	return nil
}

// visitOver is the visit's timer.
func (f *shopfront) visitOver(c visitor, at time.Time) error {
	s := f.begin()
	next, more := s.close(&c.State, at)
	f.publish(c, s)
	if more {
		c.Timer(timerVisit, next)
	}
	return nil
}

// publish publishes what became of the visits.
func (f *shopfront) publish(c visitor, s *visits) {
	for _, start := range s.gone {
		stream.EmitTombstone(c, shop.ShopVisitedState, shop.ShopVisitedKey{VisitorID: c.Key, Start: start})
	}
	for i := range s.changed {
		f.visited(c, &s.changed[i], false)
	}
	for i := range s.closed {
		f.visited(c, &s.closed[i], true)
	}
	for i := range s.figures {
		v := &s.figures[i]
		stream.Emit(c, shop.PageVisitEvent, shop.PageNavigationKpiKey{PageID: v.PageID, Hour: v.Hour}, *v)
	}
}

func (f *shopfront) visited(c visitor, v *shop.OpenVisit, closed bool) {
	stream.Emit(c, shop.ShopVisitedState, shop.ShopVisitedKey{VisitorID: c.Key, Start: v.Start}, shop.ShopVisited{
		VisitorID: c.Key, Start: v.Start, End: v.End, CustomerID: c.State.CustomerID, Store: v.Store, FirstVisit: v.First,
		LoggedIn: v.LoggedIn, Ordered: v.Ordered, CartAction: v.CartAction, PageCount: int32(len(v.Views)),
		ActionCount: v.Actions, Closed: closed,
	})
}

// product is what is known of a product now. One that nobody knows, or that was deleted, has its id, and the price the
// visitor was shown.
func (f *shopfront) product(c visitor, it *shop.ItemAction) shop.CartProduct {
	p := shop.CartProduct{ID: productID(it.ProductID), Price: it.UnitPrice}
	row, ok := f.products.Get(c, p.ID)
	if !ok {
		return p
	}
	p.Name = schemas.Some(shorten(row.Name, maxLabel))
	if name, ok := row.Category.Get(); ok {
		p.Category = schemas.Some(shorten(name, maxLabel))
	}
	if row.Currency == f.rules.Currency && row.ListPrice >= 0 && row.ListPrice <= maxPrice {
		p.Price = schemas.Some(row.ListPrice)
	}
	return p
}

// names is what carts tell of a customer, and all that is kept here of a million of them.
func names(c customer.Customer) customer.Customer {
	return customer.Customer{FirstName: short(c.FirstName), LastName: short(c.LastName)}
}

// customer is who the visitor is, with the names that the customer domain has.
func (f *shopfront) customer(c visitor) schemas.Opt[shop.CartCustomer] {
	id, ok := c.State.CustomerID.Get()
	if !ok {
		return schemas.None[shop.CartCustomer]()
	}
	who := shop.CartCustomer{ID: id}
	if row, known := f.customers.Get(c, id); known {
		who.FirstName, who.LastName = row.FirstName, row.LastName
	}
	return schemas.Some(who)
}

// identify makes the identity of what an action becomes.
func identify(c visitor, a *shop.ShopAction) shop.Identity {
	return shop.Identity{EventID: c.ID(), IdempotenceID: a.Identity.IdempotenceID, Created: c.Time()}
}

// productID is a product's id in the product domain's spelling.
func productID(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }

// shorten cuts a text to at most n bytes, between letters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func short(t schemas.Opt[string]) schemas.Opt[string] {
	if t.Valid {
		t.Value = shorten(t.Value, maxLabel)
	}
	return t
}

func trimmed(t schemas.Opt[string], also func(string) string) schemas.Opt[string] {
	v := strings.TrimSpace(t.Or(""))
	if v == "" {
		return schemas.None[string]()
	}
	if also != nil {
		v = also(v)
	}
	return schemas.Some(v)
}
