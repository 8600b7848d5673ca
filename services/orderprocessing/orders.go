package orderprocessing

import (
	"errors"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// The timers of an order.
const (
	timerSchedule = "schedule" // give the sale its shipment slot
	timerComplete = "complete" // the goods leave
	timerWithdraw = "withdraw" // a withdrawal that came before the order
)

// order is what a reaction about one order works with: its state, and its key.
type order = *stream.Ctx[string, orderproc.Order]

// The reasons a command is a dead letter: there is no order whose state could tell why it is refused.
var (
	errNoOrder = errors.New("the command names no order, or with an id longer than 512 bytes")
	errKey     = errors.New("the record's key is not the orderId")
)

// addressed tells whether a command stands under the order it is about.
func addressed(c order, orderID, idempotenceID string) error {
	switch {
	case orderID == "" || len(orderID) > maxText || len(idempotenceID) > maxText:
		return stream.Reject(errNoOrder)
	case orderID != c.Key:
		return stream.Reject(errKey)
	}
	return nil
}

// lifecycle holds the reactions of the Order product.
type lifecycle struct {
	rules     Rules
	customers *stream.LookupTable[string, customer.Customer]
	products  *stream.LookupTable[string, product.Product]
}

// create takes in an order, or refuses it. Asking for the same order again changes nothing.
func (l lifecycle) create(c order, cmd orderproc.CreateOrder) error {
	if err := addressed(c, cmd.OrderID, cmd.Identity.IdempotenceID); err != nil {
		return err
	}
	asked := newOrder(&cmd)
	if c.Exists() && c.State.Status != orderproc.OrderStatusRefused {
		if c.State.IdempotenceID == asked.IdempotenceID || sameOrder(&c.State, &asked) {
			return nil
		}
		_, reason := next(c.State.Status, moveAccept)
		refuse(c, "create-order", cmd.Identity.IdempotenceID, reason)
		return nil
	}
	if c.Exists() && c.State.IdempotenceID == asked.IdempotenceID && !awaited(&c.State) {
		return nil // refused once, and sent again unchanged
	}
	asked.Revision, asked.Withdrawal = c.State.Revision, c.State.Withdrawal
	if p := l.rules.check(&cmd); p != nil {
		if sizeOf(&cmd) > maxRefused {
			asked = orderproc.Order{
				OrderID: cmd.OrderID, Kind: cmd.Kind, OrderDate: cmd.OrderDate, IdempotenceID: asked.IdempotenceID,
				Revision: asked.Revision, Withdrawal: asked.Withdrawal,
			}
		}
		asked.Reason = schemas.Some(shorten(p.Error(), maxText))
		c.State = asked
		return step(c, c.Time(), moveRefuse)
	}
	asked.Totals = total(asked.Items)
	l.enrich(c, &asked)
	c.State = asked
	if w, ok := asked.Withdrawal.Get(); ok {
		at := w.At
		if at.Before(c.Time()) {
			at = c.Time()
		}
		c.Timer(timerWithdraw, at) // among the order's other timers: it may have shipped before
	}
	return l.accepted(c, c.Time())
}

// awaited tells whether a row stands for an order that was withdrawn and has not come.
func awaited(o *orderproc.Order) bool { return o.Withdrawal.Valid && len(o.Items) == 0 }

// accepted carries a new order as far as it goes at once.
func (l lifecycle) accepted(c order, at time.Time) error {
	c.State.AcceptedAt = schemas.Some(at)
	if c.State.Kind == orderproc.OrderKindCancellation {
		return credit(c, at)
	}
	c.State.ValidatedAt = schemas.Some(at)
	if err := step(c, at, moveAccept, moveValidate); err != nil {
		return err
	}
	stream.Emit(c, orderproc.OrderValidatedEvent, c.Key, validatedEvent(&c.State, at))
	if c.State.Kind == orderproc.OrderKindSale {
		post(c, orderproc.PostingKindPurchased)
		c.Timer(timerSchedule, at.Add(l.rules.ScheduleAfter))
		return nil
	}
	return complete(c, moveBook, at)
}

// credit books a credit note.
func credit(c order, at time.Time) error {
	if err := step(c, at, moveAccept, moveCredit); err != nil {
		return err
	}
	c.State.CancelledAt = schemas.Some(at)
	post(c, orderproc.PostingKindCredited)
	stream.Emit(c, orderproc.OrderCancelledEvent, c.Key,
		cancelledEvent(&c.State, orderproc.CancelEffectCredited, c.State.IdempotenceID, at))
	return nil
}

// schedule gives a sale its shipment slot.
func (l lifecycle) schedule(c order, at time.Time) error {
	if err := step(c, at, moveSchedule); err != nil {
		return err
	}
	ship := at.Add(l.rules.CompleteAfter)
	c.State.ScheduledAt, c.State.ShipAt = schemas.Some(at), schemas.Some(ship)
	c.Timer(timerComplete, ship)
	stream.Emit(c, orderproc.OrderShipmentScheduledEvent, c.Key, scheduledEvent(&c.State, at))
	return nil
}

// ship ends a sale whose goods leave.
func (l lifecycle) ship(c order, at time.Time) error { return complete(c, moveComplete, at) }

// complete books an order.
func complete(c order, m move, at time.Time) error {
	if err := step(c, at, m); err != nil {
		return err
	}
	c.State.CompletedAt = schemas.Some(at)
	stream.Emit(c, orderproc.OrderCompletedEvent, c.Key, completedEvent(&c.State, at))
	return nil
}

// withdraw cancels an order that is not completed yet, or refuses to. An order nobody knows may be on its way: orders
// of the shop come through another domain. Then the withdrawal waits for it.
func (l lifecycle) withdraw(c order, cmd orderproc.CancelOrder) error {
	id := cmd.Identity.IdempotenceID
	if err := addressed(c, cmd.OrderID, id); err != nil {
		return err
	}
	switch {
	case !c.Exists():
		c.State = orderproc.Order{
			OrderID: c.Key, Status: orderproc.OrderStatusRefused, Reason: schemas.Some(why(absent, moveWithdraw)),
			OrderDate: c.Time(), Revision: 1, Changed: c.Time(), Withdrawal: schemas.Some(orderproc.Withdrawal{
				IdempotenceID: id, Reason: shorten(cmd.Reason, maxComment), At: c.Time(),
			}),
		}
		return nil
	case awaited(&c.State), c.State.WithdrawnBy.Valid && c.State.WithdrawnBy.Value == id,
		c.State.Withdrawal.Valid && c.State.Withdrawal.Value.IdempotenceID == id:
		return nil
	}
	return l.withdrawn(c, id, cmd.Reason, c.Time())
}

// cameBefore carries out a withdrawal that came before its order.
func (l lifecycle) cameBefore(c order, at time.Time) error {
	w, ok := c.State.Withdrawal.Get()
	if !ok {
		return nil
	}
	c.State.Withdrawal = schemas.None[orderproc.Withdrawal]()
	return l.withdrawn(c, w.IdempotenceID, w.Reason, at)
}

// withdrawn cancels an order, or notes why not.
func (l lifecycle) withdrawn(c order, id, because string, at time.Time) error {
	if _, reason := next(c.State.Status, moveWithdraw); reason != "" {
		refuse(c, "cancel-order", id, reason)
		return nil
	}
	if err := step(c, at, moveWithdraw); err != nil {
		return err
	}
	c.CancelTimer(timerSchedule)
	c.CancelTimer(timerComplete)
	if c.State.Kind == orderproc.OrderKindSale {
		post(c, orderproc.PostingKindWithdrawn)
	}
	c.State.CancelledAt, c.State.WithdrawnBy = schemas.Some(at), schemas.Some(id)
	if because != "" {
		c.State.Reason = schemas.Some(shorten(because, maxComment))
	}
	stream.Emit(c, orderproc.OrderCancelledEvent, c.Key,
		cancelledEvent(&c.State, orderproc.CancelEffectWithdrawn, id, at))
	return nil
}

// step makes moves, one after the other, which are published as one change. A move that is not possible is an error;
// callers that cannot know ask next before.
func step(c order, at time.Time, ms ...move) error {
	steps := make([]orderproc.OrderStatus, 0, len(ms))
	for _, m := range ms {
		to, reason := next(c.State.Status, m)
		if reason != "" {
			return stream.Reject(errors.New(reason))
		}
		c.State.Status = to
		steps = append(steps, to)
	}
	c.State.Revision++
	c.State.Changed = at
	tell(c, at, steps)
	return nil
}

// refuse notes at an existing order that a command about it was refused, and changes nothing else. The same refused
// command again notes nothing.
func refuse(c order, command, idempotenceID, reason string) {
	if last, ok := c.State.LastRefusal.Get(); ok && last.Command == command && last.IdempotenceID == idempotenceID {
		return
	}
	c.State.LastRefusal = schemas.Some(orderproc.Refusal{
		Command: command, IdempotenceID: idempotenceID, Reason: reason, At: c.Time(),
	})
	c.State.Revision++
	c.State.Changed = c.Time()
}
