package evaluate

import (
	"cmp"
	"slices"
	"strings"

	"meshwork.dev/schemas"
)

// Customer is somebody's purchases, summed by day.
type Customer struct {
	ID   string
	Days []PurchaseDay // ascending, each day once
}

// PurchaseDay is what a customer bought on one day.
type PurchaseDay struct {
	Day    int // days since 1970-01-01
	Orders int // purchases on that day
	Net    schemas.Money
}

// gather sums purchases by customer and day.
type gather map[string]map[int]*PurchaseDay

func (g gather) add(id string, day, orders int, net schemas.Money) {
	days := g[id]
	if days == nil {
		days = map[int]*PurchaseDay{}
		g[id] = days
	}
	d := days[day]
	if d == nil {
		d = &PurchaseDay{Day: day}
		days[day] = d
	}
	d.Orders += orders
	d.Net += net
}

// customers are sorted by id.
func (g gather) customers() []Customer {
	out := make([]Customer, 0, len(g))
	for id, days := range g {
		c := Customer{ID: id, Days: make([]PurchaseDay, 0, len(days))}
		for _, d := range days {
			c.Days = append(c.Days, *d)
		}
		slices.SortFunc(c.Days, func(a, b PurchaseDay) int { return cmp.Compare(a.Day, b.Day) })
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Customer) int { return strings.Compare(a.ID, b.ID) })
	return out
}
