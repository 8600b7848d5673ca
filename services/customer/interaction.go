package customer

import (
	"errors"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/customer/sentiment"
)

// The reasons an interaction cannot be taken.
var (
	errNoInteraction = errors.New("the interaction has no id, or one longer than 200 bytes")
	errKind          = errors.New("the interaction is neither CONTACT, COMPLAINT, MESSAGE nor REVIEW")
	errRating        = errors.New("the rating is not between 1 and 5")
	errTextTooLong   = errors.New("the text is longer than 64 KiB")
)

// contact is what a reaction about the interactions of one account works with.
type contact = *stream.Ctx[string, customerint.ContactSummary]

// interactions holds what the folds of Customer Interactions need.
type interactions struct {
	model    *sentiment.Model
	reviews  Thresholds
	others   Thresholds
	channels map[string]customerint.InteractionChannel
	roles    *stream.JoinTable[string, customer.CustomerRole]
	products *stream.LookupTable[string, product.Product]
}

// made publishes an interaction, normalised, attached and scored.
func (in *interactions) made(c contact, e customerint.Interaction) error {
	if err := in.check(c, &e); err != nil {
		return err
	}
	out := in.normalise(c, &e)
	in.attach(c, &out)
	said := sentiment.Text(out.Title.Or(""), out.Text)
	if said != "" {
		out.Sentiment = in.model.Score(said).Compound
		out.Mood = in.thresholdsFor(out.Kind).Class(out.Sentiment)
	}
	stream.Emit(c, customerint.InteractionMadeEvent, out.CustomerID, out)
	s := &c.State
	s.CustomerID = c.Key
	s.Interactions++
	if out.ComplaintID.Valid {
		s.Complaints++
	}
	if out.Mood == customerint.MoodNegative {
		s.Negative++
	}
	if out.Timestamp.After(s.Last) || s.Interactions == 1 {
		s.Last = out.Timestamp
	}
	return nil
}

// thresholdsFor are those of a kind. Who reviews is asked for an opinion and starts out friendly; who writes for
// another reason does not, and words without mood mean none.
func (in *interactions) thresholdsFor(kind customerint.InteractionKind) Thresholds {
	if kind == customerint.InteractionKindReview {
		return in.reviews
	}
	return in.others
}

func (in *interactions) check(c contact, e *customerint.Interaction) error {
	if err := addressed(c.Key, e.CustomerID); err != nil {
		return err
	}
	rating, rated := e.Rating.Get()
	switch {
	case e.InteractionID == "" || len(e.InteractionID) > maxText:
		return stream.Reject(errNoInteraction)
	case e.Kind == customerint.InteractionKindUnknown:
		return stream.Reject(errKind)
	case rated && (rating < 1 || rating > 5):
		return stream.Reject(errRating)
	case len(e.Text) > maxSaid:
		return stream.Reject(errTextTooLong)
	case e.OccurredAt.UnixMilli() <= 0:
		return stream.Reject(errNoTime)
	}
	return nil
}

// normalise is the interaction in the mesh's words.
func (in *interactions) normalise(c contact, e *customerint.Interaction) customerint.InteractionMade {
	ch, ok := in.channels[channelKey(e.Channel)]
	if !ok {
		ch = customerint.InteractionChannelOther
	}
	out := customerint.InteractionMade{
		Identity: customerint.Identity{
			EventID: "interaction/" + e.InteractionID, IdempotenceID: e.Identity.IdempotenceID, Created: c.Time(),
		},
		InteractionID: e.InteractionID, CustomerID: e.CustomerID, ProductID: tidyOpt(e.ProductID), OrderID: tidyOpt(e.OrderID),
		ComplaintID: tidyOpt(e.ComplaintID), Channel: ch, Kind: e.Kind, Rating: e.Rating, Recommended: e.Recommended,
		Title: tidyOpt(e.Title), Text: strings.TrimSpace(strings.ToValidUTF8(e.Text, "\uFFFD")),
		SentimentModel: in.model.Version() + "/" + in.thresholdsFor(e.Kind).String(), Timestamp: e.OccurredAt.UTC(),
	}
	if id, ok := out.ProductID.Get(); ok {
		out.ProductID = schemas.Some(strings.ToUpper(id))
	}
	if e.Kind == customerint.InteractionKindComplaint && !out.ComplaintID.Valid {
		out.ComplaintID = schemas.Some(e.InteractionID)
	}
	if id, ok := out.ComplaintID.Get(); ok {
		step := customerint.ComplaintStepFollowedUp
		if id == e.InteractionID {
			step = customerint.ComplaintStepOpened
		}
		out.ComplaintStep = schemas.Some(e.ComplaintStep.Or(step))
	}
	return out
}

// attach says which customer and product an interaction is about. What is not known passes, and says so.
func (in *interactions) attach(c contact, out *customerint.InteractionMade) {
	if row, ok := in.roles.Get(c, c.Key); ok && (row.Role == customer.RoleCanonical || row.Role == customer.RoleAlias) {
		out.CustomerKnown = true
		if row.CanonicalID != c.Key {
			out.CustomerID, out.AccountID = row.CanonicalID, schemas.Some(c.Key)
		}
	}
	if id, ok := out.ProductID.Get(); ok {
		if row, ok := in.products.Get(c, id); ok {
			out.ProductKnown, out.ProductName, out.Category = true, schemas.Some(row.Name), row.Category
		}
	}
}

// maxSaid bounds the text of an interaction, in bytes.
const maxSaid = 64 << 10

// sameInteraction is how long a repetition of an interaction is recognised.
const sameInteraction = 8 * 24 * time.Hour
