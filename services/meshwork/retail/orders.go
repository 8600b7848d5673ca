package retail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/feed"
)

// Currency of every amount in the data set.
const Currency = "GBP"

// settle is how long, in file time, an invoice stays open after its last row: rows of one invoice may stand a minute
// apart with other invoices in between.
const settle = 10 * time.Minute

// invoice is an order being put together.
type invoice struct {
	order   *orderproc.CreateOrder
	last    time.Time      // time of its latest row
	changes []feed.Message // product changes its rows brought, to be sent before it
	country string
}

// assembler puts rows together to orders.
type assembler struct {
	open   map[string]*invoice
	queue  []*invoice // open invoices in the order of their first rows
	closed map[string]struct{}
}

func newAssembler() assembler {
	return assembler{open: make(map[string]*invoice), closed: make(map[string]struct{})}
}

// kindOf tells what an invoice is by its number. Write-offs are told later, by their lines.
func kindOf(invoiceNo string) (orderproc.OrderKind, error) {
	digits := invoiceNo
	kind := orderproc.OrderKindSale
	switch {
	case strings.HasPrefix(invoiceNo, "C"):
		digits, kind = invoiceNo[1:], orderproc.OrderKindCancellation
	case strings.HasPrefix(invoiceNo, "A"):
		digits, kind = invoiceNo[1:], orderproc.OrderKindAdjustment
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return kind, fmt.Errorf("column InvoiceNo: %q is neither a number nor C or A and a number", invoiceNo)
	}
	return kind, nil
}

var (
	errClosed   = errors.New("a row of an invoice that ended long before")
	errCustomer = errors.New("another customer than the rows before in the same invoice")
	errCountry  = errors.New("another country than the rows before in the same invoice")
)

// add puts a row into its order.
func (a *assembler) add(row *Row) (*invoice, error) {
	inv := a.open[row.InvoiceNo]
	if inv == nil {
		kind, err := kindOf(row.InvoiceNo)
		if err != nil {
			return nil, err
		}
		if _, ok := a.closed[row.InvoiceNo]; ok {
			return nil, errClosed
		}
		inv = &invoice{order: newOrder(row, kind), country: row.Country}
		a.open[row.InvoiceNo] = inv
		a.queue = append(a.queue, inv)
	}
	o := inv.order
	if row.CustomerID != o.CustomerID.Or("") {
		return nil, errCustomer
	}
	if row.Country != inv.country {
		return nil, errCountry
	}
	item := orderproc.OrderItem{
		LineNumber: int32(row.Number), ProductID: ProductID(row.StockCode), ProductCode: row.StockCode,
		Quantity: row.Quantity, UnitPrice: row.UnitPrice, OrderedAt: row.At,
	}
	if row.Description != "" {
		item.Description = schemas.Some(row.Description)
	}
	o.Items = append(o.Items, item)
	if row.At.Before(o.OrderDate) {
		o.OrderDate = row.At
	}
	if row.At.After(inv.last) {
		inv.last = row.At
	}
	return inv, nil
}

func newOrder(row *Row, kind orderproc.OrderKind) *orderproc.CreateOrder {
	o := &orderproc.CreateOrder{
		OrderID: row.InvoiceNo, Kind: kind, Currency: Currency, OrderDate: row.At,
		Items: make([]orderproc.OrderItem, 0, 8),
	}
	if row.CustomerID != "" {
		o.CustomerID = schemas.Some(row.CustomerID)
	}
	if row.Country != "" {
		o.Country = schemas.Some(row.Country)
	}
	return o
}

// ProductID is the product domain's spelling of a code: the file has 112 codes in two spellings (85123A, 85123a).
func ProductID(stockCode string) string { return strings.ToUpper(stockCode) }

// closeBefore completes the invoices at the head of the queue whose last row is long before now.
func (a *assembler) closeBefore(now time.Time, out []feed.Message) []feed.Message {
	n := 0
	for n < len(a.queue) && now.Sub(a.queue[n].last) > settle {
		out = a.finish(a.queue[n], out)
		n++
	}
	if n > 0 {
		a.queue = append(a.queue[:0], a.queue[n:]...)
	}
	return out
}

func (a *assembler) closeAll(out []feed.Message) []feed.Message {
	for _, inv := range a.queue {
		out = a.finish(inv, out)
	}
	a.queue = nil
	return out
}

// finish turns an open invoice into messages. What the whole of its rows tells is decided here.
func (a *assembler) finish(inv *invoice, out []feed.Message) []feed.Message {
	o := inv.order
	delete(a.open, o.OrderID)
	a.closed[o.OrderID] = struct{}{}
	if o.Kind == orderproc.OrderKindSale && isWriteOff(o) {
		o.Kind = orderproc.OrderKindWriteOff
	}
	o.Channel = orderproc.ChannelBackOffice
	if o.Kind == orderproc.OrderKindSale {
		o.Channel = orderproc.ChannelWeb
	}
	// The number of lines is part of the id, so that an invoice cut off by the end of a shorter file is not taken for
	// the whole one.
	id := "online-retail/" + o.OrderID + "/" + strconv.Itoa(len(o.Items))
	o.Identity = orderproc.Identity{EventID: id, IdempotenceID: id, Created: o.OrderDate}
	for _, m := range inv.changes {
		m.At = o.OrderDate
		out = append(out, m)
	}
	return append(out, feed.Message{At: o.OrderDate, Order: o})
}

// isWriteOff tells stock that left without money: nobody bought it, nothing was paid, pieces went.
func isWriteOff(o *orderproc.CreateOrder) bool {
	if o.CustomerID.Valid {
		return false
	}
	for i := range o.Items {
		if o.Items[i].Quantity > 0 || o.Items[i].UnitPrice != 0 {
			return false
		}
	}
	return true
}
