package retail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"meshwork.dev/schemas"
)

// Row is one data row of the file, with its values parsed and nothing else done to them.
type Row struct {
	Number      int           // number of the data row; the first one after the header is 1
	InvoiceNo   string        // digits, or a letter and digits
	StockCode   string        // as entered
	Description string        // as entered, with its blanks
	Quantity    int32         // pieces, signed, never 0
	At          time.Time     // UTC
	UnitPrice   schemas.Money // pounds
	CustomerID  string        // digits, or empty for an anonymous row
	Country     string        // as entered
}

// The columns a file must have, in any order.
const (
	colInvoice = iota
	colStock
	colDescription
	colQuantity
	colDate
	colPrice
	colCustomer
	colCountry
	columns
)

var columnNames = [columns]string{
	"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country",
}

// ErrHeader is returned for a file whose first line does not name the columns of the data set.
var ErrHeader = errors.New("not an Online Retail file")

// layout says where each column stands: layout[colStock] is the index of StockCode in a line.
type layout [columns]int

// parseHeader reads the first line of a file.
func parseHeader(line string) (layout, error) {
	var l layout
	var buf [2 * columns]string
	fields, err := split(strings.TrimPrefix(line, "\ufeff"), buf[:0])
	if err != nil {
		return l, fmt.Errorf("%w: first line: %w", ErrHeader, err)
	}
	if len(fields) != columns {
		return l, fmt.Errorf("%w: the first line has %d columns, want %s", ErrHeader, len(fields), strings.Join(columnNames[:], ","))
	}
	for c, name := range columnNames {
		at := -1
		for i, f := range fields {
			if strings.EqualFold(strings.TrimSpace(f), name) {
				at = i
			}
		}
		if at < 0 {
			return l, fmt.Errorf("%w: the first line has no column %s", ErrHeader, name)
		}
		l[c] = at
	}
	return l, nil
}

var (
	errQuote    = errors.New("a quoted field is not closed on this line")
	errAfter    = errors.New("text after the closing quote of a field")
	errQuantity = errors.New("column Quantity is 0")
)

// split cuts a comma-separated line into fields. A field may be quoted, with quotes inside doubled; it must end on
// its line, so that a stray quote costs one line and not the rest of the file.
func split(line string, fields []string) ([]string, error) {
	for {
		if !strings.HasPrefix(line, `"`) {
			end := strings.IndexByte(line, ',')
			if end < 0 {
				return append(fields, line), nil
			}
			fields = append(fields, line[:end])
			line = line[end+1:]
			continue
		}
		body := line[1:]
		end := closing(body)
		if end < 0 {
			return fields, errQuote
		}
		field := body[:end]
		if strings.Contains(field, `""`) {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		fields = append(fields, field)
		switch rest := body[end+1:]; {
		case rest == "":
			return fields, nil
		case rest[0] != ',':
			return fields, errAfter
		default:
			line = rest[1:]
		}
	}
}

// closing is the index of the quote that ends a quoted field, or -1.
func closing(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return -1
}

// parseRow reads one data line. The strings of the row are parts of line.
func (r *Reader) parseRow(line string, number int) (Row, error) {
	var buf [2 * columns]string
	f, err := split(line, buf[:0])
	if err != nil {
		return Row{}, err
	}
	if len(f) != columns {
		return Row{}, fmt.Errorf("%d columns, want %d", len(f), columns)
	}
	l := &r.layout
	row := Row{
		Number: number, InvoiceNo: strings.TrimSpace(f[l[colInvoice]]), StockCode: strings.TrimSpace(f[l[colStock]]),
		Description: f[l[colDescription]], Country: strings.TrimSpace(f[l[colCountry]]),
	}
	if row.StockCode == "" {
		return row, errors.New("column StockCode is empty")
	}
	q, err := strconv.ParseInt(strings.TrimSpace(f[l[colQuantity]]), 10, 32)
	if err != nil {
		return row, fmt.Errorf("column Quantity: %q is not a whole number of 32 bits", f[l[colQuantity]])
	}
	if q == 0 {
		return row, errQuantity
	}
	row.Quantity = int32(q)
	if row.At, err = r.parseTime(strings.TrimSpace(f[l[colDate]])); err != nil {
		return row, err
	}
	if row.UnitPrice, err = schemas.ParseDecimal[schemas.Scale3](strings.TrimSpace(f[l[colPrice]])); err != nil {
		return row, fmt.Errorf("column UnitPrice: %w", err)
	}
	if row.CustomerID, err = customerID(strings.TrimSpace(f[l[colCustomer]])); err != nil {
		return row, err
	}
	return row, nil
}

// customerID turns "17850.0" into "17850": the file's customers are numbers that a spreadsheet wrote as decimals.
func customerID(text string) (string, error) {
	id, frac, _ := strings.Cut(text, ".")
	if strings.Trim(frac, "0") != "" || strings.Trim(id, "0123456789") != "" || id == "" && text != "" {
		return "", fmt.Errorf("column CustomerID: %q is not a whole number", text)
	}
	return id, nil
}

// The forms of InvoiceDate that copies of the data set use; local time of the shop.
var timeLayouts = []string{time.DateTime, "2006-01-02 15:04", "1/2/2006 15:04", "1/2/06 15:04"}

// parseTime reads a local time and gives it in UTC. Rows of one minute come together, so the last answer is kept.
func (r *Reader) parseTime(text string) (time.Time, error) {
	if text == r.timeText {
		return r.time, nil
	}
	for _, form := range timeLayouts {
		if t, err := time.ParseInLocation(form, text, r.zone); err == nil {
			r.timeText, r.time = strings.Clone(text), t.UTC()
			return r.time, nil
		}
	}
	return time.Time{}, fmt.Errorf("column InvoiceDate: %q is not a time such as 2010-12-01 08:26:00", text)
}

// text is the line as UTF-8. Some copies of the data set are Latin-1 (the pound sign in vouchers); Latin-1 bytes are
// the first 256 code points.
func text(line []byte) string {
	if utf8.Valid(line) {
		return string(line)
	}
	var b strings.Builder
	for _, c := range line {
		b.WriteRune(rune(c))
	}
	return b.String()
}
