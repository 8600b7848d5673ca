package feed

import (
	"time"

	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// Message is one record for the mesh: exactly one of the pointers is set.
type Message struct {
	// At is the event time the message is due, for pacing a replay. It never goes back within a source whose input is
	// in the order of time.
	At     time.Time
	Order  *orderproc.CreateOrder
	Cancel *orderproc.CancelOrder
	Change *product.ProductChange
	// Action, Customer and Interaction enter where the shop's, the customers' and the interactions' services read.
	Action      *shop.ShopAction
	Customer    *customer.CustomerChange
	Interaction *customerint.Interaction
	// Raw is a record of any bytes, to see what the mesh does with it.
	Raw *Raw
	// Newer asks for the message to be written under a newer version of its contract, with a field more.
	Newer bool
}

// Raw is a record as it goes to a topic.
type Raw struct {
	Topic      string
	Key, Value []byte
}

// Source makes messages one after the other.
type Source interface {
	// Next returns the next message, or io.EOF after the last one. The message belongs to the caller.
	Next() (Message, error)
}

// Recycler is a source that can use messages again.
type Recycler interface {
	Source
	// Recycle gives a message back that the caller no longer needs; nobody may look at it from then on. Without it the
	// message is left to the garbage collector.
	Recycle(m Message)
}

// Stopper is a source that holds messages back.
type Stopper interface {
	Source
	// Stop lets Next return what is held back, and then io.EOF; nothing more is made.
	Stop()
}
