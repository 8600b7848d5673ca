package orderprocessing

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// The limits of an order. They keep every sum over an order within 18 digits.
const (
	maxItems      = 10_000
	maxText       = 512                               // bytes in an id, a name or an address line
	maxComment    = 4096                              // bytes in a comment or a reason
	maxOrder      = 600 << 10                         // bytes of an order, so that its state fits a record everywhere
	maxRefused    = 64 << 10                          // bytes of a refused order that are kept with the refusal
	maxLineAmount = schemas.Money(99_999_999_999_999) // a line's quantity × price, unsigned
)

// Problem is a field of a command that is not valid, named as in the contract: "items[3].quantity".
type Problem struct {
	Field  string
	Reason string
}

// Error makes a Problem an error.
func (p *Problem) Error() string { return p.Field + ": " + p.Reason }

func problem(field, format string, args ...any) *Problem {
	return &Problem{Field: field, Reason: fmt.Sprintf(format, args...)}
}

// check tells the first field of a command that is not valid, or nil. It is the only judge of commands: the REST API
// asks it before it takes an order, the life cycle asks it again, because commands reach the topic by other ways too.
func (r Rules) check(o *orderproc.CreateOrder) *Problem {
	switch {
	case o.Identity.IdempotenceID == "":
		return problem("identity.idempotenceId", "is missing")
	case o.Kind == orderproc.OrderKindUnknown:
		return problem("kind", "is not a known kind of order")
	case !slices.Contains(r.Currencies, o.Currency):
		return problem("currency", "%q is not taken here, only %s", o.Currency, strings.Join(r.Currencies, ", "))
	case o.OrderDate.UnixMilli() <= 0:
		return problem("orderDate", "is missing")
	case len(o.Items) == 0:
		return problem("items", "the order has no items")
	case len(o.Items) > maxItems:
		return problem("items", "%d items, at most %d are taken", len(o.Items), maxItems)
	case sizeOf(o) > maxOrder:
		return problem("items", "the order is larger than %d KiB", maxOrder>>10)
	case o.Cancels.Valid && o.Kind != orderproc.OrderKindCancellation:
		return problem("cancels", "only a CANCELLATION credits another order")
	}
	if p := checkTexts(o); p != nil {
		return p
	}
	if p := checkPartner(o); p != nil {
		return p
	}
	for i := range o.Items {
		if p := checkItem(o.Kind, &o.Items[i]); p != nil {
			p.Field = itemField(i, p.Field)
			return p
		}
	}
	return nil
}

func checkTexts(o *orderproc.CreateOrder) *Problem {
	if p := checkText("orderId", o.OrderID, maxText); p != nil {
		return p
	}
	for _, t := range []struct {
		field string
		text  schemas.Opt[string]
		limit int
	}{
		{"customerId", o.CustomerID, maxText},
		{"customerName", o.CustomerName, maxText},
		{"country", o.Country, maxText},
		{"paymentReference", o.PaymentReference, maxText},
		{"cancels", o.Cancels, maxText},
	} {
		if !t.text.Valid {
			continue
		}
		if p := checkText(t.field, t.text.Value, t.limit); p != nil {
			return p
		}
	}
	if len(o.Comment.Value) > maxComment {
		return problem("comment", "%d bytes, at most %d are taken", len(o.Comment.Value), maxComment)
	}
	if p := checkAddress("billTo", o.BillTo); p != nil {
		return p
	}
	return checkAddress("shipTo", o.ShipTo)
}

func checkAddress(field string, a schemas.Opt[orderproc.Address]) *Problem {
	if !a.Valid {
		return nil
	}
	for _, t := range []struct{ name, text string }{
		{"line1", a.Value.Line1}, {"city", a.Value.City}, {"country", a.Value.Country},
	} {
		if p := checkText(field+"."+t.name, t.text, maxText); p != nil {
			return p
		}
	}
	for _, t := range []struct {
		name string
		text schemas.Opt[string]
	}{
		{"name", a.Value.Name}, {"line2", a.Value.Line2}, {"postalCode", a.Value.PostalCode}, {"region", a.Value.Region},
	} {
		if len(t.text.Value) > maxText {
			return problem(field+"."+t.name, "%d bytes, at most %d are taken", len(t.text.Value), maxText)
		}
	}
	return nil
}

// checkText refuses what cannot be an id or a name: nothing, too much, or control characters.
func checkText(field, text string, limit int) *Problem {
	switch {
	case strings.TrimSpace(text) == "":
		return problem(field, "is empty")
	case len(text) > limit:
		return problem(field, "%d bytes, at most %d are taken", len(text), limit)
	case strings.ContainsFunc(text, unicode.IsControl):
		return problem(field, "has a control character")
	}
	return nil
}

func checkItem(kind orderproc.OrderKind, it *orderproc.OrderItem) *Problem {
	if p := checkText("productId", it.ProductID, maxText); p != nil {
		return p
	}
	if len(it.ProductCode) > maxText || len(it.Description.Value) > maxText {
		return problem("description", "at most %d bytes are taken", maxText)
	}
	credit := kind == orderproc.OrderKindCancellation
	switch {
	case it.Quantity == 0:
		return problem("quantity", "is 0")
	case it.Quantity < 0 && kind == orderproc.OrderKindSale:
		return problem("quantity", "%d is below 0 in a SALE", it.Quantity)
	case it.Quantity > 0 && (credit || kind == orderproc.OrderKindWriteOff):
		return problem("quantity", "%d is above 0 in a %s", it.Quantity, kind)
	case it.UnitPrice < 0 && kind != orderproc.OrderKindAdjustment:
		return problem("unitPrice", "%s is below 0", it.UnitPrice)
	case it.UnitPrice != 0 && kind == orderproc.OrderKindWriteOff:
		return problem("unitPrice", "%s: a WRITE_OFF carries no money", it.UnitPrice)
	}
	q, price := int64(it.Quantity), it.UnitPrice
	if q < 0 {
		q = -q
	}
	if price < 0 {
		price = -price
	}
	if price < 0 || price > maxLineAmount/schemas.Money(q) {
		return problem("unitPrice", "quantity × unitPrice is above %s", maxLineAmount)
	}
	amount, off := it.UnitPrice.Times(int64(it.Quantity)), it.Discount.Or(0)
	switch {
	case !it.Discount.Valid || off == 0:
	case kind == orderproc.OrderKindSale && (off < 0 || off > amount):
		return problem("discount", "%s is not between 0 and the line's %s", off, amount)
	case credit && (off > 0 || off < amount):
		return problem("discount", "%s is not between the line's %s and 0", off, amount)
	case kind != orderproc.OrderKindSale && !credit:
		return problem("discount", "is not taken in orders of kind %s", kind)
	}
	return nil
}

func itemField(i int, field string) string { return fmt.Sprintf("items[%d].%s", i, field) }

// sizeOf is about the bytes the order takes as a record, once its product codes are filled in.
func sizeOf(o *orderproc.CreateOrder) int {
	n := 512 + len(o.OrderID) + 2*len(o.Identity.IdempotenceID) + len(o.Currency)
	for _, t := range []schemas.Opt[string]{o.CustomerID, o.CustomerName, o.Country, o.PaymentReference, o.Comment, o.Cancels} {
		n += len(t.Value)
	}
	for _, a := range []schemas.Opt[orderproc.Address]{o.BillTo, o.ShipTo} {
		n += len(a.Value.Name.Value) + len(a.Value.Line1) + len(a.Value.Line2.Value) + len(a.Value.City) +
			len(a.Value.PostalCode.Value) + len(a.Value.Region.Value) + len(a.Value.Country)
	}
	for i := range o.Items {
		it := &o.Items[i]
		n += 40 + len(it.ProductID) + max(len(it.ProductID), len(it.ProductCode)) + len(it.Description.Value)
	}
	return n
}

// shorten cuts a text to at most limit bytes, between characters.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "")
}
