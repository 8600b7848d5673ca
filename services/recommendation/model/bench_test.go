package model

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"meshwork.dev/schemas/prodrec"
)

// encoded are rows as the service finds them: bytes, decoded at each look.
type encoded struct {
	neighbours, next, sales map[string][]byte
	popular                 []prodrec.PopularItem
	n                       prodrec.ItemNeighbours
	v                       prodrec.ItemNextViews
	s                       prodrec.ItemPopularity
}

func (e *encoded) Neighbours(id string) (*prodrec.ItemNeighbours, bool) {
	b, ok := e.neighbours[id]
	return &e.n, ok && e.n.DecodeAvro(b) == nil
}

func (e *encoded) NextViews(id string) (*prodrec.ItemNextViews, bool) {
	b, ok := e.next[id]
	return &e.v, ok && e.v.DecodeAvro(b) == nil
}

func (e *encoded) Popularity(id string) (*prodrec.ItemPopularity, bool) {
	b, ok := e.sales[id]
	return &e.s, ok && e.s.DecodeAvro(b) == nil
}
func (e *encoded) Popular() []prodrec.PopularItem { return e.popular }
func (e *encoded) Available(string) bool          { return true }

// world is a shop of 4,000 products whose rows are as full as their bounds allow, and a customer who bought 300 of them.
func world(tb testing.TB) (*encoded, *prodrec.PurchaseHistory, int32) {
	tb.Helper()
	const products = 4000
	rng := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2011, 10, 1, 0, 0, 0, 0, time.UTC)
	id := func(i int) string { return fmt.Sprintf("%05d", 20000+i%products) }
	e := &encoded{neighbours: map[string][]byte{}, next: map[string][]byte{}, sales: map[string][]byte{}}
	popular := NewPopular(Defaults(), DayOf(at))
	for i := range products {
		n := prodrec.ItemNeighbours{ProductID: id(i), Baskets: 1000}
		for j := range MaxNeighbours + Newcomers {
			neighbour(&n, id(i+1+j*7)).Closeness = 1 + rng.Int32N(200)
		}
		v := prodrec.ItemNextViews{ProductID: id(i), Views: 1000}
		for j := range MaxNextViews {
			Viewed(&v, &prodrec.ViewSignal{NextProductID: id(i + 1 + j)})
		}
		s := prodrec.ItemPopularity{ProductID: id(i)}
		for d := range 60 {
			Sold(&s, at.AddDate(0, 0, -d))
		}
		popular.Add(&s)
		e.neighbours[id(i)], e.next[id(i)], e.sales[id(i)] = n.AppendAvro(nil), v.AppendAvro(nil), s.AppendAvro(nil)
	}
	e.popular = popular.Items()
	h := &prodrec.PurchaseHistory{}
	for i := range 300 {
		Bought(h, at.AddDate(0, 0, -rng.IntN(300)), []string{id(rng.IntN(products)), id(i)})
	}
	return e, h, DayOf(at)
}

// cpu reports the CPU an operation takes, which is the promise, whatever else the machine does.
func cpu(b *testing.B) func() {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	from := used()
	return func() { b.ReportMetric(float64(used()-from)/float64(b.N)/1e6, "cpu-ms/op") }
}

// lists makes lists with rows that are read anew each time, and with rows that were read before.
func lists(b *testing.B, list func(c *Scorer)) {
	b.Helper()
	for _, anew := range []bool{true, false} {
		b.Run(fmt.Sprintf("anew=%t", anew), func(b *testing.B) {
			c := NewScorer(Defaults())
			list(c)
			defer cpu(b)()
			for b.Loop() {
				if anew {
					c.Forget()
					c.ForgetStock()
				}
				list(c)
			}
		})
	}
}

func BenchmarkPurchases(b *testing.B) {
	e, h, day := world(b)
	lists(b, func(c *Scorer) { c.Purchases(h, e, day) })
}

func BenchmarkCart(b *testing.B) {
	e, _, day := world(b)
	cart := []string{"20010", "20100", "21000", "22000", "23000", "20500", "20600", "20700"}
	lists(b, func(c *Scorer) { c.Cart(cart, e, day) })
}

func BenchmarkNext(b *testing.B) {
	e, _, _ := world(b)
	lists(b, func(c *Scorer) { c.Next([]string{"20010", "20100", "21000"}, e) })
}

// A product's share of an order of 540 products, into a row that is full.
func BenchmarkBasket(b *testing.B) {
	e, _, _ := world(b)
	var row prodrec.ItemNeighbours
	var ids []string
	for i := range 540 {
		ids = append(ids, fmt.Sprintf("%05d", 20000+i*3))
	}
	var g prodrec.ItemSignal
	Baskets(ids, func(x prodrec.ItemSignal) {
		if x.ProductID == "20900" {
			g = x
		}
	})
	for b.Loop() {
		b.StopTimer()
		if err := row.DecodeAvro(e.neighbours["20900"]); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		Basket(&row, &g)
	}
}
