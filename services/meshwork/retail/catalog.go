package retail

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
)

// CategoryCharge is the category of codes that are no goods: postage, bank charges, vouchers, manual entries.
const CategoryCharge = "charges and services"

// catalog derives a product feed from the rows, because the data set has none: a product appears with its first row,
// is renamed when another description becomes its most frequent one (ties: the smaller in byte order), and takes
// the last price it was sold for at the end of each month.
type catalog struct {
	zone     *time.Location
	products map[string]*entry
	goods    *regexp.Regexp
	month    int       // month of the latest row, counted from year 0
	last     time.Time // time of the latest row
}

// entry is what the rows so far tell about one product.
type entry struct {
	names   map[string]*int // trimmed description → rows
	name    string          // the most frequent one
	lead    int             // its rows
	price   schemas.Money   // last price above zero
	sent    schemas.Money   // price in the latest message
	changes int
}

func newCatalog(zone *time.Location) catalog {
	return catalog{zone: zone, products: make(map[string]*entry), goods: regexp.MustCompile(`^[0-9]{5}[A-Z]*$`)}
}

// see takes in a row and appends the changes it brings to out.
func (c *catalog) see(row *Row, out []feed.Message) []feed.Message {
	if !row.At.Equal(c.last) {
		if month := monthOf(row.At.In(c.zone)); month != c.month {
			out = c.prices(row.At, out)
			c.month = month
		}
		c.last = row.At
	}
	id := ProductID(row.StockCode)
	e := c.products[id]
	changed := e == nil
	if e == nil {
		e = &entry{names: make(map[string]*int, 1)}
		c.products[id] = e
	}
	if row.UnitPrice > 0 {
		e.price = row.UnitPrice
	}
	if name := strings.TrimSpace(row.Description); name != "" {
		n := e.names[name]
		if n == nil {
			n = new(int)
			e.names[name] = n
		}
		*n++
		switch {
		case name == e.name:
			e.lead = *n
		case *n > e.lead || *n == e.lead && name < e.name:
			e.name, e.lead = name, *n
			changed = true
		}
	}
	if changed {
		out = append(out, c.message(id, e, row.At))
	}
	return out
}

// end sends the prices that are still to be sent.
func (c *catalog) end(out []feed.Message) []feed.Message { return c.prices(c.last, out) }

// prices sends every product whose price moved since it was last sent, in the order of the ids.
func (c *catalog) prices(at time.Time, out []feed.Message) []feed.Message {
	var ids []string
	for id, e := range c.products {
		if e.price != e.sent {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		out = append(out, c.message(id, c.products[id], at))
	}
	return out
}

func (c *catalog) message(id string, e *entry, at time.Time) feed.Message {
	e.changes++
	e.sent = e.price
	msgID := "online-retail/" + id + "/" + strconv.Itoa(e.changes)
	p := &product.ProductChange{
		Identity:  product.Identity{EventID: msgID, IdempotenceID: msgID, Created: at},
		ProductID: id, Op: product.ChangeOpUpsert, Name: e.name, ListPrice: e.price, Currency: Currency,
		Available: true, ChangedAt: at,
	}
	if !c.goods.MatchString(id) {
		p.Category = schemas.Some(CategoryCharge)
	}
	return feed.Message{At: at, Change: p}
}

func monthOf(t time.Time) int { return t.Year()*12 + int(t.Month()) - 1 }
