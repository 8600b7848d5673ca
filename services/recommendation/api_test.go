package recommendation

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/prodrec"
)

// shelf is the tables of a test.
type shelf struct {
	rows    map[string]prodrec.Recommendation
	popular []prodrec.PopularItem
	gone    string
	err     error
}

func (s *shelf) Recommendation(_ context.Context, key string) (prodrec.Recommendation, bool, error) {
	r, ok := s.rows[key]
	return r, ok, s.err
}

func (s *shelf) Popular(context.Context) (prodrec.PopularItems, bool, error) {
	return prodrec.PopularItems{Items: s.popular}, true, s.err
}

func (s *shelf) Available(_ context.Context, id string) (bool, error) { return id != s.gone, s.err }

func get(t *testing.T, s *shelf, path string) (int, http.Header, answer) {
	t.Helper()
	w := httptest.NewRecorder()
	API(s).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	var a answer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a), w.Body.String())
	return w.Code, w.Header(), a
}

func TestAPI(t *testing.T) {
	at := time.Date(2011, 12, 1, 10, 0, 0, 0, time.UTC)
	items := []prodrec.RecommendedItem{{ProductID: "A1", Score: 2, Reason: "bought twice, last today"}, {ProductID: "GONE", Score: 1}}
	s := &shelf{
		rows: map[string]prodrec.Recommendation{"c:17850": {
			Items: items, Lists: []prodrec.RecommendationList{{Kind: prodrec.ListKindRepeatPurchase, Items: items, AsOf: at}},
			ModelID: "blend-0", AsOf: at,
		}},
		popular: []prodrec.PopularItem{{ProductID: "GONE", Score: 9, Baskets: 9}, {ProductID: "B2", Score: 3, Baskets: 1}},
		gone:    "GONE",
	}
	t.Run("customer", func(t *testing.T) {
		code, _, a := get(t, s, "/recommendations/17850")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "17850", a.CustomerID)
		require.Equal(t, "blend-0", a.ModelID)
		require.False(t, a.Fallback)
		require.Equal(t, []answerItem{{"A1", 2, "bought twice, last today"}}, a.Items, "what is gone since is left out")
		require.Equal(t, []answerList{{"REPEAT_PURCHASE", a.Items, at}}, a.Lists)
	})
	t.Run("strangers get what is popular", func(t *testing.T) {
		for _, path := range []string{"/recommendations/nobody", "/recommendations/visitors/17850"} {
			code, _, a := get(t, s, path)
			require.Equal(t, http.StatusOK, code)
			require.True(t, a.Fallback)
			require.Equal(t, []answerItem{{"B2", 3, "popular: in 1 order of the last 30 days"}}, a.Items)
		}
	})
	t.Run("an id that is too long", func(t *testing.T) {
		code, _, _ := get(t, s, "/recommendations/"+strings.Repeat("x", maxID+1))
		require.Equal(t, http.StatusUnprocessableEntity, code)
	})
	t.Run("not ready", func(t *testing.T) {
		code, h, _ := get(t, &shelf{err: ErrNotReady}, "/recommendations/17850")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, retryAfter, h.Get("Retry-After"))
	})
	t.Run("the document names every path", func(t *testing.T) {
		w := httptest.NewRecorder()
		API(s).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/recommendations/openapi.json", nil))
		var doc struct{ Paths map[string]any }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
		require.Len(t, doc.Paths, 3)
	})
}
