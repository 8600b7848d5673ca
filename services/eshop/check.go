package eshop

import (
	"errors"
	"fmt"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/shop"
)

// The limits of an action. They keep a visitor's row well below what a broker takes as a record, and every sum within
// 18 digits.
const (
	maxID       = 128                        // bytes in an id of a visitor, user, page or product
	maxKey      = 512                        // bytes in an idempotenceId
	maxURL      = 4096                       // bytes in an address
	maxName     = 512                        // bytes in a name, a search term or a filter
	maxAgent    = 2048                       // bytes in a user agent
	maxFilters  = 50                         // filters, and values of one
	maxFilter   = 16 << 10                   // bytes of all filters
	maxComment  = 4096                       // bytes in a comment
	maxQuantity = 100_000                    // pieces in an action, and in a line of a cart
	maxLines    = 1200                       // different products in a cart
	maxLabel    = 200                        // bytes of a product's name or category that a cart keeps
	maxViews    = 1000                       // pages in a visit; nobody sees more
	maxPrice    = schemas.Money(999_999_999) // of one piece; a line stays within what order processing takes
	maxAhead    = 5 * time.Minute            // of the clock of the shop's front end over that of the API
	maxBehind   = 7 * 24 * time.Hour         // between an action and its being taken in
)

// earliest is before any shop.
var earliest = time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)

// Problem is a field of an action that is not valid, named as in the contract: "page.page.id".
type Problem struct {
	Field  string
	Reason string
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Field + ": " + p.Reason }

func problem(field, format string, args ...any) *Problem {
	return &Problem{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// The reasons an action is a dead letter although its fields are valid.
var (
	errKey       = stream.Reject(errors.New("the record's key is not the visitorId"))
	errRobot     = stream.Reject(errors.New("robot: the user agent says so"))
	errTireless  = stream.Reject(fmt.Errorf("robot: more than %d pages in one visit", maxViews))
	errNotInCart = stream.Reject(errors.New("cart: the product to take out is not in it"))
	errNoCart    = stream.Reject(errors.New("cart: there is nothing to check out"))
	errTooMany   = stream.Reject(fmt.Errorf("cart: more than %d pieces of a product", maxQuantity))
	errLines     = stream.Reject(fmt.Errorf("cart: more than %d products", maxLines))
	errRepeated  = stream.Skip(errors.New("the action was taken in before"))
)

// check tells the first field of an action that is not valid, or nil. It is the only judge: the API asks it before it
// takes an action in, the product asks it again, because actions reach the topic by other ways too.
func check(a *shop.ShopAction) *Problem {
	if p := checkID("identity.idempotenceId", a.Identity.IdempotenceID, maxKey); p != nil {
		return p
	}
	if p := checkID("visitorId", a.VisitorID, maxID); p != nil {
		return p
	}
	switch {
	case a.Identity.Created.Before(earliest):
		return problem("identity.created", "is missing")
	case a.Timestamp.Before(earliest):
		return problem("timestamp", "is missing")
	case a.Timestamp.Sub(a.Identity.Created) > maxAhead:
		return problem("timestamp", "is after the action was taken in")
	case a.Identity.Created.Sub(a.Timestamp) > maxBehind:
		return problem("timestamp", "is more than %v before the action was taken in", maxBehind)
	case len(a.Store) > maxID:
		return problem("store", "%d bytes, at most %d are taken", len(a.Store), maxID)
	case len(a.UserAgent.Value) > maxAgent:
		return problem("userAgent", "%d bytes, at most %d are taken", len(a.UserAgent.Value), maxAgent)
	}
	if a.CustomerID.Valid {
		if p := checkID("customerId", a.CustomerID.Value, maxID); p != nil {
			return p
		}
	}
	return checkKind(a)
}

func checkKind(a *shop.ShopAction) *Problem {
	switch a.Kind {
	case shop.ActionKindPage:
		if !a.Page.Valid {
			return problem("page", "is missing")
		}
		return checkPage(&a.Page.Value)
	case shop.ActionKindSearch:
		if !a.Search.Valid {
			return problem("search", "is missing")
		}
		if len(a.Search.Value.Term) > maxName {
			return problem("search.term", "%d bytes, at most %d are taken", len(a.Search.Value.Term), maxName)
		}
		return checkFilters("search.filters", a.Search.Value.Filters)
	case shop.ActionKindAdd, shop.ActionKindRemove:
		if !a.Item.Valid {
			return problem("item", "is missing")
		}
		return checkItem(&a.Item.Value)
	case shop.ActionKindCheckout:
		return checkCheckout(&a.Checkout.Value)
	case shop.ActionKindRegister:
		if !a.Registration.Valid {
			return problem("registration", "is missing")
		}
		return checkRegistration(&a.Registration.Value)
	case shop.ActionKindLogin:
		if !a.Login.Valid {
			return problem("login", "is missing")
		}
		return checkID("login.userId", a.Login.Value.UserID, maxID)
	default:
		return problem("kind", "is not a known kind of action")
	}
}

func checkPage(p *shop.PageAction) *Problem {
	if q := checkID("page.page.id", p.Page.ID, maxID); q != nil {
		return q
	}
	if len(p.Page.Name) > maxName {
		return problem("page.page.name", "%d bytes, at most %d are taken", len(p.Page.Name), maxName)
	}
	if !isURL(p.Page.URL) {
		return problem("page.page.url", "is not an address of at most %d bytes", maxURL)
	}
	if !isURL(p.DestinationURL) {
		return problem("page.destinationUrl", "is not an address of at most %d bytes", maxURL)
	}
	if p.ProductID.Valid {
		if q := checkID("page.productId", p.ProductID.Value, maxID); q != nil {
			return q
		}
	}
	return checkFilters("page.filters", p.Filters)
}

func checkItem(it *shop.ItemAction) *Problem {
	if p := checkID("item.productId", it.ProductID, maxID); p != nil {
		return p
	}
	switch price := it.UnitPrice.Value; {
	case it.Quantity <= 0:
		return problem("item.quantity", "%d is not above 0", it.Quantity)
	case it.Quantity > maxQuantity:
		return problem("item.quantity", "%d is above %d", it.Quantity, maxQuantity)
	case price < 0 || price > maxPrice:
		return problem("item.unitPrice", "%s is not between 0 and %s", price, maxPrice)
	}
	return nil
}

func checkCheckout(c *shop.CheckoutAction) *Problem {
	if len(c.Comment.Value) > maxComment {
		return problem("checkout.comment", "%d bytes, at most %d are taken", len(c.Comment.Value), maxComment)
	}
	if c.PaymentReference.Valid {
		if p := checkID("checkout.paymentReference", c.PaymentReference.Value, maxName); p != nil {
			return p
		}
	}
	for _, a := range []struct {
		field   string
		address schemas.Opt[shop.Address]
	}{{"checkout.billTo", c.BillTo}, {"checkout.shipTo", c.ShipTo}} {
		if !a.address.Valid {
			continue
		}
		v := &a.address.Value
		for _, t := range []struct{ name, text string }{{"line1", v.Line1}, {"city", v.City}, {"country", v.Country}} {
			if p := checkID(a.field+"."+t.name, t.text, maxName); p != nil {
				return p
			}
		}
		for _, t := range []struct {
			name string
			text schemas.Opt[string]
		}{{"name", v.Name}, {"line2", v.Line2}, {"postalCode", v.PostalCode}, {"region", v.Region}} {
			if len(t.text.Value) > maxName {
				return problem(a.field+"."+t.name, "%d bytes, at most %d are taken", len(t.text.Value), maxName)
			}
		}
	}
	return nil
}

func checkRegistration(r *shop.Registration) *Problem {
	if p := checkID("registration.userId", r.UserID, maxID); p != nil {
		return p
	}
	for _, t := range []struct{ field, text string }{
		{"registration.firstName", r.FirstName},
		{"registration.lastName", r.LastName},
		{"registration.email", r.Email.Value},
		{"registration.country", r.Country.Value},
	} {
		if len(t.text) > maxName {
			return problem(t.field, "%d bytes, at most %d are taken", len(t.text), maxName)
		}
	}
	return nil
}

func checkFilters(field string, fs []shop.Filter) *Problem {
	if len(fs) > maxFilters {
		return problem(field, "%d filters, at most %d are taken", len(fs), maxFilters)
	}
	size := 0
	for i := range fs {
		if len(fs[i].Values) > maxFilters || len(fs[i].Key) > maxName {
			return problem(fmt.Sprintf("%s[%d]", field, i), "too many values, or too long a key")
		}
		for j, v := range fs[i].Values {
			if len(v) > maxName {
				return problem(fmt.Sprintf("%s[%d].values[%d]", field, i, j), "%d bytes, at most %d are taken", len(v), maxName)
			}
			size += len(v)
		}
		size += len(fs[i].Key)
	}
	if size > maxFilter {
		return problem(field, "%d bytes of filters, at most %d are taken", size, maxFilter)
	}
	return nil
}

// checkID says whether a text can be an id: not empty, not too long, and nothing in it that cannot be seen.
func checkID(field, text string, limit int) *Problem {
	if text == "" {
		return problem(field, "is missing")
	}
	if len(text) > limit {
		return problem(field, "%d bytes, at most %d are taken", len(text), limit)
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return problem(field, "holds a control character")
		}
	}
	return nil
}
