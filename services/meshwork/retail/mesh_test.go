package retail_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/pkg/stream/streamtest"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/orderprocessing"
	productservice "meshwork.dev/services/product"
)

// mesh is both domains, connected, without a broker.
func mesh(t testing.TB) *streamtest.Driver {
	t.Helper()
	orders, err := orderprocessing.Products(orderprocessing.DefaultRules())
	require.NoError(t, err)
	products, err := productservice.Products()
	require.NoError(t, err)
	args := []any{streamtest.Start(time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC)), streamtest.Partitions(4)}
	for _, d := range append(append([]stream.Definition{}, orders...), products...) {
		args = append(args, d)
	}
	return streamtest.New(t, args...)
}

// A prefix of the file, through the whole mesh: the order state alone gives the batch tables, and Product Sales adds
// up to them.
func TestPrefixThroughTheMesh(t *testing.T) {
	const rows = 10_000
	d := mesh(t)
	want, err := retail.NewTables()
	require.NoError(t, err)
	drain(t, open(t, retail.Options{MaxRows: rows}), func(m feed.Message) {
		switch {
		case m.Order != nil:
			want.AddCommand(m.Order)
			streamtest.SendAt(d, orderproc.CreateOrderCommand, m.Order.OrderID, *m.Order, m.At)
		case m.Change != nil:
			streamtest.SendAt(d, product.ProductChangeEvent, m.Change.ProductID, *m.Change, m.At)
		}
	})
	d.Advance(48 * time.Hour)

	got, err := retail.NewTables()
	require.NoError(t, err)
	status := map[orderproc.OrderStatus]int{}
	for _, o := range streamtest.Table(d, orderproc.OrderState) {
		got.Add(&o)
		status[o.Status]++
	}
	require.Equal(t, want.All(), got.All())
	require.Equal(t, want.Months(), got.Months())
	require.Equal(t, want.Digest(), got.Digest())
	require.Len(t, status, 2, "every order is completed or cancelled: %v", status)

	table := streamtest.Table(d, product.ProductSalesState)
	sales := retail.SalesByMonth(func(yield func(*product.ProductSales) bool) {
		for row := range maps.Values(table) {
			if !yield(&row) {
				return
			}
		}
	})
	require.Len(t, sales, len(want.Months()))
	for _, m := range want.Months() {
		s := sales[m.Month]
		require.EqualValues(t, m.Rows, s.Rows)
		require.Equal(t, m.Net, s.Net)
		require.Equal(t, m.Gross, s.Gross)
		require.Equal(t, m.Cancelled, s.Cancelled)
	}
	for key, row := range table {
		require.Contains(t, []string{"anonymous", "unknown"}, row.Segment)
		require.True(t, row.ProductName.Valid, "%v was sold before it was known", key)
	}
}
