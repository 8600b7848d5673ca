package orderprocessing

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

var t0 = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func driver(t *testing.T, options ...streamtest.Option) *streamtest.Driver {
	t.Helper()
	defs, err := Products(DefaultRules())
	require.NoError(t, err)
	args := []any{streamtest.Start(t0)}
	for _, o := range options {
		args = append(args, o)
	}
	for _, d := range defs {
		args = append(args, d)
	}
	return streamtest.New(t, args...)
}

func theOrder(t *testing.T, d *streamtest.Driver, id string) orderproc.Order {
	t.Helper()
	o, ok := streamtest.Table(d, orderproc.OrderState)[id]
	require.True(t, ok, "no order %s", id)
	return o
}

func withdrawal(id, reason string) orderproc.CancelOrder {
	return orderproc.CancelOrder{
		Identity: orderproc.Identity{EventID: id, IdempotenceID: id, Created: t0}, OrderID: "1", Reason: reason, RequestedAt: t0,
	}
}

// The four events and the state of a sale, field by field; the tasks are rebuilt from their changelog at every step.
func TestEverythingASaleSays(t *testing.T) {
	d := driver(t)
	cmd := validOrder()
	cmd.CustomerID, cmd.CustomerName, cmd.Country = schemas.Some("17850"), schemas.Some("Ada"), schemas.Some("United Kingdom")
	cmd.BillTo = schemas.Some(orderproc.Address{Line1: "1 Mill Lane", City: "Leeds", Country: "UK"})
	cmd.ShipTo = schemas.Some(orderproc.Address{Line1: "2 Park Avenue", City: "York", Country: "UK"})
	cmd.Items[0].ProductID = "22423a"
	cmd.Items[0].ProductCode = ""
	cmd.Items[0].Discount = schemas.Some(schemas.Money(500))
	streamtest.Send(d, orderproc.CreateOrderCommand, *cmd)
	d.Restart()
	d.Advance(2 * time.Hour)
	d.Restart()
	d.Advance(24 * time.Hour)

	totals := orderproc.OrderTotals{Lines: 1, Units: 2, Gross: 25500, Discount: 500, Net: 25000}
	slot, left := t0.Add(2*time.Hour), t0.Add(26*time.Hour)
	identity := func(step string, at time.Time) orderproc.Identity {
		return orderproc.Identity{EventID: "1/" + step, IdempotenceID: "e1", Created: at}
	}
	customer, country := schemas.Some("17850"), schemas.Some("United Kingdom")
	streamtest.ExpectEvents(d, orderproc.OrderValidatedEvent, orderproc.OrderValidated{
		Identity: identity("validated", t0), OrderID: "1", Kind: orderproc.OrderKindSale, OrderDate: t0, CustomerID: customer,
		Currency: "GBP", Channel: orderproc.ChannelWeb, Country: country, Totals: totals, ValidatedAt: t0,
	})
	streamtest.ExpectEvents(d, orderproc.OrderShipmentScheduledEvent, orderproc.OrderShipmentScheduled{
		Identity: identity("shipment-scheduled", slot), OrderID: "1", OrderDate: t0, CustomerID: customer, Country: country,
		ShippingAddress: cmd.ShipTo, Units: 2, ScheduledAt: slot, ShipAt: left,
	})
	streamtest.ExpectEvents(d, orderproc.OrderCompletedEvent, orderproc.OrderCompleted{
		Identity: identity("completed", left), OrderID: "1", Kind: orderproc.OrderKindSale, OrderDate: t0, CompletedAt: left,
		CustomerID: customer, Currency: "GBP", Channel: orderproc.ChannelWeb, Country: country, Totals: totals,
		Lines: []orderproc.OrderLine{{LineNumber: 1, ProductID: "22423A", Quantity: 2, UnitPrice: 12750, Discount: schemas.Some(schemas.Money(500)), OrderedAt: t0}},
	})
	streamtest.ExpectEvents(d, orderproc.OrderCancelledEvent)
	item := cmd.Items[0]
	item.ProductID, item.ProductCode = "22423A", "22423a"
	streamtest.ExpectRow(d, orderproc.OrderState, "1", orderproc.Order{
		OrderID: "1", Kind: orderproc.OrderKindSale, Status: orderproc.OrderStatusCompleted, OrderDate: t0, Currency: "GBP",
		Channel: orderproc.ChannelWeb, Country: country,
		Customer:       schemas.Some(orderproc.OrderCustomer{ID: "17850", Name: schemas.Some("Ada")}),
		BillingAddress: cmd.BillTo, ShippingAddress: cmd.ShipTo, Items: []orderproc.OrderItem{item}, Totals: totals,
		IdempotenceID: "e1", Revision: 3, AcceptedAt: schemas.Some(t0), ValidatedAt: schemas.Some(t0),
		ScheduledAt: schemas.Some(slot), ShipAt: schemas.Some(left), CompletedAt: schemas.Some(left), Changed: left,
	})
	var steps []orderproc.OrderStatus
	for _, e := range streamtest.Events(d, orderproc.OrderState) {
		steps = append(steps, e.Value.Status)
	}
	require.Equal(t, []orderproc.OrderStatus{
		orderproc.OrderStatusValidated, orderproc.OrderStatusShipmentScheduled, orderproc.OrderStatusCompleted,
	}, steps)
}

// A refused order can be put right under the same id; refusing again and asking again are told apart by idempotenceId.
func TestARefusedOrderIsPutRight(t *testing.T) {
	d := driver(t)
	cmd := *validOrder()
	cmd.Items = []orderproc.OrderItem{cmd.Items[0]}
	cmd.Items[0].Quantity = 0
	for range 3 {
		streamtest.Send(d, orderproc.CreateOrderCommand, cmd)
	}
	o := theOrder(t, d, "1")
	require.Equal(t, orderproc.OrderStatusRefused, o.Status)
	require.Equal(t, "items[0].quantity: is 0", o.Reason.Value)
	require.Len(t, streamtest.Events(d, orderproc.OrderState), 1, "the same refused command again says nothing new")

	cmd.Items[0].Quantity, cmd.Identity.IdempotenceID = 2, "e2"
	streamtest.Send(d, orderproc.CreateOrderCommand, cmd)
	o = theOrder(t, d, "1")
	require.Equal(t, orderproc.OrderStatusValidated, o.Status)
	require.False(t, o.Reason.Valid)
	require.EqualValues(t, 2, o.Revision)
}

// However large a command is, what is kept of it fits a record; what cannot be named is a dead letter.
func TestRefusingKeepsTheStateSmall(t *testing.T) {
	long := strings.Repeat("é", 200_000)
	for name, change := range map[string]func(*orderproc.CreateOrder){
		"items": func(c *orderproc.CreateOrder) {
			for len(c.Items) <= maxItems {
				c.Items = append(c.Items, c.Items[0])
			}
		},
		"bytes":    func(c *orderproc.CreateOrder) { c.Items[0].Description = schemas.Some(long + long) },
		"currency": func(c *orderproc.CreateOrder) { c.Currency = long },
		"comment":  func(c *orderproc.CreateOrder) { c.Comment = schemas.Some(long) },
	} {
		d := driver(t)
		cmd := *validOrder()
		change(&cmd)
		streamtest.Send(d, orderproc.CreateOrderCommand, cmd)
		o := theOrder(t, d, "1")
		require.Equal(t, orderproc.OrderStatusRefused, o.Status, name)
		require.Less(t, len(o.AppendAvro(nil)), 2*maxRefused, name)
	}
	d := driver(t)
	cmd := *validOrder()
	cmd.OrderID = long
	streamtest.Send(d, orderproc.CreateOrderCommand, cmd)
	require.Empty(t, streamtest.Events(d, orderproc.OrderState))
}

// However often an order is asked for, and in whatever order commands about it come, it is withdrawn at most once and
// never after it completed.
func TestWithdrawingAtEveryMoment(t *testing.T) {
	for _, c := range []struct {
		after  time.Duration
		status orderproc.OrderStatus
	}{
		{time.Minute, orderproc.OrderStatusCancelled},
		{3 * time.Hour, orderproc.OrderStatusCancelled},
		{27 * time.Hour, orderproc.OrderStatusCompleted},
	} {
		d := driver(t)
		streamtest.Send(d, orderproc.CreateOrderCommand, *validOrder())
		d.Advance(c.after)
		streamtest.Send(d, orderproc.CancelOrderCommand, withdrawal("w1", "too slow"))
		streamtest.Send(d, orderproc.CancelOrderCommand, withdrawal("w1", "too slow"))
		d.Restart()
		streamtest.Send(d, orderproc.CreateOrderCommand, *validOrder())
		d.Advance(100 * time.Hour)
		o := theOrder(t, d, "1")
		require.Equal(t, c.status, o.Status)
		completed, cancelled := streamtest.Events(d, orderproc.OrderCompletedEvent), streamtest.Events(d, orderproc.OrderCancelledEvent)
		require.Equal(t, 1, len(completed)+len(cancelled))
		if c.status == orderproc.OrderStatusCancelled {
			require.Equal(t, orderproc.CancelEffectWithdrawn, cancelled[0].Value.Effect)
			require.Equal(t, "too slow", cancelled[0].Value.Reason.Value)
			require.Equal(t, "w1", o.WithdrawnBy.Value)
			require.False(t, o.LastRefusal.Valid)
		} else {
			require.Equal(t, "the order is completed: send a credit note (an order of kind CANCELLATION) instead", o.LastRefusal.Value.Reason)
			require.Len(t, streamtest.Events(d, orderproc.OrderState), 4, "the refusal is said once")
		}
	}
}
