package retail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// Totals are the figures of one view of the data set.
type Totals struct {
	Rows      int
	Invoices  int
	Customers int
	Codes     int // as entered
	Units     int64
	Revenue   schemas.Money
}

// Month are the figures of one calendar month of the shop's local time.
type Month struct {
	Month                 string // 2010-12
	Rows                  int
	Invoices              int
	Net, Gross, Cancelled schemas.Money
	Clean                 schemas.Money
	CleanInvoices         int
	CleanCustomers        int
}

// view collects one view.
type view struct {
	rows     int
	units    int64
	revenue  schemas.Money
	invoices map[string]struct{}
	customer map[string]struct{}
	codes    map[string]struct{}
}

func newView() *view {
	return &view{invoices: map[string]struct{}{}, customer: map[string]struct{}{}, codes: map[string]struct{}{}}
}

func (v *view) add(o *orderproc.Order, it *orderproc.OrderItem, customer string) {
	v.rows++
	v.units += int64(it.Quantity)
	v.revenue += it.UnitPrice.Times(int64(it.Quantity))
	v.invoices[o.OrderID] = struct{}{}
	v.codes[it.ProductCode] = struct{}{}
	if customer != "" {
		v.customer[customer] = struct{}{}
	}
}

func (v *view) totals() Totals {
	return Totals{v.rows, len(v.invoices), len(v.customer), len(v.codes), v.units, v.revenue}
}

// Tables recomputes the batch tables of the data set from orders alone. Feed it every value of a folded order state
// topic, in any order, then ask.
type Tables struct {
	zone                                     *time.Location
	all, numeric, cancelled, adjusted, clean *view
	months                                   map[string]*month
	products                                 map[string]*line
}

type month struct {
	all, clean             *view
	gross, cancelled, rest schemas.Money
}

type line struct {
	rows, qty int64
	revenue   schemas.Money
	invoices  map[string]struct{}
}

// NewTables starts empty tables.
func NewTables() (*Tables, error) {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, fmt.Errorf("zone of the shop: %w", err)
	}
	return &Tables{
		zone: zone, all: newView(), numeric: newView(), cancelled: newView(), adjusted: newView(), clean: newView(),
		months: map[string]*month{}, products: map[string]*line{},
	}, nil
}

// Add takes in the final state of one order.
func (t *Tables) Add(o *orderproc.Order) {
	customer := o.Customer.Or(orderproc.OrderCustomer{}).ID
	for i := range o.Items {
		it := &o.Items[i]
		amount := it.UnitPrice.Times(int64(it.Quantity))
		key := it.OrderedAt.In(t.zone).Format("2006-01")
		m := t.months[key]
		if m == nil {
			m = &month{all: newView(), clean: newView()}
			t.months[key] = m
		}
		t.all.add(o, it, customer)
		m.all.add(o, it, customer)
		switch o.Kind {
		case orderproc.OrderKindSale, orderproc.OrderKindWriteOff:
			t.numeric.add(o, it, customer)
			m.gross += amount
		case orderproc.OrderKindCancellation:
			t.cancelled.add(o, it, customer)
			m.cancelled += amount
		default:
			t.adjusted.add(o, it, customer)
			m.rest += amount
		}
		if customer != "" && o.Kind != orderproc.OrderKindCancellation && it.Quantity > 0 && it.UnitPrice > 0 {
			t.clean.add(o, it, customer)
			m.clean.add(o, it, customer)
		}
		p := t.products[it.ProductCode]
		if p == nil {
			p = &line{invoices: map[string]struct{}{}}
			t.products[it.ProductCode] = p
		}
		p.rows++
		p.qty += int64(it.Quantity)
		p.revenue += amount
		p.invoices[o.OrderID] = struct{}{}
	}
}

// AddCommand takes in an order as it was asked for, as if it had been carried through.
func (t *Tables) AddCommand(c *orderproc.CreateOrder) {
	o := orderproc.Order{OrderID: c.OrderID, Kind: c.Kind, Items: c.Items}
	if id, ok := c.CustomerID.Get(); ok {
		o.Customer = schemas.Some(orderproc.OrderCustomer{ID: id})
	}
	t.Add(&o)
}

// All is the view of every row.
func (t *Tables) All() Totals { return t.all.totals() }

// Numeric is the view of invoices without a letter: sales and write-offs.
func (t *Tables) Numeric() Totals { return t.numeric.totals() }

// Cancelled is the view of credit notes (C invoices).
func (t *Tables) Cancelled() Totals { return t.cancelled.totals() }

// Adjusted is the view of adjustments (A invoices).
func (t *Tables) Adjusted() Totals { return t.adjusted.totals() }

// Clean is the view of lines with a customer, pieces and a price above zero, without credit notes.
func (t *Tables) Clean() Totals { return t.clean.totals() }

// Months are the figures per month, in order.
func (t *Tables) Months() []Month {
	var out []Month
	for name, m := range t.months {
		out = append(out, Month{
			Month: name, Rows: m.all.rows, Invoices: len(m.all.invoices), Net: m.gross + m.cancelled + m.rest,
			Gross: m.gross, Cancelled: m.cancelled, Clean: m.clean.revenue, CleanInvoices: len(m.clean.invoices),
			CleanCustomers: len(m.clean.customer),
		})
	}
	slices.SortFunc(out, func(a, b Month) int { return strings.Compare(a.Month, b.Month) })
	return out
}

// Digest is the sha256, in hex, of the table per product code as entered: "code|rows|quantity|revenue|invoices", one
// line each, in byte order of the codes.
func (t *Tables) Digest() string {
	codes := make([]string, 0, len(t.products))
	for code := range t.products {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	h := sha256.New()
	for _, code := range codes {
		p := t.products[code]
		fmt.Fprintf(h, "%s|%d|%d|%s|%d\n", code, p.rows, p.qty, p.revenue, len(p.invoices))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Write prints the tables for people.
func (t *Tables) Write(w io.Writer) error {
	var b strings.Builder
	views := []struct {
		name string
		v    Totals
	}{{"all", t.All()}, {"numeric", t.Numeric()}, {"cancelled", t.Cancelled()}, {"adjusted", t.Adjusted()}, {"clean", t.Clean()}}
	fmt.Fprintf(&b, "%-10s %8s %8s %9s %6s %9s %16s\n", "view", "rows", "invoices", "customers", "codes", "units", "revenue")
	for _, r := range views {
		fmt.Fprintf(&b, "%-10s %8d %8d %9d %6d %9d %16s\n", r.name, r.v.Rows, r.v.Invoices, r.v.Customers, r.v.Codes, r.v.Units, r.v.Revenue)
	}
	fmt.Fprintf(&b, "%-10s %8s %8s %15s %15s %15s %15s\n", "month", "rows", "invoices", "net", "gross", "cancelled", "clean")
	for _, m := range t.Months() {
		fmt.Fprintf(&b, "%-10s %8d %8d %15s %15s %15s %15s\n", m.Month, m.Rows, m.Invoices, m.Net, m.Gross, m.Cancelled, m.Clean)
	}
	fmt.Fprintf(&b, "products   %s\n", t.Digest())
	_, err := io.WriteString(w, b.String())
	return err
}

// SalesMonth are the figures of one month as Product Sales has them.
type SalesMonth struct {
	Rows                            int64
	Net, Gross, Cancelled, Adjusted schemas.Money
}

// SalesByMonth sums rows of Product Sales per month; the month's name is as in Month.
func SalesByMonth(rows func(yield func(*product.ProductSales) bool)) map[string]SalesMonth {
	out := map[string]SalesMonth{}
	for r := range rows {
		key := r.Day.String()[:len("2006-01")]
		m := out[key]
		m.Rows += r.Lines + r.CancelledLines + r.AdjustedLines + r.WrittenOffLines
		m.Net += r.Net
		m.Gross += r.Gross
		m.Cancelled += r.Cancelled
		m.Adjusted += r.Adjusted
		out[key] = m
	}
	return out
}
