package evaluate

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/report"
	"meshwork.dev/schemas"
)

const (
	secondsPerDay = 24 * 60 * 60
	linesPerStep  = 100_000 // lines between two reports of progress
)

// dayOf is the number of days from 1970-01-01 to a date.
func dayOf(t time.Time) int { return int(t.Unix() / secondsPerDay) }

// date is a day as people write it.
func date(day int) string { return time.Unix(int64(day)*secondsPerDay, 0).UTC().Format(time.DateOnly) }

// ReadCDNOW reads the CDNOW data set: the master file (a header line; id, date, discs, dollars) or the sample (no header;
// two ids of which the first is the master's). Lines that are neither stop it with an error that names the line.
func ReadCDNOW(ctx context.Context, in io.Reader, p report.Progress) ([]Customer, error) {
	g := gather{}
	lines := bufio.NewScanner(in)
	n := 0
	for lines.Scan() {
		n++
		if n%linesPerStep == 0 {
			p.Step("read purchases", n, 0)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		id, day, net, err := cdnowLine(fields)
		if err != nil {
			if len(g) == 0 && n == 1 {
				continue // the header
			}
			return nil, fmt.Errorf("CDNOW: line %d: %w", n, err)
		}
		g.add(id, day, 1, net)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("CDNOW: line %d: %w", n+1, err)
	}
	if len(g) == 0 {
		return nil, errors.New("CDNOW: no purchases")
	}
	return g.customers(), nil
}

// cdnowLine reads id [id] date discs dollars.
func cdnowLine(fields []string) (id string, day int, net schemas.Money, err error) {
	at := len(fields) - 3 // where the date stands
	if at != 1 && at != 2 {
		return "", 0, 0, fmt.Errorf("%d columns instead of 4 or 5", len(fields))
	}
	t, err := time.Parse("20060102", fields[at])
	if err != nil {
		return "", 0, 0, fmt.Errorf("%q is not a date such as 19970118", fields[at])
	}
	if _, err := strconv.Atoi(fields[at+1]); err != nil {
		return "", 0, 0, fmt.Errorf("%q is not a number of discs", fields[at+1])
	}
	if net, err = schemas.ParseDecimal[schemas.Scale3](fields[at+2]); err != nil {
		return "", 0, 0, fmt.Errorf("%q is not an amount", fields[at+2])
	}
	return fields[0], dayOf(t), net, nil
}

// retailColumns are the columns of Online Retail that count here.
var retailColumns = [...]string{"InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"}

// ReadOnlineRetail reads the Online Retail data set as CSV with a header line. A purchase is an invoice of a known
// customer with a line of goods against money: not cancelled, quantity and price above zero. Other lines say nothing
// about a customer's purchases and are left out; lines that cannot be read stop it with an error that names the line.
func ReadOnlineRetail(ctx context.Context, in io.Reader, p report.Progress) ([]Customer, error) {
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("online retail: header: %w", err)
	}
	var at [len(retailColumns)]int
	for i, name := range retailColumns {
		at[i] = -1
		for k, have := range head {
			if strings.EqualFold(strings.ReplaceAll(strings.TrimPrefix(have, "\ufeff"), " ", ""), name) {
				at[i] = k
			}
		}
		if at[i] < 0 {
			return nil, fmt.Errorf("online retail: the header has no column %s", name)
		}
	}
	g := gather{}
	seen := map[string]struct{}{} // customer, day and invoice: an invoice has many lines
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
		id, day, net, err := retailLine(row, at)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("online retail: line %d: %w", line, err)
		}
		if id == "" {
			continue
		}
		orders := 0
		key := id + "|" + strconv.Itoa(day) + "|" + row[at[0]]
		if _, ok := seen[key]; !ok {
			seen[key] = struct{}{}
			orders = 1
		}
		g.add(id, day, orders, net)
	}
	if len(g) == 0 {
		return nil, errors.New("online retail: no purchases of known customers")
	}
	return g.customers(), nil
}

// retailLine reads a line; id is empty where it is no purchase of a known customer.
func retailLine(row []string, at [len(retailColumns)]int) (id string, day int, net schemas.Money, err error) {
	invoice, customer := row[at[0]], strings.TrimSuffix(strings.TrimSpace(row[at[4]]), ".0")
	if customer == "" || invoice == "" || invoice[0] < '0' || invoice[0] > '9' {
		return "", 0, 0, nil
	}
	quantity, err := strconv.ParseInt(row[at[1]], 10, 64)
	if err != nil {
		return "", 0, 0, fmt.Errorf("%q is not a quantity", row[at[1]])
	}
	price, err := schemas.ParseDecimal[schemas.Scale3](row[at[3]])
	if err != nil {
		return "", 0, 0, fmt.Errorf("%q is not a price", row[at[3]])
	}
	if quantity <= 0 || price <= 0 {
		return "", 0, 0, nil
	}
	t, err := time.Parse(time.DateTime, row[at[2]])
	if err != nil {
		return "", 0, 0, fmt.Errorf("%q is not a time such as 2010-12-01 08:26:00", row[at[2]])
	}
	return customer, dayOf(t), price.Times(quantity), nil
}
