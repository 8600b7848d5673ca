package orderprocessing

import (
	"fmt"

	"meshwork.dev/schemas/orderproc"
)

// move is something that may happen to an order.
type move uint8

const (
	moveAccept   move = iota // a valid create-order command
	moveRefuse               // an invalid create-order command
	moveValidate             // the checks passed
	moveSchedule             // a shipment slot was given
	moveComplete             // the goods left
	moveBook                 // nothing ships: done once validated
	moveCredit               // a credit note was taken in
	moveWithdraw             // a cancel-order command
	moves
)

func (m move) String() string {
	return [...]string{"accept", "refuse", "validate", "schedule", "complete", "book", "credit", "withdraw"}[m]
}

// absent stands for the status of an order that does not exist.
const absent = orderproc.OrderStatusUnknown

// next is the life cycle: the status an order has after a move, or why the move is not possible.
//
//	absent, REFUSED ──accept──▶ ACCEPTED ──validate──▶ VALIDATED ──schedule──▶ SHIPMENT_SCHEDULED ──complete──▶ COMPLETED
//	      └──refuse──▶ REFUSED     ├──credit──▶ CANCELLED  └──book──▶ COMPLETED
//	ACCEPTED, VALIDATED, SHIPMENT_SCHEDULED ──withdraw──▶ CANCELLED
func next(from orderproc.OrderStatus, m move) (to orderproc.OrderStatus, refusal string) {
	switch {
	case m == moveAccept && (from == absent || from == orderproc.OrderStatusRefused):
		return orderproc.OrderStatusAccepted, ""
	case m == moveRefuse && (from == absent || from == orderproc.OrderStatusRefused):
		return orderproc.OrderStatusRefused, ""
	case m == moveValidate && from == orderproc.OrderStatusAccepted:
		return orderproc.OrderStatusValidated, ""
	case m == moveSchedule && from == orderproc.OrderStatusValidated:
		return orderproc.OrderStatusShipmentScheduled, ""
	case m == moveComplete && from == orderproc.OrderStatusShipmentScheduled:
		return orderproc.OrderStatusCompleted, ""
	case m == moveBook && from == orderproc.OrderStatusValidated:
		return orderproc.OrderStatusCompleted, ""
	case m == moveCredit && from == orderproc.OrderStatusAccepted:
		return orderproc.OrderStatusCancelled, ""
	case m == moveWithdraw && (from == orderproc.OrderStatusAccepted || from == orderproc.OrderStatusValidated ||
		from == orderproc.OrderStatusShipmentScheduled):
		return orderproc.OrderStatusCancelled, ""
	}
	return from, why(from, m)
}

// why says in a sentence for the sender why a move is not possible.
func why(from orderproc.OrderStatus, m move) string {
	switch {
	case from == absent:
		return fmt.Sprintf("no such order yet: cannot %s it", m)
	case m == moveWithdraw && from == orderproc.OrderStatusCompleted:
		return "the order is completed: send a credit note (an order of kind CANCELLATION) instead"
	case m == moveWithdraw && from == orderproc.OrderStatusCancelled:
		return "the order is cancelled already"
	case m == moveWithdraw:
		return fmt.Sprintf("the order is %s: there is nothing to withdraw", from)
	case m == moveAccept || m == moveRefuse:
		return fmt.Sprintf("another order with this id exists and is %s", from)
	default:
		return fmt.Sprintf("cannot %s an order that is %s", m, from)
	}
}
