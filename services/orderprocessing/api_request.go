package orderprocessing

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// orderRequest is the body of POST /orders. Field names are those of the create-order contract; what may be absent
// there may be absent here, and so may the fields with a default.
type orderRequest struct {
	OrderID          string                         `json:"orderId"` // made from Idempotency-Key when absent
	Kind             string                         `json:"kind"`    // SALE when absent
	CustomerID       schemas.Opt[string]            `json:"customerId"`
	CustomerName     schemas.Opt[string]            `json:"customerName"`
	Channel          string                         `json:"channel"`  // WEB when absent
	Currency         string                         `json:"currency"` // GBP when absent
	Country          schemas.Opt[string]            `json:"country"`
	OrderDate        schemas.Opt[time.Time]         `json:"orderDate"` // now when absent
	Items            []itemRequest                  `json:"items"`
	BillTo           schemas.Opt[orderproc.Address] `json:"billTo"`
	ShipTo           schemas.Opt[orderproc.Address] `json:"shipTo"`
	PaymentReference schemas.Opt[string]            `json:"paymentReference"`
	Comment          schemas.Opt[string]            `json:"comment"`
	Cancels          schemas.Opt[string]            `json:"cancels"`
}

type itemRequest struct {
	ProductID   string                     `json:"productId"`
	Description schemas.Opt[string]        `json:"description"`
	Quantity    int32                      `json:"quantity"`
	UnitPrice   *schemas.Money             `json:"unitPrice"` // a price of nothing must be said
	Discount    schemas.Opt[schemas.Money] `json:"discount"`
}

type cancelRequest struct {
	Reason string `json:"reason"`
}

// command makes the command a request asks for. Retrying a request makes the same idempotenceId: by its
// Idempotency-Key, or by the id and the body where it has none.
func (q *orderRequest) command(key string, body []byte, now time.Time, newID func() string) (*orderproc.CreateOrder, *Problem) {
	kind, channel := orderproc.OrderKindSale, orderproc.ChannelWeb
	var err error
	if q.Kind != "" {
		if kind, err = orderproc.ParseOrderKind(q.Kind); err != nil {
			return nil, problem("kind", "%q is not a kind of order", q.Kind)
		}
	}
	if q.Channel != "" {
		if channel, err = orderproc.ParseChannel(q.Channel); err != nil {
			return nil, problem("channel", "%q is not a channel", q.Channel)
		}
	}
	id, idem := q.OrderID, "orders-api/"+key
	switch {
	case id == "" && key != "":
		id = "o-" + digest("order", key)
	case id == "":
		id = "o-" + newID()
		idem = "orders-api/" + id
	case key == "":
		idem = "orders-api/" + digest(id, string(body))
	}
	at := q.OrderDate.Or(now).UTC().Truncate(time.Millisecond)
	cmd := &orderproc.CreateOrder{
		Identity: orderproc.Identity{EventID: idem, IdempotenceID: idem, Created: now.UTC().Truncate(time.Millisecond)},
		OrderID:  id, Kind: kind, CustomerID: q.CustomerID, CustomerName: q.CustomerName, Channel: channel,
		Currency: q.Currency, Country: q.Country, OrderDate: at, BillTo: q.BillTo, ShipTo: q.ShipTo,
		PaymentReference: q.PaymentReference, Comment: q.Comment, Cancels: q.Cancels,
		Items: make([]orderproc.OrderItem, len(q.Items)),
	}
	if cmd.Currency == "" {
		cmd.Currency = "GBP"
	}
	for i := range q.Items {
		it := &q.Items[i]
		if it.UnitPrice == nil {
			return nil, problem(itemField(i, "unitPrice"), "is missing")
		}
		cmd.Items[i] = orderproc.OrderItem{
			LineNumber: int32(i + 1), ProductID: strings.ToUpper(it.ProductID), ProductCode: it.ProductID,
			Description: it.Description, Quantity: it.Quantity, UnitPrice: *it.UnitPrice, Discount: it.Discount,
			OrderedAt: at,
		}
	}
	return cmd, nil
}

func (q *cancelRequest) command(id, key string, body []byte, now time.Time) *orderproc.CancelOrder {
	idem := "orders-api/" + key
	if key == "" {
		idem = "orders-api/" + digest("cancel", id, string(body))
	}
	now = now.UTC().Truncate(time.Millisecond)
	return &orderproc.CancelOrder{
		Identity: orderproc.Identity{EventID: idem, IdempotenceID: idem, Created: now}, OrderID: id,
		Reason: q.Reason, RequestedAt: now,
	}
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

// idempotencyKey is the request's key; empty where it has none.
func idempotencyKey(r *http.Request) (string, *failure) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return "", nil
	}
	if p := checkText("Idempotency-Key", key, 255); p != nil {
		return "", malformed(p.Field, "%s", p.Error())
	}
	return key, nil
}

// readJSON reads one JSON value of a known shape, and gives back its bytes. empty allows a body of nothing.
func readJSON(w http.ResponseWriter, r *http.Request, into any, empty bool) ([]byte, *failure) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &failure{Title: "The request is too large", Status: http.StatusRequestEntityTooLarge, Detail: "at most 2 MiB are taken"}
	}
	if err != nil {
		return nil, malformed("", "the body ended early")
	}
	if empty && len(bytes.TrimSpace(body)) == 0 {
		return body, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &failure{Title: "The request is not JSON", Status: http.StatusUnsupportedMediaType, Detail: "send Content-Type: application/json"}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("", "there is something after the JSON value")
	}
	return body, nil
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
		return malformed("", "an amount is not a number of at most three decimals: %v", err)
	}
	return malformed("", "the body is not JSON: %v", err)
}

func pathEscape(id string) string { return url.PathEscape(id) }
