package orderprocessing

import (
	"testing"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/orderproc"
)

// The scripts in testdata: commands in, orders and events out. Each folder shows another side of what comes of the
// same commands. "go test -run Scripts -rewrite" writes what comes out anew; read the difference before you keep it.
func TestScripts(t *testing.T) {
	for folder, show := range map[string][]stream.TopicRef{
		"orders": {
			orderproc.OrderState, orderproc.OrderValidatedEvent, orderproc.OrderShipmentScheduledEvent,
			orderproc.OrderCompletedEvent, orderproc.OrderCancelledEvent,
		},
		"hourly":   {orderproc.OrderHourlyState},
		"matching": {orderproc.CancellationMatchState, orderproc.ReturnMatchedEvent},
	} {
		t.Run(folder, func(t *testing.T) {
			streamtest.Run(t, "testdata/"+folder, func(t *testing.T) *streamtest.Driver {
				t.Helper()
				return driver(t, streamtest.Show(show...))
			})
		})
	}
}
