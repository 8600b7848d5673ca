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
)

const linesPerStep = 100_000 // lines between two reports of progress

// basket is an invoice: what one customer bought at one time, each product once, in the order of the lines.
type basket struct {
	invoice  string
	customer string
	at       time.Time
	items    []string
}

var retailColumns = [...]string{"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"}

// columns finds the named columns in a header.
func columns(head []string, names []string) ([]int, error) {
	at := make([]int, len(names))
	for i, name := range names {
		at[i] = slices.IndexFunc(head, func(h string) bool {
			return strings.EqualFold(strings.ReplaceAll(strings.TrimPrefix(h, "\ufeff"), " ", ""), strings.ReplaceAll(name, " ", ""))
		})
		if at[i] < 0 {
			return nil, fmt.Errorf("the header has no column %s", name)
		}
	}
	return at, nil
}

// readBaskets reads the Online Retail data set as CSV with a header line: invoices of known customers, not cancelled,
// lines of quantity and price above zero, products only. They come in the order of time. Lines that cannot be read stop
// it with an error that names the line.
func readBaskets(ctx context.Context, in io.Reader, p report.Progress) ([]*basket, error) {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("online retail: header: %w", err)
	}
	at, err := columns(head, retailColumns[:])
	if err != nil {
		return nil, fmt.Errorf("online retail: %w", err)
	}
	byInvoice := map[string]*basket{}
	var out []*basket
	codes := map[string]string{}
	for n := 1; ; n++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("online retail: %w", err)
		}
		if n%linesPerStep == 0 {
			p.Step("read invoice lines", n, 0)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		invoice, code := row[at[0]], row[at[1]]
		customer := strings.TrimSuffix(strings.TrimSpace(row[at[5]]), ".0")
		if customer == "" || invoice == "" || invoice[0] < '0' || invoice[0] > '9' || !isProduct(code) {
			continue
		}
		fail := func(what string) error {
			line, _ := rows.FieldPos(0)
			return fmt.Errorf("online retail: line %d: %s", line, what)
		}
		quantity, err := strconv.ParseInt(row[at[2]], 10, 64)
		if err != nil {
			return nil, fail(fmt.Sprintf("%q is not a quantity", row[at[2]]))
		}
		price, err := strconv.ParseFloat(row[at[4]], 64)
		if err != nil {
			return nil, fail(fmt.Sprintf("%q is not a price", row[at[4]]))
		}
		if quantity <= 0 || price <= 0 {
			continue
		}
		t, err := time.Parse(time.DateTime, row[at[3]])
		if err != nil {
			return nil, fail(fmt.Sprintf("%q is not a time such as 2010-12-01 08:26:00", row[at[3]]))
		}
		b := byInvoice[invoice]
		if b == nil {
			b = &basket{invoice: strings.Clone(invoice), customer: strings.Clone(customer), at: t}
			byInvoice[b.invoice] = b
			out = append(out, b)
		}
		if t.Before(b.at) {
			b.at = t
		}
		id := codes[code]
		if id == "" {
			id = strings.ToUpper(code)
			codes[strings.Clone(code)] = id
		}
		if !slices.Contains(b.items, id) {
			b.items = append(b.items, id)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("online retail: no purchases of known customers")
	}
	slices.SortStableFunc(out, func(a, b *basket) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.invoice, b.invoice)) })
	return out, nil
}

// isProduct says whether a stock code is of a product: five digits, then letters if anything.
func isProduct(code string) bool {
	if len(code) < 5 {
		return false
	}
	for i := range len(code) {
		c := code[i]
		if i < 5 && (c < '0' || c > '9') || i >= 5 && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}
