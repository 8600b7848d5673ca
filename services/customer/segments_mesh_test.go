package customer_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	schema "meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/services/customer"
	"meshwork.dev/services/customer/evaluate"
)

// The orders of a year, repeated, out of order within the grace and with a restart between, give every customer the
// quintiles of a ranking of the whole file, to the thousandth of a pound.
func TestSegmentsEqualBatch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	lines, err := evaluate.ReadLines(t.Context(), openData(t, "online_retail/online_retail.csv.gz"), nil)
	require.NoError(t, err)
	day := schemas.NewDate(2011, time.December, 10)
	want := evaluate.Rank(lines, day)
	require.Len(t, want, 4338)

	rng := rand.New(rand.NewPCG(1, 2))
	orders := completed(t, lines)
	type sent struct {
		at time.Time
		o  orderproc.OrderCompleted
	}
	var plan []sent
	for i := range orders {
		late := time.Duration(rng.Int64N(int64(40 * time.Minute)))
		plan = append(plan, sent{orders[i].CompletedAt.Add(late), orders[i]})
		if rng.IntN(8) == 0 { // again, some days later
			plan = append(plan, sent{orders[i].CompletedAt.Add(time.Duration(rng.Int64N(int64(5 * 24 * time.Hour)))), orders[i]})
		}
	}
	slices.SortStableFunc(plan, func(a, b sent) int { return a.at.Compare(b.at) })
	var values []orderproc.OrderCompleted
	for i := range plan {
		values = append(values, plan[i].o)
	}
	m := newMesh(t, map[string]string{customer.EnvRankSoon: "1s"})
	send := func(values []orderproc.OrderCompleted) {
		publish(m, orderproc.OrderCompletedEvent, values,
			func(o *orderproc.OrderCompleted) time.Time { return o.CompletedAt },
			func(o *orderproc.OrderCompleted) string { return o.Identity.EventID })
	}
	start := time.Now()
	m.start()
	send(values[:len(values)/2])
	m.stop() // in the middle of it
	send(values[len(values)/2:])
	m.idle = 500 * time.Millisecond // so that the last day ends
	m.start()
	m.caughtUp()
	var rows map[string]schema.CustomerSegment
	type figures struct {
		last    schemas.Date
		orders  int
		value   schemas.Money
		r, f, m int
		segment string
		vip     bool
	}
	expected := map[string]figures{}
	for i := range want {
		s := &want[i]
		segment, vip := customer.SegmentOf(s.R, s.F, s.M)
		expected[s.CustomerID] = figures{day - schemas.Date(s.RecencyDays), s.Frequency, s.Monetary, s.R, s.F, s.M, segment, vip}
	}
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	got := map[string]figures{}
	require.Eventually(t, func() bool {
		rows = table(m, schema.CustomerSegmentState)
		clear(got)
		for id, s := range rows {
			got[id] = figures{
				schemas.DateOf(s.AsOf.In(london)) - schemas.Date(s.RecencyDays), int(s.Frequency), s.Monetary,
				int(s.R), int(s.F), int(s.M), s.Segment, s.Vip,
			}
		}
		return len(got) == len(expected) && func() bool {
			for id, f := range expected {
				if got[id] != f {
					return false
				}
			}
			return true
		}()
	}, time.Minute, 500*time.Millisecond)
	require.Equal(t, expected, got)
	records, rankings := 0, map[time.Time]bool{}
	read(m, schema.CustomerRankedEvent, func(_ string, e *schema.CustomerRanked) { records++; rankings[e.AsOf] = true })
	published := 0
	read(m, schema.CustomerSegmentState, func(string, *schema.CustomerSegment) { published++ })
	t.Logf("%d orders (%d records) in %v: as of %d days, %d ranked, %d published", len(orders), len(values), time.Since(start).Round(time.Millisecond), len(rankings), records, published)
}

// completed are the orders of lines, in the order of their times.
func completed(t *testing.T, lines []evaluate.Line) []orderproc.OrderCompleted {
	t.Helper()
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	by := map[string]*orderproc.OrderCompleted{}
	for i := range lines {
		l := &lines[i]
		at := time.Date(l.At.Year(), l.At.Month(), l.At.Day(), l.At.Hour(), l.At.Minute(), 0, 0, london).UTC()
		o := by[l.InvoiceNo]
		if o == nil {
			o = &orderproc.OrderCompleted{
				OrderID: l.InvoiceNo, Kind: orderproc.OrderKindSale, OrderDate: at, CompletedAt: at, Currency: "GBP",
				CustomerID: schemas.Some(l.CustomerID), Channel: orderproc.ChannelWeb,
			}
			o.Identity.EventID = l.InvoiceNo + "/completed"
			by[l.InvoiceNo] = o
		}
		if at.Before(o.OrderDate) {
			o.OrderDate, o.CompletedAt = at, at
		}
		o.Lines = append(o.Lines, orderproc.OrderLine{
			LineNumber: int32(len(o.Lines) + 1), ProductID: l.StockCode, Quantity: int32(l.Quantity), UnitPrice: l.UnitPrice, OrderedAt: at,
		})
	}
	var out []orderproc.OrderCompleted
	for _, o := range by {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b orderproc.OrderCompleted) int {
		return cmp.Or(a.CompletedAt.Compare(b.CompletedAt), cmp.Compare(a.OrderID, b.OrderID))
	})
	return out
}
