package evaluate

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/report"
	"meshwork.dev/schemas"
	"meshwork.dev/services/customer"
)

// Line is a line of an invoice that counts for RFM: of a known customer, no cancellation, of positive quantity and price.
type Line struct {
	Row        int // of the file, the first after the header is 0
	InvoiceNo  string
	StockCode  string
	CustomerID string
	Quantity   int
	UnitPrice  schemas.Money
	At         time.Time // the shop's clock, taken for UTC
}

// ReadLines reads a CSV file with the columns InvoiceNo, StockCode, Quantity, InvoiceDate, UnitPrice and CustomerID and
// gives the lines that count.
func ReadLines(ctx context.Context, in io.Reader, p report.Progress) ([]Line, error) {
	r := csv.NewReader(in)
	r.ReuseRecord, r.LazyQuotes, r.FieldsPerRecord = true, true, -1
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("invoices: header: %w", err)
	}
	var col [6]int
	for i, name := range [...]string{"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"} {
		if col[i] = slices.Index(head, name); col[i] < 0 {
			return nil, fmt.Errorf("invoices: no column %q", name)
		}
	}
	fields := len(head)
	var out []Line
	for row := 0; ; row++ {
		if row%100_000 == 0 {
			p.Step("read lines", row, 0)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(f) < fields {
			return nil, fmt.Errorf("invoices: row %d: %w", row, cmp.Or(err, csv.ErrFieldCount))
		}
		if f[col[5]] == "" || strings.HasPrefix(f[col[0]], "C") {
			continue
		}
		l := Line{Row: row, InvoiceNo: strings.Clone(f[col[0]]), StockCode: strings.Clone(f[col[1]]), CustomerID: customerID(f[col[5]])}
		if l.Quantity, err = strconv.Atoi(f[col[2]]); err != nil {
			return nil, fmt.Errorf("invoices: row %d: quantity: %w", row, err)
		}
		if l.At, err = time.Parse(time.DateTime, f[col[3]]); err != nil {
			return nil, fmt.Errorf("invoices: row %d: date: %w", row, err)
		}
		if l.UnitPrice, err = schemas.ParseDecimal[schemas.Scale3](f[col[4]]); err != nil {
			return nil, fmt.Errorf("invoices: row %d: price: %w", row, err)
		}
		if l.Quantity > 0 && l.UnitPrice > 0 {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("invoices: no line counts")
	}
	return out, nil
}

// customerID is the id as the mesh writes it: 17850 for 17850.0.
func customerID(text string) string { return strings.Clone(strings.TrimSuffix(text, ".0")) }

// Standing is a customer's recency, frequency and value on a day, with the quintiles.
type Standing struct {
	CustomerID  string
	RecencyDays int
	Frequency   int
	Monetary    schemas.Money
	R, F, M     int
}

// Rank ranks the customers of lines as of the beginning of a day: quintile 1 + 5 × rank ÷ n by days since the last
// purchase (fewest last), number of invoices and value; equals by numeric customer id. The result is in the order of
// ids.
func Rank(lines []Line, day schemas.Date) []Standing {
	type sums struct {
		last     schemas.Date
		invoices map[string]bool
		value    schemas.Money
	}
	by := map[string]*sums{}
	for i := range lines {
		l := &lines[i]
		at := schemas.DateOf(l.At)
		if at >= day {
			continue
		}
		s := by[l.CustomerID]
		if s == nil {
			s = &sums{last: at, invoices: map[string]bool{}}
			by[l.CustomerID] = s
		}
		s.last = max(s.last, at)
		s.invoices[l.InvoiceNo] = true
		s.value += l.UnitPrice.Times(int64(l.Quantity))
	}
	out := make([]Standing, 0, len(by))
	for id, s := range by {
		out = append(out, Standing{CustomerID: id, RecencyDays: int(day - s.last), Frequency: len(s.invoices), Monetary: s.value})
	}
	number := func(s *Standing) int { n, _ := strconv.Atoi(s.CustomerID); return n }
	order := make([]*Standing, len(out))
	for i := range out {
		order[i] = &out[i]
	}
	quintiles := func(less func(a, b *Standing) int, set func(s *Standing, q int)) {
		slices.SortFunc(order, func(a, b *Standing) int { return cmp.Or(less(a, b), cmp.Compare(number(a), number(b))) })
		for rank, s := range order {
			set(s, 1+5*rank/len(order))
		}
	}
	quintiles(func(a, b *Standing) int { return cmp.Compare(b.RecencyDays, a.RecencyDays) }, func(s *Standing, q int) { s.R = q })
	quintiles(func(a, b *Standing) int { return cmp.Compare(a.Frequency, b.Frequency) }, func(s *Standing, q int) { s.F = q })
	quintiles(func(a, b *Standing) int { return cmp.Compare(a.Monetary, b.Monetary) }, func(s *Standing, q int) { s.M = q })
	slices.SortFunc(out, func(a, b Standing) int { return cmp.Compare(number(&a), number(&b)) })
	return out
}

// RFM ranks the customers of a file of invoice lines as of the day after its last one, and sums them up by segment.
func RFM(ctx context.Context, in io.Reader, p report.Progress) ([]report.Table, error) {
	lines, err := ReadLines(ctx, in, p)
	if err != nil {
		return nil, err
	}
	last := lines[0].At
	invoices := map[string]bool{}
	for i := range lines {
		if lines[i].At.After(last) {
			last = lines[i].At
		}
		invoices[lines[i].InvoiceNo] = true
	}
	day := schemas.DateOf(last) + 1
	p.Step("rank customers", 0, 1)
	list := Rank(lines, day)
	p.Step("rank customers", 1, 1)
	type group struct {
		n, vips, days, orders int
		value                 schemas.Money
	}
	groups := map[string]*group{}
	var total schemas.Money
	for i := range list {
		s := &list[i]
		name, vip := customer.SegmentOf(s.R, s.F, s.M)
		g := groups[name]
		if g == nil {
			g = &group{}
			groups[name] = g
		}
		g.n++
		g.days += s.RecencyDays
		g.orders += s.Frequency
		g.value += s.Monetary
		total += s.Monetary
		if vip {
			g.vips++
		}
	}
	t := report.Table{
		Name:    "rfm-segments",
		Title:   fmt.Sprintf("Segments of %d customers on %s", len(list), day),
		Columns: []string{"segment", "customers", "share", "VIPs", "mean days since last", "mean orders", "mean value", "share of value"},
		Notes: []string{
			fmt.Sprintf("%d lines of %d invoices count, worth %s.", len(lines), len(invoices), total),
			"Counted are lines with a customer, of positive quantity and price, on invoices that are no cancellations.",
			"Quintile 1 + 5 × rank ÷ n, equals by numeric customer id; segments by the first rule that fits.",
		},
	}
	names := make([]string, 0, len(groups))
	for name := range groups {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(groups[b].value, groups[a].value), cmp.Compare(a, b)) })
	for _, name := range names {
		g := groups[name]
		n := float64(g.n)
		t.Rows = append(t.Rows, []string{
			name, strconv.Itoa(g.n), fixed(n/float64(len(list)), 3), strconv.Itoa(g.vips), fixed(float64(g.days)/n, 1),
			fixed(float64(g.orders)/n, 2), fixed(g.value.Float()/n, 2), fixed(g.value.Float()/total.Float(), 3),
		})
	}
	return []report.Table{t}, nil
}
