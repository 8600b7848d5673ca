package eshop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/shop"
)

// brokers stand in for the mesh: they keep what they acknowledge.
type brokers struct {
	mu    sync.Mutex
	taken []shop.ShopAction
	fail  error
	hold  chan struct{} // when set, nothing is acknowledged before it is closed
}

func (b *brokers) Start(_ context.Context, a *shop.ShopAction, done func(error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.taken = append(b.taken, *a)
	if hold := b.hold; hold != nil {
		go func() { <-hold; done(nil) }()
		return nil
	}
	done(nil)
	return nil
}

func (b *brokers) all() []shop.ShopAction {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

// basket stands in for the table of carts.
type basket map[string]shop.Cart

func (b basket) Cart(_ context.Context, id string) (shop.Cart, bool, error) {
	if b == nil {
		return shop.Cart{}, false, ErrNotReady
	}
	c, ok := b[id]
	return c, ok, nil
}

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

func newAPI(b *brokers) http.Handler {
	n := 0
	return API(APIConfig{
		Actions: b, Carts: basket{"v1": {VisitorID: "v1", Revision: 3}}, Now: func() time.Time { return noon },
		NewID:       func() string { n++; return fmt.Sprintf("id-%d", n) },
		MaxInFlight: 10, Timeout: 100 * time.Millisecond,
	})
}

func call(t *testing.T, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) failure {
	t.Helper()
	require.Equal(t, problemType, w.Header().Get("Content-Type"), w.Body.String())
	var f failure
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &f))
	require.Equal(t, w.Code, f.Status)
	require.NotEmpty(t, f.Title)
	require.NotEmpty(t, f.Detail)
	return f
}

const login = `{"visitorId":"v1","kind":"LOGIN","login":{"userId":"u1","successful":true}}`

func TestOneAction(t *testing.T) {
	b := &brokers{}
	h := newAPI(b)
	w := call(t, h, "POST", "/shop/actions", login)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
	require.JSONEq(t, `{"visitorId":"v1","idempotenceId":"id-1"}`, w.Body.String())
	require.Equal(t, shop.Identity{EventID: "id-1", IdempotenceID: "id-1", Created: noon}, b.all()[0].Identity)
	require.Equal(t, noon, b.all()[0].Timestamp)

	w = call(t, h, "POST", "/shop/actions", login, "Idempotency-Key", "key-1")
	require.JSONEq(t, `{"visitorId":"v1","idempotenceId":"key-1"}`, w.Body.String())
	w = call(t, h, "POST", "/shop/actions", `{"idempotenceId":"mine","timestamp":"2026-01-05T13:59:30.0005+02:00",`+login[1:], "Idempotency-Key", "key-1")
	require.JSONEq(t, `{"visitorId":"v1","idempotenceId":"mine"}`, w.Body.String())
	require.Equal(t, noon.Add(-30*time.Second), b.all()[2].Timestamp)
}

// Whatever is wrong is named, and does not reach the mesh.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		body   string
		status int
		field  string
	}{
		{`{`, 400, ""},
		{`[]`, 400, ""},
		{`"x"`, 400, ""},
		{login + `{}`, 400, ""},
		{`{"visitor":"v1"}`, 400, "visitor"},
		{`{"visitorId":7}`, 400, "visitorId"},
		{`{"visitorId":"v1","kind":"ADD","item":{"productId":"1","quantity":"2"}}`, 400, "item.quantity"},
		{`{"visitorId":"v1","kind":"ADD","item":{"productId":"1","quantity":1,"unitPrice":"1.2345"}}`, 400, "item.unitPrice"},
		{`{"visitorId":"v1","kind":"PAGE","page":{"page":{"id":[]}}}`, 400, "page.page.id"},
		{`{"visitorId":"v1","kind":"LOGIN","timestamp":"noon"}`, 400, "timestamp"},
		{`{"kind":"LOGIN","login":{"userId":"u1","successful":true}}`, 422, "visitorId"},
		{`{"visitorId":"v1"}`, 422, "kind"},
		{`{"visitorId":"v1","kind":"DANCE"}`, 422, "kind"},
		{`{"visitorId":"v1","kind":"UNKNOWN"}`, 422, "kind"},
		{`{"visitorId":"v1","kind":"LOGIN"}`, 422, "login"},
		{`{"visitorId":"v1","kind":"LOGIN","login":{"userId":"","successful":true}}`, 422, "login.userId"},
		{`{"visitorId":"v1","kind":"LOGIN","timestamp":"2026-01-05T12:06:00Z","login":{"userId":"1","successful":true}}`, 422, "timestamp"},
		{`{"visitorId":"v1","kind":"LOGIN","timestamp":"2025-12-01T12:06:00Z","login":{"userId":"1","successful":true}}`, 422, "timestamp"},
		{`{"visitorId":"v1","kind":"ADD","item":{"productId":"1","quantity":0}}`, 422, "item.quantity"},
		{`{"visitorId":"v1","kind":"ADD","item":{"productId":"1","quantity":1,"unitPrice":"-1"}}`, 422, "item.unitPrice"},
		{`{"visitorId":"v1","kind":"PAGE","page":{"page":{"id":"1","url":"no address"},"destinationUrl":"/"}}`, 422, "page.page.url"},
		{`{"visitorId":"v1","kind":"SEARCH","search":{"term":"` + strings.Repeat("x", 600) + `"}}`, 422, "search.term"},
		{`{"visitorId":"v1","kind":"CHECKOUT","checkout":{"shipTo":{"line1":"","city":"a","country":"b"}}}`, 422, "checkout.shipTo.line1"},
		{`{"visitorId":"v1","kind":"REGISTER","registration":{"userId":"u\n1","firstName":"","lastName":""}}`, 422, "registration.userId"},
		{`{"visitorId":"v1","kind":"SEARCH","search":{"term":"` + strings.Repeat("x", maxBody) + `"}}`, 413, ""},
	} {
		b := &brokers{}
		h := newAPI(b)
		w := call(t, h, "POST", "/shop/actions", c.body)
		f := problemOf(t, w)
		require.Equal(t, c.status, w.Code, "%.100s: %+v", c.body, f)
		require.Equal(t, c.field, f.Field, "%.100s: %+v", c.body, f)
		require.Empty(t, b.all())
	}
	h := newAPI(&brokers{})
	require.Equal(t, http.StatusUnsupportedMediaType, call(t, h, "POST", "/shop/actions", login, "Content-Type", "text/plain").Code)
	require.Equal(t, http.StatusBadRequest, call(t, h, "POST", "/shop/actions", login, "Idempotency-Key", strings.Repeat("k", 600)).Code)
	require.Equal(t, http.StatusMethodNotAllowed, call(t, h, "GET", "/shop/actions", "").Code)
}

// A batch is answered one by one: what is valid is taken, the rest says why not.
func TestBatch(t *testing.T) {
	for name, c := range map[string]struct{ body, media string }{
		"array": {`[` + login + `, {"visitorId":"","kind":"LOGIN"}, ` + `{"idempotenceId":"own",` + login[1:] + `, 17]`, "application/json"},
		"lines": {login + "\n" + `{"visitorId":"","kind":"LOGIN"}` + "\r\n\n" + `{"idempotenceId":"own",` + login[1:] + "\n17", "application/x-ndjson; charset=utf-8"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &brokers{}
			w := call(t, newAPI(b), "POST", "/shop/actions:batch", c.body, "Idempotency-Key", "k", "Content-Type", c.media)
			require.Equal(t, http.StatusMultiStatus, w.Code, w.Body.String())
			var out outcome
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
			require.Equal(t, 2, out.Accepted)
			require.Equal(t, itemOutcome{Index: 0, Status: 202, VisitorID: "v1", IdempotenceID: "k/0"}, out.Items[0])
			require.Equal(t, 422, out.Items[1].Status)
			require.Equal(t, "visitorId", out.Items[1].Field)
			require.Equal(t, itemOutcome{Index: 2, Status: 202, VisitorID: "v1", IdempotenceID: "own"}, out.Items[2])
			require.Equal(t, 400, out.Items[3].Status)
			require.Len(t, b.all(), 2)
		})
	}
	b := &brokers{}
	h := newAPI(b)
	require.Equal(t, http.StatusAccepted, call(t, h, "POST", "/shop/actions:batch", "["+login+"]").Code)
	require.Equal(t, http.StatusBadRequest, call(t, h, "POST", "/shop/actions:batch", "[]").Code)
	require.Equal(t, http.StatusBadRequest, call(t, h, "POST", "/shop/actions:batch", "[{]").Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, call(t, h, "POST", "/shop/actions:batch", strings.Repeat("{}\n", maxActions+1)).Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, call(t, h, "POST", "/shop/actions:batch", strings.Repeat(" ", maxBatch+1)).Code)
	require.Len(t, b.all(), 1)
}

// Nothing is promised that the brokers have not acknowledged.
func TestMeshAway(t *testing.T) {
	b := &brokers{fail: errors.New("away")}
	h := newAPI(b)
	w := call(t, h, "POST", "/shop/actions", login)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	problemOf(t, w)

	b.fail, b.hold = nil, make(chan struct{})
	defer close(b.hold)
	w = call(t, h, "POST", "/shop/actions", login)
	require.Equal(t, http.StatusServiceUnavailable, w.Code, "nothing came back in time")
	w = call(t, h, "POST", "/shop/actions:batch", "["+login+","+login+"]")
	require.Equal(t, http.StatusMultiStatus, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	var out outcome
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	require.Zero(t, out.Accepted)
	require.Equal(t, http.StatusServiceUnavailable, out.Items[1].Status)
}

// While too many wait for the brokers, more are sent away, and taken again afterwards.
func TestBackPressure(t *testing.T) {
	b := &brokers{hold: make(chan struct{})}
	h := API(APIConfig{
		Actions: b, Carts: basket{}, Now: func() time.Time { return noon }, NewID: func() string { return "i" },
		MaxInFlight: 10, Timeout: time.Minute,
	})
	var wg sync.WaitGroup
	codes := make([]int, 8)
	for i := range codes {
		wg.Go(func() { codes[i] = call(t, h, "POST", "/shop/actions", login).Code })
	}
	require.Eventually(t, func() bool { return len(b.all()) == len(codes) }, 30*time.Second, time.Millisecond)
	w := call(t, h, "POST", "/shop/actions:batch", "["+login+","+login+","+login+"]")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	problemOf(t, w)
	for range 2 {
		wg.Go(func() { call(t, h, "POST", "/shop/actions", login) })
	}
	require.Eventually(t, func() bool { return len(b.all()) == 10 }, 30*time.Second, time.Millisecond)
	require.Equal(t, http.StatusTooManyRequests, call(t, h, "POST", "/shop/actions", login).Code)
	close(b.hold)
	wg.Wait()
	for _, code := range codes {
		require.Equal(t, http.StatusAccepted, code)
	}
	require.Equal(t, http.StatusAccepted, call(t, h, "POST", "/shop/actions:batch", "["+login+","+login+","+login+"]").Code)
}

func TestCart(t *testing.T) {
	h := newAPI(&brokers{})
	w := call(t, h, "GET", "/shop/carts/v1", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, `"3"`, w.Header().Get("ETag"))
	require.Equal(t, http.StatusNotFound, call(t, h, "GET", "/shop/carts/v2", "").Code)
	none := API(APIConfig{Actions: &brokers{}, Carts: basket(nil), Now: time.Now, NewID: func() string { return "" }, MaxInFlight: 1})
	require.Equal(t, http.StatusServiceUnavailable, call(t, none, "GET", "/shop/carts/v1", "").Code)
}

// The document and the handler agree: paths, statuses, fields, what is required, and the examples.
func TestOpenAPI(t *testing.T) {
	h := newAPI(&brokers{})
	w := call(t, h, "GET", "/shop/openapi.json", "")
	require.Equal(t, http.StatusOK, w.Code)
	type schema struct {
		Ref                  string            `json:"$ref"`
		Type                 string            `json:"type"`
		Properties           map[string]schema `json:"properties"`
		Items                *schema           `json:"items"`
		Required             []string          `json:"required"`
		Enum                 []string          `json:"enum"`
		AdditionalProperties *bool             `json:"additionalProperties"`
	}
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Examples map[string]struct{ Value json.RawMessage }
				}
			} `json:"requestBody"`
			Responses map[string]any
		}
		Components struct{ Schemas map[string]schema }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.Len(t, doc.Paths, 4)
	for path, methods := range doc.Paths {
		for method, op := range methods {
			for media, content := range op.RequestBody.Content {
				for name, example := range content.Examples {
					w := call(t, h, strings.ToUpper(method), path, string(example.Value), "Content-Type", media)
					require.Equal(t, http.StatusAccepted, w.Code, "%s: %s", name, w.Body.String())
				}
			}
			w := call(t, h, strings.ToUpper(method), strings.ReplaceAll(path, "{visitorId}", "v1"), "")
			require.Contains(t, op.Responses, strconv.Itoa(w.Code), "%s %s", method, path)
		}
	}

	var same func(at string, s schema, typ reflect.Type)
	same = func(at string, s schema, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Struct && strings.HasPrefix(typ.Name(), "Opt[") {
			typ = typ.Field(0).Type
		}
		switch {
		case typ == reflect.TypeFor[time.Time]() || typ.Kind() != reflect.Struct && typ.Kind() != reflect.Slice:
			require.Empty(t, s.Properties, at)
			return
		case typ.Kind() == reflect.Slice:
			require.Equal(t, "array", s.Type, at)
			same(at+"[]", *s.Items, typ.Elem())
			return
		}
		require.Equal(t, "object", s.Type, at)
		var want []string
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, name)
			require.Contains(t, s.Properties, name, at)
			same(at+"."+name, s.Properties[name], f.Type)
		}
		require.Len(t, s.Properties, len(want), at)
	}
	same("Action", doc.Components.Schemas["Action"], reflect.TypeFor[actionRequest]())
	same("Cart", doc.Components.Schemas["Cart"], reflect.TypeFor[shop.Cart]())
	same("Outcome", doc.Components.Schemas["Outcome"], reflect.TypeFor[outcome]())
	same("Accepted", doc.Components.Schemas["Accepted"], reflect.TypeFor[accepted]())
	same("Problem", doc.Components.Schemas["Problem"], reflect.TypeFor[failure]())
	action := doc.Components.Schemas["Action"]
	require.Equal(t, []string{"visitorId", "kind"}, action.Required)
	for _, kind := range action.Properties["kind"].Enum {
		_, err := shop.ParseActionKind(kind)
		require.NoError(t, err)
	}
	require.Len(t, action.Properties["kind"].Enum, 7)
}

func FuzzRequest(f *testing.F) {
	f.Add(login, "")
	f.Add(`[`+login+`]`, "k")
	f.Fuzz(func(t *testing.T, body, key string) {
		a := &api{APIConfig: APIConfig{Now: func() time.Time { return noon }, NewID: func() string { return "i" }}}
		action, bad := a.parse([]byte(body), key)
		if (action == nil) == (bad == nil) {
			t.Fatal("neither an action nor a failure, or both")
		}
		if action != nil && check(action) != nil {
			t.Fatal("an action that is not valid was let through")
		}
		_, _ = items([]byte(body))
	})
}
