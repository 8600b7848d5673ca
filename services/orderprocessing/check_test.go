package orderprocessing

import (
	"strings"
	"testing"
	"testing/quick"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

func validOrder() *orderproc.CreateOrder {
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	return &orderproc.CreateOrder{
		Identity: orderproc.Identity{EventID: "e1", IdempotenceID: "e1", Created: at}, OrderID: "1",
		Kind: orderproc.OrderKindSale, Channel: orderproc.ChannelWeb, Currency: "GBP", OrderDate: at,
		Items: []orderproc.OrderItem{{LineNumber: 1, ProductID: "22423", ProductCode: "22423", Quantity: 2, UnitPrice: 12750, OrderedAt: at}},
	}
}

func TestCheck(t *testing.T) {
	type o = orderproc.CreateOrder
	kind := func(k orderproc.OrderKind, quantity int32, price schemas.Money) func(*o) {
		return func(c *o) { c.Kind, c.Items[0].Quantity, c.Items[0].UnitPrice = k, quantity, price }
	}
	discount := func(d schemas.Money, before func(*o)) func(*o) {
		return func(c *o) { before(c); c.Items[0].Discount = schemas.Some(d) }
	}
	sale, credit := kind(orderproc.OrderKindSale, 2, 12750), kind(orderproc.OrderKindCancellation, -2, 12750)
	for _, c := range []struct {
		name, want string
		change     func(*o)
	}{
		{"a sale", "", sale},
		{"a credit note", "", credit},
		{"an adjustment up", "", kind(orderproc.OrderKindAdjustment, 1, 11062060)},
		{"an adjustment down", "", kind(orderproc.OrderKindAdjustment, 1, -11062060)},
		{"a write-off", "", kind(orderproc.OrderKindWriteOff, -2, 0)},
		{"a gift", "", kind(orderproc.OrderKindSale, 2, 0)},
		{"no idempotence id", "identity.idempotenceId: is missing", func(c *o) { c.Identity.IdempotenceID = "" }},
		{"unknown kind", "kind: is not a known kind of order", func(c *o) { c.Kind = orderproc.OrderKindUnknown }},
		{"unknown currency", `currency: "EUR" is not taken here, only GBP`, func(c *o) { c.Currency = "EUR" }},
		{"no date", "orderDate: is missing", func(c *o) { c.OrderDate = time.Time{} }},
		{"no items", "items: the order has no items", func(c *o) { c.Items = nil }},
		{"too many items", "items: 10001 items, at most 10000 are taken", func(c *o) { c.Items = make([]orderproc.OrderItem, 10_001) }},
		{"too many bytes", "items: the order is larger than 600 KiB", func(c *o) { c.Items[0].Description = schemas.Some(strings.Repeat("x", 700_000)) }},
		{"a sale that credits", "cancels: only a CANCELLATION credits another order", func(c *o) { c.Cancels = schemas.Some("7") }},
		{"a blank customer", "customerId: is empty", func(c *o) { c.CustomerID = schemas.Some(" ") }},
		{"control character", "orderId: has a control character", func(c *o) { c.OrderID = "a\nb" }},
		{"long comment", "comment: 5000 bytes, at most 4096 are taken", func(c *o) { c.Comment = schemas.Some(strings.Repeat("x", 5000)) }},
		{"no product", "items[0].productId: is empty", func(c *o) { c.Items[0].ProductID = "" }},
		{"no pieces", "items[0].quantity: is 0", kind(orderproc.OrderKindSale, 0, 1)},
		{"negative sale", "items[0].quantity: -1 is below 0 in a SALE", kind(orderproc.OrderKindSale, -1, 1)},
		{"positive credit", "items[0].quantity: 1 is above 0 in a CANCELLATION", kind(orderproc.OrderKindCancellation, 1, 1)},
		{"negative price", "items[0].unitPrice: -0.001 is below 0", kind(orderproc.OrderKindSale, 1, -1)},
		{"paid write-off", "items[0].unitPrice: 0.001: a WRITE_OFF carries no money", kind(orderproc.OrderKindWriteOff, -1, 1)},
		{"too much money", "items[0].unitPrice: quantity × unitPrice is above 99999999999.999", kind(orderproc.OrderKindSale, 2147483647, 99_999_999_999)},
		{"discount", "", discount(25500, sale)},
		{"discount too large", "items[0].discount: 25.501 is not between 0 and the line's 25.500", discount(25501, sale)},
		{"negative discount", "items[0].discount: -0.001 is not between 0 and the line's 25.500", discount(-1, sale)},
		{"credited discount", "", discount(-25500, credit)},
		{"credited discount up", "items[0].discount: 0.001 is not between the line's -25.500 and 0", discount(1, credit)},
		{"discount on nothing", "items[0].discount: is not taken in orders of kind WRITE_OFF", discount(1, kind(orderproc.OrderKindWriteOff, -2, 0))},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := validOrder()
			c.change(cmd)
			got := ""
			if p := DefaultRules().check(cmd); p != nil {
				got = p.Error()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What passes the checks can be summed without overflow, whatever its numbers.
func TestCheckedAmountsFit(t *testing.T) {
	fits := func(quantity int32, price int64, k uint8) bool {
		cmd := validOrder()
		cmd.Kind = orderproc.OrderKind(k%4 + 1)
		cmd.Items[0].Quantity, cmd.Items[0].UnitPrice = quantity, schemas.Money(price)
		if DefaultRules().check(cmd) != nil {
			return true
		}
		amount := cmd.Items[0].UnitPrice.Times(int64(quantity))
		back := int64(amount) / int64(quantity)
		return amount <= maxLineAmount && amount >= -maxLineAmount && back == price
	}
	if err := quick.Check(fits, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
	for _, price := range []int64{-1 << 63, 1<<63 - 1, int64(maxLineAmount), int64(maxLineAmount) + 1} {
		for _, q := range []int32{1, -1, 1<<31 - 1, -1 << 31} {
			for k := range uint8(4) {
				if !fits(q, price, k) {
					t.Errorf("%d × %d passes", q, price)
				}
			}
		}
	}
}
