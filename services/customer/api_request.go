package customer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customerint"
)

// item is one interaction in the body of POST /interactions. Field names are those of the interaction contract.
type item struct {
	InteractionID string                 `json:"interactionId"` // made from idempotenceId when absent
	IdempotenceID string                 `json:"idempotenceId"` // made from Idempotency-Key, or interactionId, when absent
	CustomerID    string                 `json:"customerId"`
	Kind          string                 `json:"kind"`
	Channel       string                 `json:"channel"` // web when absent
	ProductID     schemas.Opt[string]    `json:"productId"`
	OrderID       schemas.Opt[string]    `json:"orderId"`
	ComplaintID   schemas.Opt[string]    `json:"complaintId"`
	ComplaintStep schemas.Opt[string]    `json:"complaintStep"`
	Rating        schemas.Opt[int32]     `json:"rating"`
	Recommended   schemas.Opt[bool]      `json:"recommended"`
	Helpful       schemas.Opt[int32]     `json:"helpful"`
	Title         schemas.Opt[string]    `json:"title"`
	Text          string                 `json:"text"`
	OccurredAt    schemas.Opt[time.Time] `json:"occurredAt"` // now when absent
}

// ahead is how far in the future an interaction may lie: clocks differ.
const ahead = 24 * time.Hour

// command fills in the command that an item asks for, or says which field keeps it from that. Retrying a request makes
// the same ids. key is the request's Idempotency-Key, n the place of the item in it.
func (q *item) command(cmd *customerint.Interaction, key string, n int, now time.Time, newID func() string) *failure {
	if f := q.check(now); f != nil {
		return f
	}
	kind, err := customerint.ParseInteractionKind(strings.ToUpper(q.Kind))
	if err != nil || kind == customerint.InteractionKindUnknown {
		return invalid("kind", "%q is none of CONTACT, COMPLAINT, MESSAGE, REVIEW", cut(q.Kind, 40))
	}
	step := schemas.None[customerint.ComplaintStep]()
	if text, ok := q.ComplaintStep.Get(); ok {
		s, err := customerint.ParseComplaintStep(strings.ToUpper(text))
		if err != nil || s == customerint.ComplaintStepUnknown {
			return invalid("complaintStep", "%q is none of OPENED, FOLLOWED_UP, RESOLVED, REOPENED", cut(text, 40))
		}
		if kind != customerint.InteractionKindComplaint && !q.ComplaintID.Valid {
			return invalid("complaintStep", "it needs a complaintId, or the kind COMPLAINT")
		}
		step = schemas.Some(s)
	}
	idem, id := q.IdempotenceID, q.InteractionID
	switch {
	case idem != "":
	case key != "":
		idem = key + "/" + strconv.Itoa(n)
	case id != "":
		idem = "interactions-api/" + id
	default:
		idem = newID()
	}
	if id == "" {
		id = "i-" + digest(q.CustomerID, idem)
	}
	channel := q.Channel
	if channel == "" {
		channel = "web"
	}
	*cmd = customerint.Interaction{
		Identity:      customerint.Identity{EventID: "interactions-api/" + idem, IdempotenceID: idem, Created: now},
		InteractionID: id, CustomerID: q.CustomerID, Kind: kind, Channel: channel, ProductID: q.ProductID, OrderID: q.OrderID,
		ComplaintID: q.ComplaintID, ComplaintStep: step, Rating: q.Rating, Recommended: q.Recommended, Helpful: q.Helpful,
		Title: q.Title, Text: q.Text, OccurredAt: q.OccurredAt.Or(now).UTC(),
	}
	return nil
}

// check tells which field is not valid.
func (q *item) check(now time.Time) *failure {
	if q.CustomerID == "" {
		return invalid("customerId", "is missing")
	}
	if q.CustomerID == everybody {
		return invalid("customerId", "%q is no id", everybody)
	}
	for _, v := range []struct{ field, text string }{
		{"customerId", q.CustomerID},
		{"interactionId", q.InteractionID},
		{"idempotenceId", q.IdempotenceID},
		{"channel", q.Channel},
		{"productId", q.ProductID.Value},
		{"orderId", q.OrderID.Value},
		{"complaintId", q.ComplaintID.Value},
		{"title", q.Title.Value},
	} {
		switch {
		case len(v.text) > maxText:
			return invalid(v.field, "%d bytes, at most %d are taken", len(v.text), maxText)
		case !utf8.ValidString(v.text):
			return invalid(v.field, "not UTF-8")
		case v.field != "title" && tidy(v.text) != v.text:
			return invalid(v.field, "blanks or control characters where none belong")
		}
	}
	rating, rated := q.Rating.Get()
	at, dated := q.OccurredAt.Get()
	switch {
	case len(q.Text) > maxSaid:
		return invalid("text", "%d bytes, at most %d are taken", len(q.Text), maxSaid)
	case strings.TrimSpace(q.Text) == "" && strings.TrimSpace(q.Title.Value) == "" && !rated && !strings.EqualFold(q.Kind, "CONTACT"):
		return invalid("text", "is missing; only contacts need none, and reviews with a rating")
	case rated && (rating < 1 || rating > 5):
		return invalid("rating", "%d is not from 1 to 5", rating)
	case q.Helpful.Value < 0:
		return invalid("helpful", "%d is below 0", q.Helpful.Value)
	case dated && (at.UnixMilli() <= 0 || at.After(now.Add(ahead))):
		return invalid("occurredAt", "%s is before 1970 or more than a day ahead", at.Format(time.RFC3339))
	}
	return nil
}

// readItems reads one interaction or an array of them.
func readItems(w http.ResponseWriter, r *http.Request) (items []item, single bool, fail *failure) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, false, &failure{
			Title: "The request is not JSON", Status: http.StatusUnsupportedMediaType, Detail: "send Content-Type: application/json",
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, false, tooLarge("at most 4 MiB are taken")
	}
	if err != nil {
		return nil, false, malformed("", "the body ended early")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if single = len(bytes.TrimSpace(body)) > 0 && bytes.TrimSpace(body)[0] != '['; single {
		items = make([]item, 1)
		err = dec.Decode(&items[0])
	} else {
		err = dec.Decode(&items)
	}
	if err != nil {
		return nil, single, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, single, malformed("", "there is something after the JSON value")
	}
	switch {
	case len(items) == 0:
		return nil, single, malformed("", "the batch is empty")
	case len(items) > maxBatch:
		return nil, single, tooLarge("%d interactions, at most %d are taken at once", len(items), maxBatch)
	}
	return items, single, nil
}

func tooLarge(format string, args ...any) *failure {
	f := malformed("", format, args...)
	f.Title, f.Status = "The request is too large", http.StatusRequestEntityTooLarge
	return f
}

// notJSON says what is wrong with a body, naming the field where that is known.
func notJSON(err error) *failure {
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return malformed(shape.Field, "%s: a %s is not taken here", shape.Field, shape.Value)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field = strings.Trim(field, `"`)
		return malformed(field, "%s: no such field", field)
	}
	return malformed("", "the body is not JSON of the right shape: %v", err)
}

// digest is a short name for texts, 24 letters and digits.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return strings.ToLower(base32.HexEncoding.EncodeToString(h.Sum(nil)[:15]))
}
