package recommendation

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/shop"
)

// lines reads a data set line by line, or skips the test where it is not here.
func lines(t testing.TB, path string, comma rune, each func([]string)) {
	t.Helper()
	f, err := os.Open("../../../shared/data/" + path)
	if err != nil {
		t.Skipf("the data set is not beside the repository: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	r := csv.NewReader(z)
	r.Comma, r.ReuseRecord = comma, true
	_, err = r.Read()
	require.NoError(t, err)
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		each(row)
	}
}

// retailOrders are the orders of one in so many customers of Online Retail, as the order domain publishes them, by time.
// They have one in so many products: few enough that rows of products keep their bounds.
func retailOrders(t testing.TB, oneIn, oneProductIn int) []orderproc.OrderCompleted {
	t.Helper()
	orders := map[string]*orderproc.OrderCompleted{}
	lines(t, "online_retail/online_retail.csv.gz", ',', func(row []string) {
		id, err := strconv.ParseFloat(row[6], 64)
		if err != nil || int(id)%oneIn != 0 || row[0][0] == 'C' {
			return
		}
		if number, err := strconv.Atoi(row[1][:min(len(row[1]), 5)]); err != nil || number%oneProductIn != 0 {
			return
		}
		at, err := time.Parse(time.DateTime, row[4])
		require.NoError(t, err)
		quantity, err := strconv.Atoi(row[3])
		require.NoError(t, err)
		price, err := schemas.ParseDecimal[schemas.Scale3](row[5])
		require.NoError(t, err)
		o := orders[row[0]]
		if o == nil {
			o = &orderproc.OrderCompleted{
				OrderID: strings.Clone(row[0]), Kind: orderproc.OrderKindSale, OrderDate: at, CompletedAt: at,
				CustomerID: schemas.Some(strconv.Itoa(int(id))), Currency: "GBP", Channel: orderproc.ChannelWeb,
			}
			orders[o.OrderID] = o
		}
		o.Lines = append(o.Lines, orderproc.OrderLine{
			LineNumber: int32(len(o.Lines) + 1), ProductID: strings.Clone(row[1]), Quantity: int32(quantity), UnitPrice: price, OrderedAt: at,
		})
	})
	out := make([]orderproc.OrderCompleted, 0, len(orders))
	for _, o := range orders {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b orderproc.OrderCompleted) int {
		if c := a.OrderDate.Compare(b.OrderDate); c != 0 {
			return c
		}
		return strings.Compare(a.OrderID, b.OrderID)
	})
	return out
}

// clicks are the looks at products of one in so many sessions of the e-shop clickstream, each session a visitor, by
// time. The file knows the day and the order of looks. Here looks are a minute apart, and the five months of the file
// are 26 days of 2011: in a replay at full speed event time runs ahead of what is re-keyed, and visitors of a month ago
// are forgotten before all they did has arrived.
func clicks(t testing.TB, oneIn int) []shop.PageNavigated {
	t.Helper()
	var out []shop.PageNavigated
	lines(t, "eshop_clickstream/e-shop-clothing-2008.csv.gz", ';', func(row []string) {
		var n [4]int
		for i, at := range []int{1, 2, 3, 5} { // month, day, number of the look, session
			v, err := strconv.Atoi(row[at])
			require.NoError(t, err)
			n[i] = v
		}
		if n[3]%oneIn != 0 {
			return
		}
		id := strings.Clone(row[7])
		page := shop.Page{ID: "product/" + id, Name: id, URL: "https://shop.example/product/" + id}
		out = append(out, shop.PageNavigated{
			VisitorID: strconv.Itoa(n[3]), Page: page, DestinationURL: page.URL, ProductID: schemas.Some(id),
			RequestTimestamp: time.Date(2011, 9, (n[0]-4)*5+n[1]/6, 9+n[1]%6, n[2], n[3]%60, 0, time.UTC),
		})
	})
	slices.SortStableFunc(out, func(a, b shop.PageNavigated) int { return a.RequestTimestamp.Compare(b.RequestTimestamp) })
	return out
}
