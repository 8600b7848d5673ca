package recommendation

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"meshwork.dev/pkg/port/query"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/prodrec"
	"meshwork.dev/schemas/product"
)

// Service is the recommendation service, for its own program and for the all-in-one. It has no rules of its own to be
// set, so getenv is not asked.
func Service(_ func(string) string) service.Definition {
	return service.Definition{
		Name:     "recommendation",
		Doc:      "It materialises Recommendation: what each customer and visitor is likely to want next.",
		Products: func(*service.Config) ([]stream.Definition, error) { return Products() },
		APIs:     []string{"recommendations"},
		Routes:   mount,
	}
}

// mount adds the query API to the mux of the process.
func mount(mux *http.ServeMux, deps service.Deps) error {
	rows, err := query.Open(prodrec.RecommendationState, deps.Kafka, deps.Registry, deps.Log, query.WithPages(deps.Pages))
	if err != nil {
		return fmt.Errorf("recommendations API: %w", err)
	}
	deps.OnStop("recommendation table", rows.Close)
	popular, err := query.Open(prodrec.PopularItemsState, deps.Kafka, deps.Registry, deps.Log, query.WithPages(deps.Pages))
	if err != nil {
		return fmt.Errorf("recommendations API: %w", err)
	}
	deps.OnStop("popular items table", popular.Close)
	products, err := query.Open(product.ProductState, deps.Kafka, deps.Registry, deps.Log, query.WithPages(deps.Pages))
	if err != nil {
		return fmt.Errorf("recommendations API: %w", err)
	}
	deps.OnStop("product table", products.Close)
	mux.Handle("/recommendations/", API(topics{rows, popular, products}))
	return nil
}

// topics reads the tables of the query API from their state topics.
type topics struct {
	rows     *query.Table[string, prodrec.Recommendation]
	popular  *query.Table[string, prodrec.PopularItems]
	products *query.Table[string, product.Product]
}

func (t topics) Recommendation(ctx context.Context, key string) (prodrec.Recommendation, bool, error) {
	row, ok, err := t.rows.Get(ctx, key)
	return row, ok, notReady(err)
}

func (t topics) Popular(ctx context.Context) (prodrec.PopularItems, bool, error) {
	row, ok, err := t.popular.Get(ctx, popularID)
	return row, ok, notReady(err)
}

func (t topics) Available(ctx context.Context, productID string) (bool, error) {
	row, ok, err := t.products.Get(ctx, productID)
	return ok && row.Available, notReady(err)
}

func notReady(err error) error {
	if errors.Is(err, query.ErrNotReady) {
		return ErrNotReady
	}
	return err
}
