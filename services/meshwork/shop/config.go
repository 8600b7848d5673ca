package shop

import (
	"fmt"
	"time"
)

// Parts are kinds of messages.
type Parts uint16

// The kinds of messages. Leaving one out leaves the others as they are.
const (
	Actions      Parts = 1 << iota // what visitors do: pages, searches, baskets, checkouts, registrations, logins
	Catalogue                      // products that come, change and go
	People                         // rows of the customer database that come, change and go
	Interactions                   // contacts, complaints, messages, reviews
	Sales                          // orders of partners, credit notes, withdrawals
	WebOrders                      // a create-order command for every checkout, for a mesh without the shop's service
)

// Whole is what a mesh with all its services takes in. There the shop's service makes the orders of the checkouts.
const Whole = Actions | Catalogue | People | Interactions | Sales

// Only is what a mesh with only the named services takes in: a message that no service there reads is not made.
func Only(services ...string) Parts {
	var p Parts
	shop := false
	for _, s := range services {
		switch s {
		case "eshop":
			p |= Actions
			shop = true
		case "product":
			p |= Catalogue
		case "customer":
			p |= People | Interactions
		case "orderprocessing":
			p |= Sales | WebOrders
		case "recommendation", "churn":
			// They read what the other services publish.
		}
	}
	if shop {
		p &^= WebOrders
	}
	return p
}

// MaxCustomers and MaxProducts bound a Config.
const (
	MaxCustomers = 4_000_000
	MaxProducts  = 1_000_000
)

// Config of a Simulator. Zero fields take the defaults named at them.
type Config struct {
	Seed   uint64 // which shop; 0 is a shop like any other
	Prefix string // begins the ids of messages; "s" and the seed. Two runs into one mesh need different ones
	// Customers is how many have registered after the first year, 2,000; three in ten do so in the first week. After
	// the first year a quarter as many come every year.
	Customers int
	Products  int // size of the catalogue at the start, 300; a third as many come, and a fifth as many go, every year
	// Start is the time of the first message: 2026-01-05 08:00 UTC.
	Start time.Time
	// Gap, if not 0, gives the messages of the simulated time evenly spaced times from Start on, for runs by the
	// clock on the wall: the shop then lives faster or slower than its clock shows.
	Gap time.Duration
	// Steady leaves out hours, weekdays and seasons.
	Steady bool
	Emit   Parts // Whole
	// OrderID is the id that the order of a checkout has, by the checkout's idempotence id and the visitor. The default
	// is that of the shop's service.
	OrderID func(checkout, visitor string) string
	Count   int64 // messages to make, 0 is without end
	// Strangers is how many of a thousand visits of people without a name there are that make 15.5 % of all visits end
	// in a purchase; 1000. Negative is none: whoever comes is a customer.
	Strangers int
	Bots      int // visits by crawlers per thousand visits; 4. Negative is none
	Garbage   int // senseless actions per ten thousand actions; 5. Negative is none
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = fmt.Sprintf("s%d", c.Seed)
	}
	if c.Customers <= 0 {
		c.Customers = 2000
	}
	if c.Products <= 0 {
		c.Products = 300
	}
	c.Customers, c.Products = min(c.Customers, MaxCustomers), min(c.Products, MaxProducts)
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	}
	c.Start = c.Start.UTC().Truncate(time.Millisecond)
	if c.Emit == 0 {
		c.Emit = Whole
	}
	if c.OrderID == nil {
		c.OrderID = WebOrderID
	}
	if c.Strangers == 0 {
		c.Strangers = 1000
	}
	if c.Bots == 0 {
		c.Bots = 4
	}
	if c.Garbage == 0 {
		c.Garbage = 5
	}
	return c
}
