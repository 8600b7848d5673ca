package customer

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/services/customer/sentiment"
)

// The bounds of the history of a complaint: rows must fit a record.
const (
	maxEntries   = 200
	maxEntryText = 4000 // bytes
)

// complaint is what a reaction about one complaint works with.
type complaint = *stream.Ctx[customerint.ComplaintHistoryKey, customerint.ComplaintHistory]

// raised adds an interaction to its complaint. The history is in the order of events, whatever order they arrive in,
// and the status is what the latest of them leaves.
func raised(c complaint, e customerint.ComplaintInteraction) error {
	s := &c.State
	if slices.ContainsFunc(s.Entries, func(x customerint.ComplaintEntry) bool { return x.InteractionID == e.Entry.InteractionID }) {
		return nil
	}
	s.CustomerID, s.ComplaintID = c.Key.CustomerID, c.Key.ComplaintID
	s.Interactions++
	if s.Interactions == 1 || e.Entry.Timestamp.Before(s.Opened) {
		s.Opened = e.Entry.Timestamp
	}
	if s.Interactions == 1 || e.Entry.Sentiment < s.LowestSentiment {
		s.LowestSentiment = e.Entry.Sentiment
	}
	if s.Interactions == 1 || !e.Entry.Timestamp.Before(s.Changed) {
		s.Changed = e.Entry.Timestamp
		s.ProductID, s.OrderID = later(s.ProductID, e.ProductID), later(s.OrderID, e.OrderID)
	} else {
		s.ProductID, s.OrderID = later(e.ProductID, s.ProductID), later(e.OrderID, s.OrderID)
	}
	list := append(slices.Clone(s.Entries), e.Entry)
	slices.SortFunc(list, func(a, b customerint.ComplaintEntry) int {
		return cmp.Or(a.Timestamp.Compare(b.Timestamp), strings.Compare(a.InteractionID, b.InteractionID))
	})
	if len(list) > maxEntries {
		list = list[len(list)-maxEntries:]
	}
	s.Entries = list
	s.LatestSentiment = list[len(list)-1].Sentiment
	s.Status, s.Resolved = customerint.ComplaintStatusOpen, schemas.None[time.Time]()
	for i := range list {
		switch list[i].Step {
		case customerint.ComplaintStepResolved:
			s.Status, s.Resolved = customerint.ComplaintStatusResolved, schemas.Some(list[i].Timestamp)
		case customerint.ComplaintStepOpened, customerint.ComplaintStepReopened:
			s.Status, s.Resolved = customerint.ComplaintStatusOpen, schemas.None[time.Time]()
		default: // it changes nothing
		}
	}
	return nil
}

// complained passes an interaction on to the complaint it belongs to.
func complained(_ *stream.KeyCtx, e customerint.InteractionMade, emit func(customerint.ComplaintHistoryKey, customerint.ComplaintInteraction)) error {
	id, ok := e.ComplaintID.Get()
	if !ok {
		return nil
	}
	emit(customerint.ComplaintHistoryKey{CustomerID: e.CustomerID, ComplaintID: id}, customerint.ComplaintInteraction{
		CustomerID: e.CustomerID, ComplaintID: id, ProductID: e.ProductID, OrderID: e.OrderID,
		Entry: customerint.ComplaintEntry{
			InteractionID: e.InteractionID, Step: e.ComplaintStep.Or(customerint.ComplaintStepFollowedUp), Channel: e.Channel,
			Text: cut(sentiment.Text(e.Title.Or(""), e.Text), maxEntryText), Sentiment: e.Sentiment, Timestamp: e.Timestamp,
		},
	})
	return nil
}

// later is the newer of two values, where it says something.
func later(old, newer schemas.Opt[string]) schemas.Opt[string] {
	if newer.Valid {
		return newer
	}
	return old
}
