package eshop

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/shop"
)

// actionRequest is an action as it is posted. Field names are those of the shop-action contract. What the shop's front
// end does not know may be left out: idempotenceId is made up (a repetition is then another action) and timestamp is
// now.
type actionRequest struct {
	IdempotenceID string               `json:"idempotenceId"`
	VisitorID     string               `json:"visitorId"`
	Kind          string               `json:"kind"`
	Timestamp     *string              `json:"timestamp"`
	Store         string               `json:"store"`
	UserAgent     schemas.Opt[string]  `json:"userAgent"`
	CustomerID    schemas.Opt[string]  `json:"customerId"`
	Page          *shop.PageAction     `json:"page"`
	Search        *shop.SearchAction   `json:"search"`
	Item          *shop.ItemAction     `json:"item"`
	Checkout      *shop.CheckoutAction `json:"checkout"`
	Registration  *shop.Registration   `json:"registration"`
	Login         *shop.LoginAction    `json:"login"`
}

// parse makes an action of JSON, checked. key is the Idempotency-Key it came with, empty for none.
func (a *api) parse(body []byte, key string) (*shop.ShopAction, *failure) {
	if len(body) > maxBody {
		return nil, &failure{
			Title: "The action is too large", Status: http.StatusRequestEntityTooLarge,
			Detail: "more bytes than are taken of one action",
		}
	}
	var q actionRequest
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("", "there is something after the JSON value")
	}
	action, f := q.action(key, a.Now(), a.NewID)
	if f != nil {
		return nil, f
	}
	if p := check(action); p != nil {
		p.Field = strings.TrimPrefix(p.Field, "identity.") // requests have no identity, only its idempotenceId
		return nil, invalid(p)
	}
	return action, nil
}

func (q *actionRequest) action(key string, now time.Time, newID func() string) (*shop.ShopAction, *failure) {
	kind, err := shop.ParseActionKind(q.Kind)
	if err != nil {
		if q.Kind == "" {
			return nil, invalid(problem("kind", "is missing"))
		}
		return nil, invalid(problem("kind", "%q is not a kind of action", q.Kind))
	}
	id := q.IdempotenceID
	switch {
	case id == "" && key == "":
		id = newID()
	case id == "":
		if p := checkID("Idempotency-Key", key, maxKey); p != nil {
			return nil, malformed(p.Field, "%s", p.Error())
		}
		id = key
	}
	now = now.UTC().Truncate(time.Millisecond)
	at := now
	if q.Timestamp != nil {
		if at, err = time.Parse(time.RFC3339Nano, *q.Timestamp); err != nil {
			return nil, malformed("timestamp", "timestamp: not a time such as 2011-12-09T12:50:00Z")
		}
		at = at.UTC().Truncate(time.Millisecond)
	}
	return &shop.ShopAction{
		Identity:  shop.Identity{EventID: id, IdempotenceID: id, Created: now},
		VisitorID: q.VisitorID, Kind: kind, Timestamp: at, Store: q.Store, UserAgent: q.UserAgent, CustomerID: q.CustomerID,
		Page: opt(q.Page), Search: opt(q.Search), Item: opt(q.Item), Checkout: opt(q.Checkout),
		Registration: opt(q.Registration), Login: opt(q.Login),
	}, nil
}

func opt[T any](p *T) schemas.Opt[T] {
	if p == nil {
		return schemas.None[T]()
	}
	return schemas.Some(*p)
}

// items cuts a batch into its actions: a JSON array, or a line each.
func items(body []byte) ([][]byte, *failure) {
	var parts [][]byte
	if b := bytes.TrimSpace(body); len(b) > 0 && b[0] == '[' {
		var raw []json.RawMessage
		if err := json.Unmarshal(b, &raw); err != nil {
			return nil, notJSON(err)
		}
		for _, r := range raw {
			parts = append(parts, r)
		}
	} else {
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				parts = append(parts, line)
			}
		}
	}
	if len(parts) == 0 {
		return nil, malformed("", "the batch is empty")
	}
	if len(parts) > maxActions {
		return nil, &failure{
			Title: "The batch is too large", Status: http.StatusRequestEntityTooLarge,
			Detail: "at most 1000 actions are taken in a batch",
		}
	}
	return parts, nil
}

// typed says what is wrong with the type of a body, if anything.
func typed(r *http.Request, want ...string) *failure {
	text := r.Header.Get("Content-Type")
	if slices.Contains(want, text) {
		return nil
	}
	media, _, err := mime.ParseMediaType(text)
	if err == nil && slices.Contains(want, media) {
		return nil
	}
	return &failure{
		Title: "The request is not JSON", Status: http.StatusUnsupportedMediaType,
		Detail: "send Content-Type: " + strings.Join(want, " or "),
	}
}

// read reads a body into a buffer, which the caller gives back.
func (a *api) read(w http.ResponseWriter, r *http.Request, limit int64) (*bytes.Buffer, *failure) {
	buf, ok := a.bodies.Get().(*bytes.Buffer)
	if !ok {
		buf = &bytes.Buffer{}
	}
	buf.Reset()
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return buf, nil
	}
	a.bodies.Put(buf)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &failure{
			Title: "The request is too large", Status: http.StatusRequestEntityTooLarge,
			Detail: "more bytes than are taken in one request",
		}
	}
	return nil, malformed("", "the body ended early")
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
	if errors.Is(err, schemas.ErrDecimal) {
		return malformed("item.unitPrice", "item.unitPrice: not a number of at most three decimals: %v", err)
	}
	return malformed("", "not the JSON of an action: %v", err)
}
