package glue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shop"
)

// Parts are the kinds of messages that a glued feed has besides those of the orders' file.
const Parts = shop.Actions | shop.People | shop.Interactions

// Options of Open; the zero value is ready to use.
type Options struct {
	Seed uint64
	// Rows of the orders' file that will be replayed; 0 is all. Ranks are those of these rows.
	Rows int
}

// Glue is what the data sets know, joined.
type Glue struct {
	seed     uint64
	missing  []string
	rejected int
	clicks   *clickstream
	products []string // product ids of goods, the most sold first
	lines    []int    // their lines ordered by known customers
	rank     map[string]int
	reviews  [][]review // by rank
	people   []Person
}

// The files, in the folder of the data sets.
const (
	fileClicks  = "eshop_clickstream/e-shop-clothing-2008.csv.gz"
	filePauses  = "online_shoppers/online_shoppers_intention.csv.gz"
	fileReviews = "womens_reviews/womens-clothing-reviews.csv.gz"
	dirPeople   = "adventureworks"
)

// Open reads the data sets in dir, and the orders' file once for what is sold most. A data set that is not there is left
// out; one that is there and cannot be read is an error.
func Open(dir, orders string, o Options) (*Glue, error) {
	g := &Glue{seed: o.Seed, rank: map[string]int{}}
	hours, start, err := g.sales(orders, o.Rows)
	if err != nil {
		return nil, fmt.Errorf("glue: %w", err)
	}
	var pauses []float64
	for _, part := range []struct {
		file string
		read func(file string) error
	}{
		{filePauses, func(file string) (err error) { pauses, err = readPauses(file); return err }},
		{fileClicks, func(file string) error {
			c, rejected, err := readClicks(file)
			g.clicks = c
			g.rejected += rejected
			return err
		}},
		{fileReviews, func(file string) error {
			r, rejected, err := readReviews(file)
			g.reviews = r
			g.rejected += rejected
			return err
		}},
		{dirPeople, func(file string) (err error) { g.people, err = readPeople(file); return err }},
	} {
		err := part.read(dir + "/" + part.file)
		if errors.Is(err, fs.ErrNotExist) {
			g.missing = append(g.missing, part.file)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("glue: %w", err)
		}
	}
	if g.clicks != nil {
		g.clicks.timeClicks(o.Seed, start, hours, pauses)
	}
	return g, nil
}

// Missing names the data sets that were not there.
func (g *Glue) Missing() []string { return g.missing }

// Rejected is the number of rows that were not understood.
func (g *Glue) Rejected() int { return g.rejected }

// sales ranks what the orders sell, and counts when they come.
func (g *Glue) sales(file string, rows int) (hours [24]int, start time.Time, err error) {
	f, err := retail.Open(file, retail.Options{MaxRows: rows})
	if err != nil {
		return hours, start, err //nolint:wrapcheck // names the file
	}
	defer f.Close()
	type count struct{ all, known int }
	sold := map[string]*count{}
	for {
		m, err := f.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return hours, start, err //nolint:wrapcheck // names the line
		}
		if m.Order == nil || m.Order.Kind != orderproc.OrderKindSale {
			continue
		}
		if start.IsZero() {
			start = m.At
		}
		hours[m.At.Hour()]++
		for i := range m.Order.Items {
			id := m.Order.Items[i].ProductID
			if !isGoods(id) {
				continue
			}
			c := sold[id]
			if c == nil {
				c = &count{}
				sold[strings.Clone(id)] = c
			}
			c.all++
			if m.Order.CustomerID.Valid {
				c.known++
			}
		}
	}
	for id := range sold {
		g.products = append(g.products, id)
	}
	slices.SortFunc(g.products, func(a, b string) int {
		if d := sold[b].all - sold[a].all; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, id := range g.products {
		g.rank[id] = i
		g.lines = append(g.lines, sold[id].known)
	}
	return hours, start, nil
}

// isGoods tells codes of goods: five digits and letters.
func isGoods(id string) bool {
	return len(id) >= 5 && strings.Trim(id[:5], "0123456789") == "" && strings.Trim(id[5:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// Person is the person that a customer of the orders is, or nil where there are none. Two customers of Online Retail,
// whose ids lie within 12346 … 18287, are never the same one.
func (g *Glue) Person(customerID string) *Person {
	if len(g.people) == 0 {
		return nil
	}
	n := uint64(len(g.people))
	id := uint64(0)
	for _, c := range []byte(customerID) {
		if c < '0' || c > '9' {
			return nil
		}
		id = (id*10 + uint64(c-'0')) % n
	}
	// A step that shares no factor with n visits everybody once.
	step := n/2 + 1
	for gcd(step, n) != 1 {
		step++
	}
	return &g.people[(id*step+dice(g.seed, "people", "")%n)%n]
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// dice is a throw for one thing: FNV-1a of purpose and name, mixed with the seed.
func dice(seed uint64, purpose, name string) uint64 {
	h := uint64(14695981039346656037) ^ seed*0x9e3779b97f4a7c15
	for _, s := range [2]string{purpose, name} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
