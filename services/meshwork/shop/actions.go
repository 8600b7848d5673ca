package shop

import (
	"meshwork.dev/schemas"
	shopc "meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
)

// site is where the shop is on the web, a domain reserved for examples.
const site = "https://shop.example.org"

// store is the shop's front end.
const store = "uk"

func browsers() [6]string {
	return [6]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile Safari/604.1",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
	}
}

const (
	crawlerAgent = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example.org/about)"
	searchEngine = "https://search.example.com/"
)

// actionRoom hands out room for actions: what was given back, and otherwise one allocation for many.
type actionRoom struct {
	slab []shopc.ShopAction
	back []*shopc.ShopAction
}

func (r *actionRoom) take() *shopc.ShopAction {
	if n := len(r.back); n > 0 {
		a := r.back[n-1]
		r.back = r.back[:n-1]
		*a = shopc.ShopAction{}
		return a
	}
	if len(r.slab) == 0 {
		r.slab = make([]shopc.ShopAction, 16)
	}
	a := &r.slab[0]
	r.slab = r.slab[1:]
	return a
}

// Recycle takes back a message that the caller no longer needs.
func (s *Simulator) Recycle(m feed.Message) {
	if m.Action != nil && len(s.actions.back) < 64 {
		s.actions.back = append(s.actions.back, m.Action)
	}
}

// action tells the mesh what a visitor did.
func (s *Simulator) action(wanted bool, v *visit, did deed) (m feed.Message, ok bool) {
	if s.c.Emit&Actions == 0 {
		return m, false
	}
	s.count(v, did)
	if !wanted {
		return m, true
	}
	if v.id == "" {
		v.id = visitorID(v.visitor)
	}
	id, at := s.actionID(v.number, v.step), s.now()
	a := s.actions.take()
	a.Identity = shopc.Identity{EventID: id, IdempotenceID: id, Created: at}
	a.VisitorID, a.Timestamp, a.Store = v.id, at, store
	agent := s.words.browsers[v.visitor%uint64(len(s.words.browsers))]
	if v.flags&bot != 0 {
		agent = crawlerAgent
	}
	a.UserAgent = schemas.Some(agent)
	if v.flags&loggedIn != 0 {
		a.CustomerID = schemas.Some(customerID(int(v.customer)))
	}
	switch did.kind {
	case pageView:
		a.Kind = shopc.ActionKindPage
		a.Page = schemas.Some(s.pageAction(v))
	case search:
		a.Kind = shopc.ActionKindSearch
		terms := &s.words.searches[v.category]
		a.Search = schemas.Some(shopc.SearchAction{
			Term: terms[v.number%uint64(len(terms))], ResultCount: schemas.Some(int32(len(s.articles) / categories)),
		})
	case add, remove:
		a.Kind = shopc.ActionKindAdd
		if did.kind == remove {
			a.Kind = shopc.ActionKindRemove
		}
		a.Item = schemas.Some(shopc.ItemAction{
			ProductID: s.articles[did.product].texts.id, Quantity: int32(did.quantity), UnitPrice: schemas.Some(s.price(did.product)),
		})
	case checkout:
		a.Kind = shopc.ActionKindCheckout
		a.Checkout = schemas.Some(s.checkoutAction(v, id))
	case register:
		a.Kind = shopc.ActionKindRegister
		k := int(v.customer)
		p := s.identity(k, 0)
		a.Registration = schemas.Some(shopc.Registration{
			UserID: customerID(k), FirstName: p.first, LastName: p.last, Email: schemas.Some(p.email), Country: schemas.Some(p.town.country),
		})
	case login:
		a.Kind = shopc.ActionKindLogin
		a.Login = schemas.Some(shopc.LoginAction{UserID: customerID(int(v.customer)), Successful: did.ok})
	default:
		s.garble(a, v)
	}
	m.Action = a
	return m, true
}

// pageAction is the page a visitor came to.
func (s *Simulator) pageAction(v *visit) shopc.PageAction {
	var p shopc.PageAction
	switch v.page {
	case productPage:
		t := &s.articles[v.product].texts
		p.Page = shopc.Page{ID: t.page, Name: t.name, URL: t.url}
		p.ProductID = schemas.Some(t.id)
	case category:
		w := s.words
		p.Page = shopc.Page{ID: w.pages[v.category], Name: w.categories[v.category], URL: w.urls[v.category]}
	case basket:
		p.Page = shopc.Page{ID: "cart", Name: "Cart", URL: site + "/cart"}
	case checkoutPage:
		p.Page = shopc.Page{ID: "checkout", Name: "Checkout", URL: site + "/checkout"}
	default:
		p.Page = shopc.Page{ID: "home", Name: "Home", URL: site + "/"}
	}
	p.DestinationURL = p.Page.URL
	switch {
	case v.from != outside:
		p.ReferringURL = schemas.Some(site + "/")
	case v.page == productPage:
		p.ReferringURL = schemas.Some(searchEngine)
	case v.page == category:
		p.DestinationURL = s.words.campaign[v.category]
	}
	return p
}

func (s *Simulator) checkoutAction(v *visit, id string) shopc.CheckoutAction {
	k := int(v.customer)
	p := s.identity(k, int(s.people[k].moves))
	address := schemas.Some(shopc.Address{
		Name: schemas.Some(p.first + " " + p.last), Line1: p.line1, City: p.town.name, PostalCode: schemas.Some(p.town.code),
		Country: p.town.country,
	})
	return shopc.CheckoutAction{BillTo: address, ShipTo: address, PaymentReference: schemas.Some("pay-" + id)}
}

// garble makes an action that no shop should take for true.
func (s *Simulator) garble(a *shopc.ShopAction, v *visit) {
	switch v.number % 4 {
	case 0:
		a.Kind = shopc.ActionKindPage // without a page
	case 1:
		a.Kind = shopc.ActionKindAdd
		a.Item = schemas.Some(shopc.ItemAction{ProductID: s.articles[0].texts.id, Quantity: 0})
	case 2:
		a.Kind = shopc.ActionKindUnknown
	default:
		a.Kind = shopc.ActionKindRemove
		a.Item = schemas.Some(shopc.ItemAction{ProductID: "", Quantity: -1})
	}
}

// count keeps the tally of actions.
func (s *Simulator) count(v *visit, did deed) {
	t := &s.tally
	switch did.kind {
	case pageView:
		if v.flags&bot != 0 {
			t.BotPages++
		} else {
			t.Pages++
		}
	case search:
		t.Searches++
	case add:
		t.Adds++
	case remove:
		t.Removes++
	case checkout:
		t.Checkouts++
		for _, l := range v.basket[:v.n] {
			t.Pieces += int64(l.quantity)
		}
	case register:
		t.Registrations++
	case login:
		if did.ok {
			t.Logins++
		} else {
			t.FailedLogins++
		}
	default:
		t.Garbage++
	}
}

// pageID is the id of the page of a product or category.
func pageID(what, which string) string { return what + "/" + which }

// pathOf is the address of a page.
func pathOf(page string) string { return site + "/" + page }
