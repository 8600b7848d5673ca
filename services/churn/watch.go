package churn

import (
	"errors"
	"fmt"
	"math"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
)

// watch holds what the watch over VIPs needs.
type watch struct {
	negativeAt float64
	segments   *stream.LookupTable[string, customer.CustomerSegment]
}

var (
	errNobody    = errors.New("the interaction names no customer")
	errKey       = errors.New("the record's key is not the customerId")
	errSentiment = errors.New("the sentiment is not within -1 to 1")
)

// checked tells whether an interaction can be used.
func checked(key string, i *customerint.InteractionMade) error {
	switch {
	case i.CustomerID == "", i.CustomerID == scheduleKey:
		return stream.Reject(errNobody)
	case i.CustomerID != key:
		return stream.Reject(errKey)
	case math.IsNaN(i.Sentiment) || math.Abs(i.Sentiment) > 1:
		return stream.Reject(fmt.Errorf("%w: %v", errSentiment, i.Sentiment))
	}
	return nil
}

// identified forgets an account that is gone, or is a further one of a customer: what is said under it is the
// customer's from then on.
func (w *watch) identified(c *stream.Ctx[string, churndetect.CustomerMood], r customer.CustomerRole) error {
	if r.Role == customer.RoleGone || r.Role == customer.RoleAlias {
		return forget(c)
	}
	return nil
}

// heard counts an interaction and raises the event when a VIP said something negative. Who has no segment is no VIP.
func (w *watch) heard(c *stream.Ctx[string, churndetect.CustomerMood], i customerint.InteractionMade) error {
	if err := checked(c.Key, &i); err != nil {
		return err
	}
	m := &c.State
	if !first(&m.InteractionIDs, i.InteractionID, mostInteractions) {
		return nil
	}
	m.CustomerID = c.Key
	m.Interactions++
	if !i.Timestamp.Before(m.Changed) {
		m.Sentiment, m.Changed = i.Sentiment, i.Timestamp
	}
	if i.Sentiment > w.negativeAt {
		return nil
	}
	m.Negative++
	segment, ok := w.segments.Get(c, c.Key)
	if !ok || !segment.Vip {
		return nil
	}
	m.Alerts++
	stream.Emit(c, churndetect.VipNegativeSentimentDetectedEvent, c.Key, churndetect.VipNegativeSentimentDetected{
		Identity: churndetect.Identity{
			EventID: i.InteractionID + "/vip-negative", IdempotenceID: i.Identity.IdempotenceID, Created: c.Time(),
		},
		CustomerID: c.Key, InteractionID: i.InteractionID, Channel: i.Channel.String(), Kind: i.Kind.String(),
		ProductID: i.ProductID, Sentiment: i.Sentiment, Threshold: w.negativeAt,
		Segment: segment.Segment, InteractionAt: i.Timestamp,
	})
	return nil
}
