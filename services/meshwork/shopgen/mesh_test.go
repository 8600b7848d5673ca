package shopgen_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/shopgen"
	"meshwork.dev/services/orderprocessing"
	productservice "meshwork.dev/services/product"
)

func mesh(t testing.TB, start time.Time) *streamtest.Driver {
	t.Helper()
	orders, err := orderprocessing.Products(orderprocessing.DefaultRules())
	require.NoError(t, err)
	products, err := productservice.Products()
	require.NoError(t, err)
	args := []any{streamtest.Start(start), streamtest.Partitions(3)}
	for _, d := range append(append([]stream.Definition{}, orders...), products...) {
		args = append(args, d)
	}
	return streamtest.New(t, args...)
}

func send(d *streamtest.Driver, m feed.Message) {
	switch {
	case m.Order != nil:
		streamtest.SendAt(d, orderproc.CreateOrderCommand, m.Order.OrderID, *m.Order, m.At)
	case m.Cancel != nil:
		streamtest.SendAt(d, orderproc.CancelOrderCommand, m.Cancel.OrderID, *m.Cancel, m.At)
	default:
		streamtest.SendAt(d, product.ProductChangeEvent, m.Change.ProductID, *m.Change, m.At)
	}
}

// A few days of the shop, with every fourth message sent twice and all tasks restarted now and then: each step of an
// order is announced once, and every pound of Product Sales is one of a finished order.
func TestTheBooksAgree(t *testing.T) {
	c := shopgen.Config{Seed: 3, Count: 2500, Gap: 2 * time.Minute, Products: 40, Customers: 50}
	messages := all(t, c)
	d := mesh(t, messages[0].At)
	r := rand.New(rand.NewPCG(3, 3))
	for i, m := range messages {
		send(d, m)
		if r.IntN(4) == 0 {
			again := messages[max(0, i-r.IntN(200))]
			again.At = m.At // what is sent again is sent later
			send(d, again)
		}
		if i%600 == 599 {
			d.Restart()
		}
	}
	d.Advance(48 * time.Hour)

	announced := map[string]int{}
	count := func(step, id string) {
		announced[step+" "+id]++
		require.Equal(t, 1, announced[step+" "+id], "%s %s", step, id)
	}
	var sold, credited schemas.Money
	for _, e := range streamtest.Events(d, orderproc.OrderValidatedEvent) {
		count("validated", e.Value.OrderID)
	}
	for _, e := range streamtest.Events(d, orderproc.OrderShipmentScheduledEvent) {
		count("scheduled", e.Value.OrderID)
	}
	for _, e := range streamtest.Events(d, orderproc.OrderCompletedEvent) {
		count("completed", e.Value.OrderID)
		sold += e.Value.Totals.Net
	}
	withdrawn := 0
	for _, e := range streamtest.Events(d, orderproc.OrderCancelledEvent) {
		count("cancelled", e.Value.OrderID)
		if e.Value.Effect == orderproc.CancelEffectCredited {
			credited += e.Value.Totals.Net
		} else {
			withdrawn++
		}
	}
	status := map[orderproc.OrderStatus]int{}
	for id, o := range streamtest.Table(d, orderproc.OrderState) {
		status[o.Status]++
		require.Equal(t, o.Status == orderproc.OrderStatusCompleted, announced["completed "+id] == 1, id)
		require.Equal(t, o.Status == orderproc.OrderStatusCancelled, announced["cancelled "+id] == 1, id)
	}
	require.Len(t, status, 2, "%v", status)
	require.Positive(t, withdrawn)

	var net, gross, cancelled schemas.Money
	for key, row := range streamtest.Table(d, product.ProductSalesState) {
		require.Equal(t, row.Net, row.Gross-row.Discount+row.Cancelled+row.Adjusted, "%v", key)
		net, gross, cancelled = net+row.Net, gross+row.Gross, cancelled+row.Cancelled
	}
	require.Equal(t, sold, gross)
	require.Equal(t, credited, cancelled)
	require.Equal(t, sold+credited, net)
}
