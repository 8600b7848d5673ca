package recommendation

import (
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/recommendation/model"
)

// Keys of shoppers begin with what the id is of.
const (
	customerPrefix = "c:"
	visitorPrefix  = "v:"
)

// emitSignal passes a signal on to its shopper.
type emitSignal = func(string, prodrec.ShopperSignal)

// shopperOf is the key of who did something: the customer where the visitor is known to be one.
func shopperOf(visitorID string, customerID schemas.Opt[string]) string {
	if id, ok := customerID.Get(); ok {
		return customerPrefix + id
	}
	return visitorPrefix + visitorID
}

func send(emit emitSignal, key string, g prodrec.ShopperSignal) {
	g.Key = key
	emit(key, g)
}

// joined hands over what a visitor did before being known. It is sent along with actions that are rarer than looks at
// pages, so that it reaches the visitor's row even where a login was not seen.
func joined(emit emitSignal, visitorID string, customerID schemas.Opt[string], at time.Time) {
	if customerID.Valid {
		send(emit, visitorPrefix+visitorID, prodrec.ShopperSignal{Kind: prodrec.SignalKindJoin, At: at, CustomerID: customerID})
	}
}

func viewed(_ *stream.KeyCtx, e shop.PageNavigated, emit emitSignal) error {
	send(emit, shopperOf(e.VisitorID, e.CustomerID), prodrec.ShopperSignal{
		Kind: prodrec.SignalKindView, At: e.RequestTimestamp, ProductID: upper(e.ProductID),
	})
	return nil
}

func searched(_ *stream.KeyCtx, e shop.SearchPerformed, emit emitSignal) error {
	joined(emit, e.VisitorID, e.CustomerID, e.Timestamp)
	send(emit, shopperOf(e.VisitorID, e.CustomerID), prodrec.ShopperSignal{Kind: prodrec.SignalKindSearch, At: e.Timestamp})
	return nil
}

func added(_ *stream.KeyCtx, e shop.ProductAdded, emit emitSignal) error {
	joined(emit, e.VisitorID, e.CustomerID, e.Timestamp)
	send(emit, shopperOf(e.VisitorID, e.CustomerID), prodrec.ShopperSignal{
		Kind: prodrec.SignalKindAdd, At: e.Timestamp, ProductID: upper(schemas.Some(e.Product.ID)), Quantity: e.Quantity,
	})
	return nil
}

func removed(_ *stream.KeyCtx, e shop.ProductRemoved, emit emitSignal) error {
	joined(emit, e.VisitorID, e.CustomerID, e.Timestamp)
	send(emit, shopperOf(e.VisitorID, e.CustomerID), prodrec.ShopperSignal{
		Kind: prodrec.SignalKindRemove, At: e.Timestamp, ProductID: upper(schemas.Some(e.Product.ID)), Quantity: e.Quantity,
	})
	return nil
}

func checkedOut(_ *stream.KeyCtx, e shop.CartCheckedOut, emit emitSignal) error {
	joined(emit, e.VisitorID, e.CustomerID, e.Timestamp)
	send(emit, shopperOf(e.VisitorID, e.CustomerID), prodrec.ShopperSignal{Kind: prodrec.SignalKindCheckout, At: e.Timestamp})
	return nil
}

// loggedIn says who a visitor is; an attempt that failed says nothing.
func loggedIn(_ *stream.KeyCtx, e shop.UserLoggedIn, emit emitSignal) error {
	if e.Successful {
		joined(emit, e.VisitorID, schemas.Some(e.UserID), e.Timestamp)
	}
	return nil
}

// deleted tells a customer's row that the account was deleted. Pages and looks that come later begin anew.
func deleted(c *stream.KeyCtx, r customer.CustomerRole, emit emitSignal) error {
	if r.Role == customer.RoleGone {
		send(emit, customerPrefix+r.CustomerID, prodrec.ShopperSignal{Kind: prodrec.SignalKindForget, At: c.Time()})
	}
	return nil
}

// unbought tells a customer's history the same.
func unbought(c *stream.KeyCtx, r customer.CustomerRole, emit func(string, prodrec.PurchaseSignal)) error {
	if r.Role == customer.RoleGone {
		key := customerPrefix + r.CustomerID
		emit(key, prodrec.PurchaseSignal{Key: key, At: c.Time(), Forget: true})
	}
	return nil
}

func purchased(_ *stream.KeyCtx, o orderproc.OrderCompleted, emit func(string, prodrec.PurchaseSignal)) error {
	id, ok := o.CustomerID.Get()
	items := goods(&o)
	if !ok || len(items) == 0 {
		return nil
	}
	key := customerPrefix + id
	emit(key, prodrec.PurchaseSignal{Key: key, At: o.OrderDate, Products: items})
	return nil
}

// goods are the products of an order that somebody chose and paid for, each once, in the order of the lines. Free goods
// and charges taken back say nothing about taste; adjustments and write-offs have no goods at all.
func goods(o *orderproc.OrderCompleted) []string {
	if o.Kind != orderproc.OrderKindSale {
		return nil
	}
	lines := slices.Clone(o.Lines)
	slices.SortStableFunc(lines, func(a, b orderproc.OrderLine) int { return int(a.LineNumber - b.LineNumber) })
	out := make([]string, 0, len(lines))
	for i := range lines {
		if l := &lines[i]; l.Quantity > 0 && l.UnitPrice > 0 {
			out = append(out, strings.ToUpper(l.ProductID))
		}
	}
	return model.Unique(out)
}

func upper(id schemas.Opt[string]) schemas.Opt[string] {
	if id.Valid {
		id.Value = strings.ToUpper(id.Value)
	}
	return id
}
