package retail_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/retail"
)

const dataSet = "../../../../shared/data/online_retail/online_retail.csv.gz"

func open(t testing.TB, opts retail.Options) *retail.File {
	t.Helper()
	if _, err := os.Stat(dataSet); err != nil {
		t.Skipf("the Online Retail data set is not here: %v", err)
	}
	f, err := retail.Open(dataSet, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// drain reads a source to its end.
func drain(t testing.TB, src feed.Source, each func(feed.Message)) {
	t.Helper()
	for {
		m, err := src.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		each(m)
	}
}

func tables(t testing.TB, src feed.Source) *retail.Tables {
	t.Helper()
	tab, err := retail.NewTables()
	require.NoError(t, err)
	drain(t, src, func(m feed.Message) {
		if m.Order != nil {
			tab.AddCommand(m.Order)
		}
	})
	return tab
}

func money(t testing.TB, text string) schemas.Money {
	t.Helper()
	m, err := schemas.ParseDecimal[schemas.Scale3](text)
	require.NoError(t, err)
	return m
}

// The published batch figures of the data set, to the last thousandth.
func TestTablesOfTheWholeFile(t *testing.T) {
	f := open(t, retail.Options{Reject: func(r retail.Reject) { t.Errorf("line %d: %s", r.Line, r.Reason) }})
	tab := tables(t, f)
	require.Equal(t, retail.Totals{541909, 25900, 4372, 4070, 5176450, money(t, "9747747.934")}, tab.All())
	require.Equal(t, retail.Totals{532618, 22061, 4339, 4058, 5454021, money(t, "10655622.484")}, tab.Numeric())
	require.Equal(t, retail.Totals{9288, 3836, 1589, 1947, -277574, money(t, "-896812.490")}, tab.Cancelled())
	require.Equal(t, 3, tab.Adjusted().Rows)
	require.Equal(t, money(t, "-11062.060"), tab.Adjusted().Revenue)
	require.Equal(t, retail.Totals{397884, 18532, 4338, 3665, 5167812, money(t, "8911407.904")}, tab.Clean())
	require.Equal(t, "dc0ed5eddf7e19dea9ba5c87d103a0a54b82232ac8622c3c2af769b220f69de2", tab.Digest())
	want := []struct {
		month                        string
		rows, invoices               int
		net, gross, cancelled, clean string
		cleanInvoices, cleanCustomer int
	}{
		{"2010-12", 42481, 2025, "748957.02", "823746.14", "-74789.12", "572713.890", 1400, 885},
		{"2011-01", 35147, 1476, "560000.26", "691364.56", "-131364.30", "569445.040", 987, 741},
		{"2011-02", 27707, 1393, "498062.65", "523631.89", "-25569.24", "447137.350", 997, 758},
		{"2011-03", 36748, 1983, "683267.08", "717639.36", "-34372.28", "595500.760", 1321, 974},
		{"2011-04", 29916, 1744, "493207.121", "537808.621", "-44601.50", "469200.361", 1149, 856},
		{"2011-05", 37030, 2162, "723333.51", "770536.02", "-47202.51", "678594.560", 1555, 1056},
		{"2011-06", 36874, 2012, "691123.12", "761739.90", "-70616.78", "661213.690", 1393, 991},
		{"2011-07", 39518, 1927, "681300.111", "719221.191", "-37921.08", "600091.011", 1331, 949},
		{"2011-08", 35284, 1737, "682680.51", "748076.32", "-54333.75", "645343.900", 1280, 935},
		{"2011-09", 50226, 2327, "1019687.622", "1058590.172", "-38902.55", "952838.382", 1755, 1266},
		{"2011-10", 60742, 2637, "1070704.67", "1154979.30", "-84274.63", "1039318.790", 1929, 1364},
		{"2011-11", 84711, 3462, "1461756.25", "1509496.33", "-47740.08", "1161817.380", 2657, 1664},
		{"2011-12", 25525, 1015, "433668.01", "638792.68", "-205124.67", "518192.790", 778, 615},
	}
	months := tab.Months()
	require.Len(t, months, len(want))
	for i, w := range want {
		require.Equal(t, retail.Month{
			Month: w.month, Rows: w.rows, Invoices: w.invoices, Net: money(t, w.net), Gross: money(t, w.gross),
			Cancelled: money(t, w.cancelled), Clean: money(t, w.clean), CleanInvoices: w.cleanInvoices,
			CleanCustomers: w.cleanCustomer,
		}, months[i])
	}
	require.Equal(t, 541909, f.Rows())
	require.Zero(t, f.Rejects())
	read, size := f.Progress()
	require.Equal(t, size, read)
}

func TestTablesOfPrefixes(t *testing.T) {
	for _, w := range []struct {
		rows, invoices, customers, codes int
		revenue                          string
	}{
		{1000, 66, 48, 590, "24506.250"},
		{10000, 512, 323, 2015, "180667.750"},
	} {
		got := tables(t, open(t, retail.Options{MaxRows: w.rows})).All()
		require.Equal(t, w.rows, got.Rows)
		require.Equal(t, w.invoices, got.Invoices)
		require.Equal(t, w.customers, got.Customers)
		require.Equal(t, w.codes, got.Codes)
		require.Equal(t, money(t, w.revenue), got.Revenue)
	}
}

// The product feed ends with the most frequent trimmed description and the last price above zero of every code.
func TestProductFeedOfTheWholeFile(t *testing.T) {
	final := map[string]string{}
	price := map[string]schemas.Money{}
	changes, orders := 0, map[orderproc.OrderKind]int{}
	at, known := time.Time{}, true
	drain(t, open(t, retail.Options{}), func(m feed.Message) {
		require.False(t, m.At.Before(at), "messages go back in time")
		at = m.At
		if c := m.Change; c != nil {
			changes++
			final[c.ProductID], price[c.ProductID] = c.Name, c.ListPrice
			return
		}
		orders[m.Order.Kind]++
		for i := range m.Order.Items {
			_, ok := final[m.Order.Items[i].ProductID]
			known = known && ok
		}
	})
	require.True(t, known, "an order came before the products in it")
	require.Len(t, final, 3958)
	require.Equal(t, "WHITE HANGING HEART T-LIGHT HOLDER", final["85123A"])
	require.Equal(t, "REGENCY CAKESTAND 3 TIER", final["22423"])
	require.Equal(t, "DOTCOM POSTAGE", final["DOT"])
	require.Equal(t, money(t, "1714.170"), price["DOT"])
	require.Less(t, changes, 50_000)
	require.Equal(t, map[orderproc.OrderKind]int{
		orderproc.OrderKindSale: 22061 - 1336, orderproc.OrderKindWriteOff: 1336,
		orderproc.OrderKindCancellation: 3836, orderproc.OrderKindAdjustment: 3,
	}, orders)
	t.Logf("%d product changes", changes)
}

func TestIdsAreThoseOfTheFile(t *testing.T) {
	first := map[string]string{}
	drain(t, open(t, retail.Options{MaxRows: 2000}), func(m feed.Message) {
		if m.Order != nil {
			first[m.Order.OrderID] = m.Order.Identity.IdempotenceID
		}
	})
	drain(t, open(t, retail.Options{MaxRows: 3000}), func(m feed.Message) {
		if m.Order != nil && first[m.Order.OrderID] == m.Order.Identity.IdempotenceID {
			delete(first, m.Order.OrderID)
		}
	})
	require.LessOrEqual(t, len(first), 1, "only an invoice cut by the end of the prefix may have another id")
}

func BenchmarkReadAndMap(b *testing.B) {
	for b.Loop() {
		rows := 0
		drain(b, open(b, retail.Options{}), func(m feed.Message) {
			if m.Order != nil {
				rows += len(m.Order.Items)
			}
		})
		if rows != 541909 {
			b.Fatal(rows)
		}
	}
}
