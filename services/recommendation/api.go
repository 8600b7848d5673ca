package recommendation

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/services/recommendation/model"
)

// ErrNotReady is returned by Tables while a table is being read.
var ErrNotReady = errors.New("the recommendations are not readable here yet")

// Tables is what the query API reads. Each call returns ErrNotReady while the table is being read.
type Tables interface {
	Recommendation(ctx context.Context, key string) (row prodrec.Recommendation, known bool, err error)
	Popular(ctx context.Context) (row prodrec.PopularItems, known bool, err error)
	// Available says whether a product may be shown.
	Available(ctx context.Context, productID string) (bool, error)
}

// retryAfter is what a client is told to wait while the tables are being read, in seconds.
const retryAfter = "2"

// maxID bounds ids in paths, in bytes.
const maxID = 256

//go:embed openapi.json
var openAPI []byte

// API is the query API:
//
//	GET /recommendations/{customerId}            what a customer may want next
//	GET /recommendations/visitors/{visitorId}    the same for a visitor who has not logged in
//	GET /recommendations/openapi.json            this, for machines
//
// Somebody nobody knows anything about gets what is popular: there is no 404. Products that are not available are left
// out of every answer. Errors are application/problem+json: 422 for an id that is too long, 503 with Retry-After while
// the tables are being read.
func API(t Tables) http.Handler {
	a := &api{t}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recommendations/{customerId}", func(w http.ResponseWriter, r *http.Request) {
		a.get(w, r, customerPrefix, r.PathValue("customerId"))
	})
	mux.HandleFunc("GET /recommendations/visitors/{visitorId}", func(w http.ResponseWriter, r *http.Request) {
		a.get(w, r, visitorPrefix, r.PathValue("visitorId"))
	})
	mux.HandleFunc("GET /recommendations/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	return mux
}

type api struct{ tables Tables }

// answer is the body of a 200.
type answer struct {
	CustomerID string       `json:"customerId,omitempty"`
	VisitorID  string       `json:"visitorId,omitempty"`
	Fallback   bool         `json:"fallback"`
	Items      []answerItem `json:"items"`
	Lists      []answerList `json:"lists"`
	ModelID    string       `json:"modelId"`
	AsOf       *time.Time   `json:"asOf,omitempty"`
}

type answerItem struct {
	ProductID string  `json:"productId"`
	Score     float64 `json:"score"`
	Reason    string  `json:"reason"`
}

type answerList struct {
	Kind  string       `json:"kind"`
	Items []answerItem `json:"items"`
	AsOf  time.Time    `json:"asOf"`
}

func (a *api) get(w http.ResponseWriter, r *http.Request, prefix, id string) {
	if len(id) > maxID {
		problem(w, http.StatusUnprocessableEntity, "the id is too long")
		return
	}
	out, err := a.answer(r.Context(), prefix+id)
	switch {
	case errors.Is(err, ErrNotReady):
		w.Header().Set("Retry-After", retryAfter)
		problem(w, http.StatusServiceUnavailable, ErrNotReady.Error())
		return
	case err != nil:
		problem(w, http.StatusInternalServerError, "the recommendations cannot be read")
		return
	}
	if prefix == customerPrefix {
		out.CustomerID = id
	} else {
		out.VisitorID = id
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	_ = json.NewEncoder(w).Encode(out) // the client is gone if it fails
}

func (a *api) answer(ctx context.Context, key string) (*answer, error) {
	row, known, err := a.tables.Recommendation(ctx, key)
	if err != nil {
		return nil, err
	}
	out := &answer{Items: []answerItem{}, Lists: []answerList{}, ModelID: model.ModelID}
	if known {
		out.ModelID, out.AsOf = row.ModelID, &row.AsOf
		if out.Items, err = a.show(ctx, row.Items); err != nil {
			return nil, err
		}
		for i := range row.Lists {
			l := &row.Lists[i]
			items, err := a.show(ctx, l.Items)
			if err != nil {
				return nil, err
			}
			if len(items) > 0 {
				out.Lists = append(out.Lists, answerList{l.Kind.String(), items, l.AsOf})
			}
		}
	}
	if len(out.Items) == 0 {
		return out, a.fallback(ctx, out)
	}
	return out, nil
}

// fallback answers with what is popular.
func (a *api) fallback(ctx context.Context, out *answer) error {
	out.Fallback = true
	row, known, err := a.tables.Popular(ctx)
	if err != nil || !known {
		return err
	}
	out.AsOf = &row.AsOf
	for _, x := range row.Items {
		ok, err := a.tables.Available(ctx, x.ProductID)
		if err != nil {
			return err
		}
		if ok {
			out.Items = append(out.Items, answerItem{x.ProductID, x.Score, model.PopularReason(x)})
		}
		if len(out.Items) == model.Defaults().Size {
			break
		}
	}
	return nil
}

// show leaves out what is no longer available.
func (a *api) show(ctx context.Context, items []prodrec.RecommendedItem) ([]answerItem, error) {
	out := make([]answerItem, 0, len(items))
	for _, x := range items {
		ok, err := a.tables.Available(ctx, x.ProductID)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, answerItem{x.ProductID, x.Score, x.Reason})
		}
	}
	return out, nil
}

// problem writes an error as application/problem+json.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(status), "status": status, "detail": detail})
}
