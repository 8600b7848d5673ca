package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/customerint"
)

// sink is a mesh that takes interactions as the test tells it to.
type sink struct {
	got   []customerint.Interaction
	hold  bool // answers nothing
	fail  error
	start error
	done  []func(error)
}

func (s *sink) Start(_ context.Context, cmd *customerint.Interaction, done func(error)) error {
	if s.start != nil {
		return s.start
	}
	s.got = append(s.got, *cmd)
	if s.hold {
		s.done = append(s.done, done)
		return nil
	}
	done(s.fail)
	return nil
}

func newAPI(s *sink, inFlight int) http.Handler {
	n := 0
	return API(APIConfig{
		Commands: s, Now: func() time.Time { return time.Date(2011, 6, 1, 9, 0, 0, 0, time.UTC) }, InFlight: inFlight,
		NewID: func() string { n++; return fmt.Sprint("new-", n) }, Timeout: 20 * time.Millisecond,
	})
}

func ask(t *testing.T, api http.Handler, body string, headers ...string) (*httptest.ResponseRecorder, failure) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/interactions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	var f failure
	if w.Code != http.StatusAccepted {
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &f))
		require.Equal(t, w.Code, f.Status)
	}
	return w, f
}

func TestAcceptedInteractions(t *testing.T) {
	s := &sink{}
	api := newAPI(s, 0)
	w, _ := ask(t, api, `{"customerId":"1","kind":"complaint","channel":"E-Mail","text":"broken"}`)
	require.Equal(t, http.StatusAccepted, w.Code)
	require.JSONEq(t, `{"accepted":1,"interactions":[{"interactionId":"`+s.got[0].InteractionID+`","idempotenceId":"new-1"}]}`, w.Body.String())
	require.Equal(t, customerint.InteractionKindComplaint, s.got[0].Kind)
	require.Equal(t, "2011-06-01T09:00:00Z", s.got[0].OccurredAt.Format(time.RFC3339))

	batch := `[{"customerId":"1","kind":"REVIEW","rating":5},{"customerId":"2","kind":"MESSAGE","text":"hi","interactionId":"mine","idempotenceId":"k"}]`
	for range 2 { // the same request makes the same ids
		w, _ = ask(t, api, batch, "Idempotency-Key", "abc")
		require.Equal(t, http.StatusAccepted, w.Code)
	}
	require.Equal(t, s.got[1:3], s.got[3:5])
	require.Equal(t, "abc/0", s.got[1].Identity.IdempotenceID)
	require.Equal(t, []string{"mine", "k"}, []string{s.got[2].InteractionID, s.got[2].Identity.IdempotenceID})
	require.NotEqual(t, s.got[0].InteractionID, s.got[1].InteractionID)
}

func TestRefusedInteractions(t *testing.T) {
	s := &sink{}
	api := newAPI(s, 0)
	long := strings.Repeat("x", maxText+1)
	for _, c := range []struct {
		body, field string
		status      int
	}{
		{`{"kind":"MESSAGE","text":"x"}`, "customerId", 422},
		{`{"customerId":"~","kind":"MESSAGE","text":"x"}`, "customerId", 422},
		{`{"customerId":" 1","kind":"MESSAGE","text":"x"}`, "customerId", 422},
		{`{"customerId":"1","kind":"SHOUT","text":"x"}`, "kind", 422},
		{`{"customerId":"1","kind":"UNKNOWN","text":"x"}`, "kind", 422},
		{`{"customerId":"1","kind":"MESSAGE"}`, "text", 422},
		{`{"customerId":"1","kind":"REVIEW","rating":6}`, "rating", 422},
		{`{"customerId":"1","kind":"REVIEW","rating":5,"helpful":-1}`, "helpful", 422},
		{`{"customerId":"1","kind":"CONTACT","occurredAt":"2012-06-01T00:00:00Z"}`, "occurredAt", 422},
		{`{"customerId":"1","kind":"MESSAGE","text":"x","title":"` + long + `"}`, "title", 422},
		{`{"customerId":"1","kind":"MESSAGE","text":"` + strings.Repeat("x", maxSaid+1) + `"}`, "text", 422},
		{`{"customerId":"1","kind":"MESSAGE","text":"x","complaintStep":"RESOLVED"}`, "complaintStep", 422},
		{`{"customerId":"1","kind":"COMPLAINT","text":"x","complaintStep":"EATEN"}`, "complaintStep", 422},
		{`[{"customerId":"1","kind":"CONTACT"},{"customerId":"1","kind":"REVIEW","rating":0}]`, "[1].rating", 422},
		{`{"customerId":1}`, "customerId", 400},
		{`{"customerID2":"1"}`, "customerID2", 400},
		{`{"customerId":"1"`, "", 400},
		{`{"customerId":"1","kind":"CONTACT"} 1`, "", 400},
		{`[]`, "", 400},
		{``, "", 400},
		{`[` + strings.Repeat(`{"customerId":"1","kind":"CONTACT"},`, maxBatch) + `{"customerId":"1","kind":"CONTACT"}]`, "", 413},
		{`"` + strings.Repeat("x", maxBody) + `"`, "", 413},
	} {
		w, f := ask(t, api, c.body)
		require.Equal(t, c.status, w.Code, "%.100s: %s", c.body, w.Body)
		require.Equal(t, c.field, f.Field, "%.100s", c.body)
	}
	w, _ := ask(t, api, `{}`, "Content-Type", "text/plain")
	require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
	w, f := ask(t, api, `{}`, "Idempotency-Key", long)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, "Idempotency-Key", f.Field)
	require.Empty(t, s.got)
}

// While the mesh is away nothing is promised; while it is slow, no more is taken than it can be owed.
func TestInteractionsUnderPressure(t *testing.T) {
	one := `{"customerId":"1","kind":"CONTACT"}`
	for _, s := range []*sink{{fail: errors.New("no")}, {start: errors.New("no")}, {hold: true}} {
		w, _ := ask(t, newAPI(s, 0), one)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
	}
	s := &sink{hold: true}
	api := newAPI(s, 2)
	w, _ := ask(t, api, `[`+one+`,`+one+`,`+one+`]`)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.Empty(t, s.got, "a batch that does not fit leaves nothing behind")
	_, _ = ask(t, api, one)
	_, _ = ask(t, api, one)
	w, _ = ask(t, api, one)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	s.done[0](nil) // the answer came late, but it came
	s.hold = false
	w, _ = ask(t, api, one)
	require.Equal(t, http.StatusAccepted, w.Code)
}

// The document that the API serves is JSON, and names every answer.
func TestDocument(t *testing.T) {
	w := httptest.NewRecorder()
	newAPI(&sink{}, 0).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/interactions/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	for _, status := range []string{"202", "400", "413", "415", "422", "429", "503"} {
		require.Contains(t, doc.Paths["/interactions"]["post"].Responses, status)
	}
}
