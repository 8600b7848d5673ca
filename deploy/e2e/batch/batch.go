package batch

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tables are the reference tables.
type Tables struct {
	Orders     int            `json:"orders"`
	Unfinished int            `json:"unfinished"`
	Views      map[string]Row `json:"views"`
	Months     map[string]Row `json:"months"`
	Products   Row            `json:"products"` // count and digest over raw codes
	Sales      Sales          `json:"sales"`
}

// Sales are the tables that Product Sales alone must give.
type Sales struct {
	Months   map[string]Row `json:"months"`   // net, gross, cancelled, adjusted
	Products Row            `json:"products"` // count and digest over upper-case codes, invoices left out
}

// Row is one line of a table as JSON: numbers, and amounts as text with three decimals.
type Row []any

type line struct {
	invoice, code, customer string
	quantity, amount        int64
	price                   int64
	month                   string
	row                     [8]string
}

func (l *line) credit() bool { return l.invoice[0] == 'C' }
func (l *line) numeric() bool {
	return l.invoice[0] >= '0' && l.invoice[0] <= '9'
}

func (l *line) clean() bool {
	return l.customer != "" && !l.credit() && l.quantity > 0 && l.price > 0
}

var product = regexp.MustCompile(`^\d{5}[A-Za-z]*$`)

// Read computes the tables of the file, gzip or plain. rows bounds how many data rows are read; 0 means all.
func Read(path string, rows int) (*Tables, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	c := csv.NewReader(r)
	if _, err := c.Read(); err != nil {
		return nil, err
	}
	var lines []line
	for rows == 0 || len(lines) < rows {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		l, err := parse(rec)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return tables(lines), nil
}

func parse(rec []string) (line, error) {
	l := line{invoice: rec[0], code: rec[1], customer: strings.TrimSuffix(rec[6], ".0"), month: rec[4][:7]}
	copy(l.row[:], rec)
	var err error
	if l.quantity, err = strconv.ParseInt(rec[3], 10, 64); err != nil {
		return l, err
	}
	whole, frac, _ := strings.Cut(rec[5], ".")
	if l.price, err = strconv.ParseInt(whole+(frac + "000")[:3], 10, 64); err != nil {
		return l, err
	}
	l.amount = l.quantity * l.price
	return l, nil
}

func tables(lines []line) *Tables {
	t := &Tables{Views: map[string]Row{}, Months: map[string]Row{}, Sales: Sales{Months: map[string]Row{}}}
	seen := map[[8]string]bool{}
	views := map[string]func(*line) bool{
		"all":       func(*line) bool { return true },
		"numeric":   (*line).numeric,
		"cancelled": (*line).credit,
		"clean":     (*line).clean,
		"clean distinct": func(l *line) bool {
			if !l.clean() || seen[l.row] {
				return false
			}
			seen[l.row] = true
			return true
		},
		"clean products": func(l *line) bool { return l.clean() && product.MatchString(l.code) },
	}
	for name, in := range views {
		t.Views[name] = view(lines, in)
	}
	t.Orders, _ = t.Views["all"][1].(int)
	byMonth := map[string][]line{}
	for _, l := range lines {
		byMonth[l.month] = append(byMonth[l.month], l)
	}
	for m, ls := range byMonth {
		all, clean := view(ls, views["all"]), view(ls, (*line).clean)
		gross, cancelled := view(ls, (*line).numeric)[5], view(ls, (*line).credit)[5]
		adjusted := view(ls, func(l *line) bool { return !l.numeric() && !l.credit() })[5]
		t.Months[m] = Row{all[0], all[1], all[5], gross, cancelled, clean[5], clean[1], clean[2]}
		t.Sales.Months[m] = Row{all[5], gross, cancelled, adjusted}
	}
	t.Products = digest(lines, func(c string) string { return c }, true)
	t.Sales.Products = digest(lines, strings.ToUpper, false)
	return t
}

// view is rows, invoices, customers, codes, units, revenue.
func view(lines []line, in func(*line) bool) Row {
	invoices, customers, codes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var n int
	var units, revenue int64
	for i := range lines {
		l := &lines[i]
		if !in(l) {
			continue
		}
		n++
		invoices[l.invoice], codes[l.code] = true, true
		if l.customer != "" {
			customers[l.customer] = true
		}
		units += l.quantity
		revenue += l.amount
	}
	return Row{n, len(invoices), len(customers), len(codes), units, money(revenue)}
}

func money(thousandths int64) string {
	sign := ""
	if thousandths < 0 {
		sign, thousandths = "-", -thousandths
	}
	return fmt.Sprintf("%s%d.%03d", sign, thousandths/1000, thousandths%1000)
}

// digest is the count of products and the SHA-256 over their lines code|rows|quantity|revenue|invoices in byte order.
func digest(lines []line, spell func(string) string, invoices bool) Row {
	type sum struct {
		rows, quantity, revenue int64
		invoices                map[string]bool
	}
	by := map[string]*sum{}
	for i := range lines {
		l := &lines[i]
		s := by[spell(l.code)]
		if s == nil {
			s = &sum{invoices: map[string]bool{}}
			by[spell(l.code)] = s
		}
		s.rows++
		if invoices || l.numeric() || l.credit() {
			s.quantity += l.quantity // an adjustment moves money, no goods: Product Sales counts no units for it
		}
		s.revenue += l.amount
		s.invoices[l.invoice] = invoices
	}
	h := sha256.New()
	for _, c := range slices.Sorted(maps.Keys(by)) {
		s := by[c]
		n := len(s.invoices)
		if !invoices {
			n = 0
		}
		fmt.Fprintf(h, "%s|%d|%d|%s|%d\n", c, s.rows, s.quantity, money(s.revenue), n)
	}
	return Row{len(by), hex.EncodeToString(h.Sum(nil))}
}

// JSON is the tables in the form that the foreign readers print, keys sorted, for comparison as text.
func (t *Tables) JSON() (string, error) {
	b, err := json.MarshalIndent(t, "", " ")
	return string(b), err
}

// Parse reads what a foreign reader printed.
func Parse(text []byte) (*Tables, error) {
	t := &Tables{}
	return t, json.Unmarshal(text, t)
}
