// Package streamtest runs products without a broker: topics in memory, one
// thread, and a clock that moves only when told to. A case takes well under a
// millisecond.
//
//	d := streamtest.New(t, orders.Orders, product.Sales)
//	d.At("2011-12-09T12:50:00Z")
//	streamtest.Send(d, orderproc.CreateOrderCommand, cmd)
//	d.Advance(24 * time.Hour)
//	streamtest.ExpectRow(d, product.ProductSalesState, key, want)
//
// The products given to [New] are connected by their topics as they are in
// production. Every Send is followed until nothing moves any more, one
// transaction per step, so reactions see what they would see there. [Run] does
// the same from text scripts, which domain experts can read.
//
// A Driver belongs to one goroutine.
package streamtest
