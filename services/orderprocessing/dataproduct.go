package orderprocessing

import (
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/orderproc"
)

// Products declares the data products of the domain.
//
// OrderProcessingUpdate (pub.ecomm.orderproc.order.state.v1), key orderId: the latest state of every order, and an
// event for each step of its life. Two kinds of command feed it: create-order and cancel-order. Shipment slots and
// completions come from durable timers on event time.
func Products(rules Rules) ([]stream.Definition, error) {
	if err := rules.validate(); err != nil {
		return nil, err
	}
	l := lifecycle{rules}
	orders := stream.Define(orderproc.OrderState, stream.Spec{
		OnError: stream.Retry(3, 200*time.Millisecond).ThenDeadLetter(),
		Emits: []stream.TopicRef{
			orderproc.OrderValidatedEvent,
			orderproc.OrderShipmentScheduledEvent,
			orderproc.OrderCompletedEvent,
			orderproc.OrderCancelledEvent,
		},
	},
		stream.On(orderproc.CreateOrderCommand, l.create),
		stream.On(orderproc.CancelOrderCommand, l.withdraw),
		stream.OnTimer(timerSchedule, l.schedule),
		stream.OnTimer(timerComplete, l.ship),
	)
	return []stream.Definition{orders}, nil
}
