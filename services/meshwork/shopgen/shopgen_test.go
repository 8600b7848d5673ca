package shopgen_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/shopgen"
)

func all(t *testing.T, c shopgen.Config) (out []feed.Message) {
	t.Helper()
	for g := shopgen.New(c); ; {
		m, err := g.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, m)
	}
}

func TestSameSeedSameShop(t *testing.T) {
	a := all(t, shopgen.Config{Seed: 7, Count: 3000})
	require.Equal(t, a, all(t, shopgen.Config{Seed: 7, Count: 3000}))
	require.Equal(t, a[1234:], all(t, shopgen.Config{Seed: 7, First: 1234, Count: 3000 - 1234}), "starting later changes nothing")
	require.NotEqual(t, a, all(t, shopgen.Config{Seed: 8, Count: 3000}))
}

func TestShopIsPlausible(t *testing.T) {
	sales := map[string]*orderproc.CreateOrder{}
	products := map[string]bool{}
	credits, withdrawals, anonymous := 0, 0, 0
	var at time.Time
	for _, m := range all(t, shopgen.Config{Seed: 1, Count: 5000}) {
		require.False(t, m.At.Before(at), "time goes back")
		at = m.At
		switch {
		case m.Change != nil:
			products[m.Change.ProductID] = true
			require.Positive(t, m.Change.ListPrice)
		case m.Cancel != nil:
			withdrawals++
			require.Contains(t, sales, m.Cancel.OrderID)
		case m.Order.Kind == orderproc.OrderKindCancellation:
			credits++
			sold := sales[m.Order.Cancels.Value]
			require.NotNil(t, sold)
			require.Equal(t, sold.CustomerID, m.Order.CustomerID)
			require.Negative(t, m.Order.Items[0].Quantity)
		default:
			sales[m.Order.OrderID] = m.Order
			require.NotEmpty(t, m.Order.Items)
			for _, it := range m.Order.Items {
				require.True(t, products[it.ProductID])
				require.Positive(t, it.Quantity)
			}
			if !m.Order.CustomerID.Valid {
				anonymous++
			}
		}
	}
	require.Len(t, products, 300)
	require.Greater(t, len(sales), 4000)
	require.Greater(t, credits, 100)
	require.Greater(t, withdrawals, 70)
	require.InDelta(t, 0.2, float64(anonymous)/float64(len(sales)), 0.03)
}
