package orderprocessing

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// fakeMesh is both sides of the API: it keeps the commands, and answers with the orders it is given.
type fakeMesh struct {
	created   []orderproc.CreateOrder
	cancelled []orderproc.CancelOrder
	orders    map[string]orderproc.Order
	away      error
	notReady  error
}

func (m *fakeMesh) CreateOrder(_ context.Context, cmd *orderproc.CreateOrder) error {
	if m.away == nil {
		m.created = append(m.created, *cmd)
	}
	return m.away
}

func (m *fakeMesh) CancelOrder(_ context.Context, cmd *orderproc.CancelOrder) error {
	if m.away == nil {
		m.cancelled = append(m.cancelled, *cmd)
	}
	return m.away
}

func (m *fakeMesh) Order(_ context.Context, id string) (orderproc.Order, bool, error) {
	o, ok := m.orders[id]
	return o, ok, m.notReady
}

var now = time.Date(2026, 1, 5, 9, 0, 0, 123456789, time.UTC)

func (m *fakeMesh) api() http.Handler {
	return API(APIConfig{
		Commands: m, Orders: m, Rules: DefaultRules(), Now: func() time.Time { return now },
		NewID: func() string { return "random" },
	})
}

// call sends a request: headers as "Name: value".
func call(t *testing.T, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const oneItem = `{"customerId":"17850","items":[{"productId":"85123a","quantity":6,"unitPrice":"2.55"},{"productId":"71053","quantity":1,"unitPrice":3.390,"discount":0.39}]}`

func TestCreateOrder(t *testing.T) {
	m := &fakeMesh{}
	w := call(t, m.api(), "POST", "/orders", oneItem, "Idempotency-Key: k1")
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	var got accepted
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, "orders-api/k1", got.IdempotenceID)
	require.Equal(t, "/orders/"+got.OrderID, w.Header().Get("Location"))
	at := time.Date(2026, 1, 5, 9, 0, 0, 123e6, time.UTC)
	require.Equal(t, []orderproc.CreateOrder{{
		Identity: orderproc.Identity{EventID: "orders-api/k1", IdempotenceID: "orders-api/k1", Created: at},
		OrderID:  got.OrderID, Kind: orderproc.OrderKindSale, CustomerID: schemas.Some("17850"), Channel: orderproc.ChannelWeb,
		Currency: "GBP", OrderDate: at,
		Items: []orderproc.OrderItem{
			{LineNumber: 1, ProductID: "85123A", ProductCode: "85123a", Quantity: 6, UnitPrice: 2550, OrderedAt: at},
			{LineNumber: 2, ProductID: "71053", ProductCode: "71053", Quantity: 1, UnitPrice: 3390, Discount: schemas.Some(schemas.Money(390)), OrderedAt: at},
		},
	}}, m.created)

	t.Run("the key makes the id", func(t *testing.T) {
		again := &fakeMesh{}
		call(t, again.api(), "POST", "/orders", oneItem, "Idempotency-Key: k1")
		call(t, again.api(), "POST", "/orders", oneItem, "Idempotency-Key: k2")
		require.Equal(t, got.OrderID, again.created[0].OrderID)
		require.NotEqual(t, got.OrderID, again.created[1].OrderID)
	})
	t.Run("an id of one's own", func(t *testing.T) {
		own := &fakeMesh{}
		body := strings.Replace(oneItem, "{", `{"orderId":"PO 7/1",`, 1)
		w := call(t, own.api(), "POST", "/orders", body)
		require.Equal(t, "/orders/PO%207%2F1", w.Header().Get("Location"))
		call(t, own.api(), "POST", "/orders", body)
		require.Equal(t, "PO 7/1", own.created[0].OrderID)
		require.Equal(t, own.created[0].Identity.IdempotenceID, own.created[1].Identity.IdempotenceID, "the same request is the same order")
		call(t, own.api(), "POST", "/orders", strings.Replace(body, "6", "7", 1))
		require.NotEqual(t, own.created[0].Identity.IdempotenceID, own.created[2].Identity.IdempotenceID)
	})
	t.Run("neither", func(t *testing.T) {
		none := &fakeMesh{}
		call(t, none.api(), "POST", "/orders", oneItem)
		require.Equal(t, "o-random", none.created[0].OrderID)
	})
}

func TestRequestsThatAreNotTaken(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		field      string
		detail     string
		headers    []string
	}{
		{"not JSON", `{"items":`, 400, "", "the body is not JSON", nil},
		{"two values", oneItem + "{}", 400, "", "something after the JSON value", nil},
		{"unknown field", `{"itmes":[]}`, 400, "itmes", "no such field", nil},
		{"wrong shape", `{"items":[{"productId":"1","quantity":"six","unitPrice":1}]}`, 400, "items.quantity", "a string is not taken here", nil},
		{"half a piece", `{"items":[{"productId":"1","quantity":1.5,"unitPrice":1}]}`, 400, "items.quantity", "is not taken here", nil},
		{"four decimals", `{"items":[{"productId":"1","quantity":1,"unitPrice":1.0001}]}`, 400, "", "at most three decimals", nil},
		{"no body", ``, 415, "", "application/json", nil},
		{"a form", `a=b`, 415, "", "application/json", []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"too large", `{"comment":"` + strings.Repeat("x", maxBody) + `"}`, 413, "", "2 MiB", nil},
		{"long key", oneItem, 400, "Idempotency-Key", "at most 255", []string{"Idempotency-Key: " + strings.Repeat("k", 256)}},
		{"no items", `{}`, 422, "items", "the order has no items", nil},
		{"no price", `{"items":[{"productId":"1","quantity":1}]}`, 422, "items[0].unitPrice", "is missing", nil},
		{"no pieces", `{"items":[{"productId":"1","quantity":0,"unitPrice":1}]}`, 422, "items[0].quantity", "is 0", nil},
		{"kind", `{"kind":"GIFT","items":[]}`, 422, "kind", `"GIFT" is not a kind`, nil},
		{"channel", `{"channel":"FAX","items":[]}`, 422, "channel", `"FAX" is not a channel`, nil},
		{"half an address", `{"items":[{"productId":"1","quantity":1,"unitPrice":1}],"shipTo":{"line1":"1 Mill Lane","country":"UK"}}`, 422, "shipTo.city", "is empty", nil},
		{"currency", `{"currency":"XXX","items":[{"productId":"1","quantity":1,"unitPrice":1}]}`, 422, "currency", `"XXX" is not taken here`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &fakeMesh{}
			w := call(t, m.api(), "POST", "/orders", c.body, c.headers...)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			var f failure
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &f))
			require.Equal(t, c.field, f.Field)
			require.Contains(t, f.Detail, c.detail)
			require.Empty(t, m.created)
		})
	}
}

// Nothing is promised before the mesh has it.
func TestMeshAway(t *testing.T) {
	m := &fakeMesh{away: errors.New("no broker"), notReady: ErrNotReady}
	for _, w := range []*httptest.ResponseRecorder{
		call(t, m.api(), "POST", "/orders", oneItem),
		call(t, m.api(), "POST", "/orders/1/cancel", ""),
		call(t, m.api(), "GET", "/orders/1", ""),
	} {
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "2", w.Header().Get("Retry-After"))
		require.NotContains(t, w.Body.String(), "no broker", "addresses and causes belong into the log")
	}
}

func TestGetOrder(t *testing.T) {
	m := &fakeMesh{orders: map[string]orderproc.Order{"a/1": {OrderID: "a/1", Status: orderproc.OrderStatusValidated, Revision: 3}}}
	w := call(t, m.api(), "GET", "/orders/a%2F1", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `"3"`, w.Header().Get("ETag"))
	require.Contains(t, w.Body.String(), `"status":"VALIDATED"`)
	require.NotContains(t, w.Body.String(), "lastRefusal", "what is absent is left out")
	require.Equal(t, http.StatusNotFound, call(t, m.api(), "GET", "/orders/2", "").Code)
}

func TestCancelOrder(t *testing.T) {
	m := &fakeMesh{orders: map[string]orderproc.Order{
		"1": {OrderID: "1", Status: orderproc.OrderStatusShipmentScheduled},
		"2": {OrderID: "2", Status: orderproc.OrderStatusCompleted},
		"3": {OrderID: "3", Status: orderproc.OrderStatusCancelled, WithdrawnBy: schemas.Some("orders-api/k3")},
		"5": {OrderID: "5", Status: orderproc.OrderStatusRefused, Withdrawal: schemas.Some(orderproc.Withdrawal{IdempotenceID: "orders-api/k5"})},
	}}
	w := call(t, m.api(), "POST", "/orders/1/cancel", `{"reason":"too slow"}`, "Idempotency-Key: k")
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Equal(t, "too slow", m.cancelled[0].Reason)
	require.Equal(t, "orders-api/k", m.cancelled[0].Identity.IdempotenceID)
	w = call(t, m.api(), "POST", "/orders/2/cancel", "")
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), "send a credit note")
	require.Equal(t, http.StatusAccepted, call(t, m.api(), "POST", "/orders/3/cancel", "", "Idempotency-Key: k3").Code, "a retry is not a second request")
	require.Equal(t, http.StatusConflict, call(t, m.api(), "POST", "/orders/3/cancel", "").Code)
	require.Equal(t, http.StatusAccepted, call(t, m.api(), "POST", "/orders/4/cancel", "").Code, "the table may be behind")
	require.Equal(t, http.StatusAccepted, call(t, m.api(), "POST", "/orders/5/cancel", "").Code, "withdrawn before it came: asking again is no conflict")
}

// The document names every route the API serves, and no other.
func TestOpenAPI(t *testing.T) {
	w := call(t, (&fakeMesh{}).api(), "GET", "/orders/openapi.json", "")
	require.Equal(t, http.StatusOK, w.Code)
	var doc struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct {
			Schemas map[string]struct{ Properties map[string]json.RawMessage }
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	require.Len(t, doc.Paths, 5)
	for path, methods := range doc.Paths {
		for method := range methods {
			got := call(t, (&fakeMesh{}).api(), strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "1"), "")
			require.NotEqual(t, http.StatusMethodNotAllowed, got.Code, path)
			require.NotEqual(t, "404 page not found\n", got.Body.String(), path)
		}
	}
	require.Equal(t, http.StatusMethodNotAllowed, call(t, (&fakeMesh{}).api(), "DELETE", "/orders/1", "").Code)
	fields := doc.Components.Schemas["CreateOrder"].Properties
	for name := range fields {
		body := `{"` + name + `":{"x":1}}`
		got := call(t, (&fakeMesh{}).api(), "POST", "/orders", body)
		require.NotContains(t, got.Body.String(), name+`: no such field`, "documented and not taken")
	}
	require.Len(t, fields, reflect.TypeFor[orderRequest]().NumField(), "taken and not documented")
}
