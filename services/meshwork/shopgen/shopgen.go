package shopgen

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
)

// Config of a Generator. Zero fields take the defaults named at them.
type Config struct {
	Seed      uint64        // which shop; 0 is a shop like any other
	Prefix    string        // begins every order id; "S" and the seed. Two runs into one mesh need different ones
	Products  int           // size of the catalogue; 300
	Customers int           // customers that come back; 2,000
	Start     time.Time     // time of the first message; 2026-01-05 08:00 UTC
	Gap       time.Duration // mean time between two messages; 1 s
	First     int           // first message to make; 0
	Count     int           // messages to make, counted from First; 0 is without end
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = fmt.Sprintf("S%d", c.Seed)
	}
	if c.Products <= 0 {
		c.Products = 300
	}
	if c.Customers <= 0 {
		c.Customers = 2000
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	}
	if c.Gap <= 0 {
		c.Gap = time.Second
	}
	return c
}

// Generator makes messages. It implements feed.Source.
type Generator struct {
	c    Config
	next int
}

var _ feed.Source = (*Generator)(nil)

// New starts a generator at Config.First.
func New(c Config) *Generator {
	c = c.withDefaults()
	return &Generator{c: c, next: c.First}
}

// Position is the number of the next message, for a later Config.First.
func (g *Generator) Position() int { return g.next }

// Next makes the next message: first the catalogue, then what happens in the shop.
func (g *Generator) Next() (feed.Message, error) {
	n := g.next
	if g.c.Count > 0 && n >= g.c.First+g.c.Count {
		return feed.Message{}, io.EOF
	}
	g.next++
	if n < g.c.Products {
		return feed.Message{At: g.c.Start, Change: g.upsert(n, n, g.price(n), g.c.Start)}, nil
	}
	r, at := g.rand(n), g.at(n)
	switch what := r.Float64(); {
	case what < 0.02:
		p := g.pick(r)
		price := g.price(p) * schemas.Money(80+r.IntN(41)) / 100
		return feed.Message{At: at, Change: g.upsert(n, p, price, at)}, nil
	case what < 0.05:
		if sold := g.sale(n - 1 - r.IntN(8)); sold != nil {
			return feed.Message{At: at, Cancel: g.withdraw(n, sold, at)}, nil
		}
	case what < 0.10:
		if sold := g.sale(n - 100 - r.IntN(400)); sold != nil {
			return feed.Message{At: at, Order: g.credit(n, sold, r, at)}, nil
		}
	}
	return feed.Message{At: at, Order: g.order(n)}, nil
}

// rand is the source of chance of one message.
func (g *Generator) rand(n int) *rand.Rand { return rand.New(rand.NewPCG(g.c.Seed, uint64(n))) }

// at is the time of a message. Times never go back.
func (g *Generator) at(n int) time.Time {
	late := time.Duration(rand.New(rand.NewPCG(^g.c.Seed, uint64(n))).Int64N(int64(g.c.Gap)))
	return g.c.Start.Add(time.Duration(n-g.c.Products+1)*g.c.Gap + late).Truncate(time.Millisecond)
}

// sale is the order that message n was, or nil where it was something else.
func (g *Generator) sale(n int) *orderproc.CreateOrder {
	if n < g.c.Products || g.rand(n).Float64() < 0.10 {
		return nil
	}
	return g.order(n)
}

func (g *Generator) order(n int) *orderproc.CreateOrder {
	r, at := g.rand(n), g.at(n)
	r.Float64() // spent on what the message is
	o := g.newOrder(n, orderproc.OrderKindSale, orderproc.ChannelWeb, at)
	country := countries[0]
	if r.Float64() < 0.2 {
		country = countries[r.IntN(len(countries))]
	}
	o.Country = schemas.Some(country)
	if r.Float64() > 0.2 {
		// Few customers order often: the square gives the first ones a larger share.
		u := r.Float64()
		id := int(u * u * float64(g.c.Customers))
		o.CustomerID = schemas.Some(strconv.Itoa(10000 + id))
		address := schemas.Some(orderproc.Address{
			Line1: fmt.Sprintf("%d %s", 1+id%180, streets[id%len(streets)]), City: cities[id%len(cities)], Country: country,
		})
		o.BillTo, o.ShipTo = address, address
	}
	for i := 1; len(o.Items) == 0 || r.Float64() < 0.8 && i < 60; i++ {
		p := g.pick(r)
		o.Items = append(o.Items, orderproc.OrderItem{
			LineNumber: int32(i), ProductID: g.productID(p), ProductCode: g.productID(p),
			Description: schemas.Some(productName(p)), Quantity: int32(1 + r.IntN(12)), UnitPrice: g.price(p), OrderedAt: at,
		})
	}
	return o
}

func (g *Generator) newOrder(n int, kind orderproc.OrderKind, channel orderproc.Channel, at time.Time) *orderproc.CreateOrder {
	id := fmt.Sprintf("%s-%d", g.c.Prefix, n)
	return &orderproc.CreateOrder{
		Identity: orderproc.Identity{EventID: id, IdempotenceID: id, Created: at}, OrderID: id, Kind: kind,
		Channel: channel, Currency: "GBP", OrderDate: at,
	}
}

// credit gives back one line of a sale.
func (g *Generator) credit(n int, sold *orderproc.CreateOrder, r *rand.Rand, at time.Time) *orderproc.CreateOrder {
	o := g.newOrder(n, orderproc.OrderKindCancellation, orderproc.ChannelBackOffice, at)
	o.CustomerID, o.Country, o.Cancels = sold.CustomerID, sold.Country, schemas.Some(sold.OrderID)
	it := sold.Items[r.IntN(len(sold.Items))]
	it.LineNumber, it.OrderedAt = 1, at
	it.Quantity = -(1 + r.Int32N(it.Quantity))
	o.Items = []orderproc.OrderItem{it}
	return o
}

func (g *Generator) withdraw(n int, sold *orderproc.CreateOrder, at time.Time) *orderproc.CancelOrder {
	id := fmt.Sprintf("%s-%d", g.c.Prefix, n)
	return &orderproc.CancelOrder{
		Identity: orderproc.Identity{EventID: id, IdempotenceID: id, Created: at}, OrderID: sold.OrderID,
		Reason: "changed my mind", RequestedAt: at,
	}
}

func (g *Generator) upsert(n, p int, price schemas.Money, at time.Time) *product.ProductChange {
	id := fmt.Sprintf("%s-product-%d", g.c.Prefix, n)
	return &product.ProductChange{
		Identity:  product.Identity{EventID: id, IdempotenceID: id, Created: at},
		ProductID: g.productID(p), Op: product.ChangeOpUpsert, Name: productName(p),
		Category: schemas.Some(things[p%len(things)]), Colour: schemas.Some(colours[p/len(things)%len(colours)]),
		ListPrice: price, Currency: "GBP", Available: true, ChangedAt: at,
	}
}

// pick chooses a product; the first ones are the popular ones.
func (g *Generator) pick(r *rand.Rand) int {
	u := r.Float64()
	return int(u * u * u * float64(g.c.Products))
}

func (g *Generator) productID(p int) string { return fmt.Sprintf("%05d", 20000+p) }

// price is the list price of a product: 0.39 to 24.95 pounds, cheap ones being more common.
func (g *Generator) price(p int) schemas.Money {
	u := rand.New(rand.NewPCG(g.c.Seed+1, uint64(p))).Float64()
	return schemas.Money(390+int64(u*u*24560)) / 10 * 10
}

func productName(p int) string {
	return fmt.Sprintf("%s %s %d", colours[p/len(things)%len(colours)], things[p%len(things)], 1+p/(len(things)*len(colours)))
}
