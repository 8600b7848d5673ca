package product

import (
	"fmt"
	"time"
	_ "time/tzdata" // trading days are local; not every system has zone files

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// repetitions is how long an event of the order domain may come again, as when what its topics keep is processed anew:
// seven days. A repetition of anything older is booked again.
const repetitions = 8 * 24 * time.Hour

// tradingZone is the zone whose calendar cuts trading days.
const tradingZone = "Europe/London"

// Products declares the data products of the domain.
//
// Product (pub.ecomm.product.product.state.v1), key productId: the current, cleansed row of every product, fed by
// the private change topic; a deleted product leaves a tombstone. Every revision is an event besides
// (pub.ecomm.product.product-history.event.v1), kept for ever: what a state topic forgets by compaction.
//
// Product Sales (pub.ecomm.product.product-sales.state.v1), key productId|segment|day: units, orders and money. Every
// finished order and credit note is exploded into sale lines, which travel through a private topic to the row they
// belong to; rows add up in any order, and each event once, also if it comes again within eight days. So do pieces that came back: they are booked where they were sold. Events
// in another currency than the reporting one are dead letters.
//
// The error is about the machine: no zone data.
func Products() ([]stream.Definition, error) {
	zone, err := time.LoadLocation(tradingZone)
	if err != nil {
		return nil, fmt.Errorf("product: trading days: %w", err)
	}
	catalogue := stream.Define(product.ProductState, stream.Spec{
		OnError: onError(),
		Emits:   []stream.TopicRef{product.ProductHistoryEvent},
	},
		stream.On(product.ProductChangeEvent, change),
		stream.OnTombstone(product.ProductChangeEvent, gone),
	)
	s := &sales{
		zone:     zone,
		segments: stream.Lookup(customer.CustomerSegmentState),
		products: stream.Lookup(product.ProductState),
	}
	productSales := stream.Define(product.ProductSalesState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit, // readers want the latest figures, not every step to them
		Uses:    []stream.Dep{s.segments, s.products},
	},
		stream.On(stream.KeyBy(product.SaleLineEvent,
			stream.From(stream.Distinct(orderproc.OrderCompletedEvent, completedID, repetitions), s.completed),
			stream.From(stream.Distinct(orderproc.OrderCancelledEvent, cancelledID, repetitions), s.cancelled),
			stream.From(stream.Distinct(orderproc.ReturnMatchedEvent, returnID, repetitions), s.returned),
		), s.book),
	)
	return []stream.Definition{catalogue, productSales}, nil
}

// onError is the domain's policy: what cannot be booked after a few tries is put aside with the reason, so that one
// bad event never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }
