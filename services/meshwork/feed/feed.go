package feed

import (
	"time"

	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
)

// Message is one record for the mesh: exactly one of the three pointers is set.
type Message struct {
	// At is the event time the message is due, for pacing a replay. It never goes back within a source whose input is
	// in the order of time.
	At     time.Time
	Order  *orderproc.CreateOrder
	Cancel *orderproc.CancelOrder
	Change *product.ProductChange
}

// Source makes messages one after the other.
type Source interface {
	// Next returns the next message, or io.EOF after the last one. The message belongs to the caller.
	Next() (Message, error)
}
