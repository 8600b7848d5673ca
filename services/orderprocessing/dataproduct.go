package orderprocessing

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// Products declares the data products of the domain.
//
// OrderProcessingUpdate (pub.ecomm.orderproc.order.state.v1), key orderId: the latest state of every order, and an
// event for each step of its life. Two kinds of command feed it: create-order and cancel-order. Shipment slots and
// completions come from durable timers on event time.
//
// OrderHourly (pub.ecomm.orderproc.order-hourly.state.v1), key hour|channel|currency: how many orders took which step
// within each hour, and the money in them. Every step travels through a private topic to its hour; rows add up in any
// order and are never closed.
//
// CancellationMatch (pub.ecomm.orderproc.cancellation-match.state.v1), key orderId of the credit note: the earlier
// sales it takes back, with a confidence. Orders are posted to a private ledger per customer and product, where
// matches are found; each line's match travels to its credit note.
func Products(rules Rules) ([]stream.Definition, error) {
	if err := rules.validate(); err != nil {
		return nil, err
	}
	l := lifecycle{
		rules:     rules,
		customers: stream.Lookup(customer.CustomerState).Keep(names),
		products:  stream.Lookup(product.ProductState),
	}
	orders := stream.Define(orderproc.OrderState, stream.Spec{
		OnError: onError(),
		Emits: []stream.TopicRef{
			orderproc.OrderValidatedEvent,
			orderproc.OrderShipmentScheduledEvent,
			orderproc.OrderCompletedEvent,
			orderproc.OrderCancelledEvent,
			orderproc.OrderStepEvent,
			orderproc.PurchasePostingEvent,
		},
		Uses: []stream.Dep{l.customers, l.products},
	},
		stream.On(orderproc.CreateOrderCommand, l.create),
		stream.On(orderproc.CancelOrderCommand, l.withdraw),
		stream.OnTimer(timerSchedule, l.schedule),
		stream.OnTimer(timerComplete, l.ship),
		stream.OnTimer(timerWithdraw, l.cameBefore),
	)
	hourly := stream.Define(orderproc.OrderHourlyState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit, // readers want the latest figures, not every step to them
	},
		stream.On(orderproc.OrderStepEvent, count),
	)
	purchases := stream.Define(orderproc.PurchaseLedgerState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
		Emits:   []stream.TopicRef{orderproc.CreditLineMatchedEvent},
	},
		stream.On(orderproc.PurchasePostingEvent, ledger{rules.MatchWindow}.book),
	)
	matches := stream.Define(orderproc.CancellationMatchState, stream.Spec{
		OnError: onError(),
		Emit:    stream.OnCommit,
		Emits:   []stream.TopicRef{orderproc.ReturnMatchedEvent},
	},
		stream.On(orderproc.OrderCancelledEvent, noted),
		stream.On(orderproc.CreditLineMatchedEvent, matched),
	)
	return []stream.Definition{orders, hourly, purchases, matches}, nil
}

// onError is the domain's policy: what cannot be taken after a few tries is put aside with the reason, so that one bad
// record never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }
