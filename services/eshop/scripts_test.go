package eshop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/shop"
)

// driver runs the products of the domain without a broker.
func driver(t testing.TB, opts ...any) *streamtest.Driver {
	t.Helper()
	defs, err := Products(DefaultRules())
	require.NoError(t, err)
	for _, d := range defs {
		opts = append(opts, d)
	}
	return streamtest.New(t, append(opts, streamtest.Partitions(2))...)
}

// The scripts in testdata: actions in, events and rows out, one folder per product. "go test -run Scripts -rewrite"
// writes what comes out anew; read the difference before you keep it.
func TestScripts(t *testing.T) {
	for folder, topics := range map[string][]stream.TopicRef{
		"cart": {
			shop.ProductAddedEvent, shop.ProductRemovedEvent, shop.CartCheckedOutEvent, shop.CartState,
			orderproc.CreateOrderCommand,
		},
		"navigation": {shop.PageNavigatedEvent, shop.SearchPerformedEvent, shop.ShopVisitedState, shop.PageNavigationKpiState},
		"users":      {shop.UserRegisteredEvent, shop.UserLoggedInEvent, shop.UserState},
	} {
		streamtest.Run(t, "testdata/"+folder, func(t *testing.T) *streamtest.Driver {
			t.Helper()
			return driver(t, streamtest.Show(topics...))
		})
	}
}
