package evaluate

import (
	"compress/gzip"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/report"
)

// open reads a data set, or skips the test where it is not here.
func open(t *testing.T, path string) io.Reader {
	t.Helper()
	if testing.Short() {
		t.Skip("learns from a whole data set")
	}
	f, err := os.Open("../../../../shared/data/" + path)
	if err != nil {
		t.Skipf("the data set is not here: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	return z
}

func cell(t *testing.T, tab report.Table, row, column string) float64 {
	t.Helper()
	for _, r := range tab.Rows {
		if !strings.HasPrefix(r[0], row) {
			continue
		}
		for i, c := range tab.Columns {
			if c == column {
				v, err := strconv.ParseFloat(r[i], 64)
				require.NoError(t, err, "%s, %s", row, column)
				return v
			}
		}
	}
	t.Fatalf("no %s, %s", row, column)
	return 0
}

func show(t *testing.T, tables []report.Table) {
	t.Helper()
	for _, tab := range tables {
		t.Log(tab.Title)
		t.Log(strings.Join(tab.Columns, " | "))
		for _, r := range tab.Rows {
			t.Log(strings.Join(r, " | "))
		}
	}
}

// The baselines are what is published, so the protocol is; ours are better: over all than GP-TopFreq, for new items than
// item-kNN, and by recall and gain than EASE.
func TestOnlineRetail(t *testing.T) {
	tables, err := OnlineRetail(t.Context(), open(t, "online_retail/online_retail.csv.gz"), nil)
	require.NoError(t, err)
	show(t, tables)
	lists, carts := tables[0], tables[1]
	require.Contains(t, lists.Title, "n = 1829; 13081 baskets, 3613 customers, 3502 items")
	require.Contains(t, carts.Title, "n = 4875")
	all, fresh := []string{"Recall", "HR", "MRR", "nDCG"}, []string{"new: Recall", "new: HR", "new: MRR", "new: nDCG"}
	published := map[string][2][]float64{
		"G-TopFreq":                     {{.0329, .4259, .1755, .0748}, {.0217, .2223, .0809, .0347}},
		"G-TopFreq last 30 d":           {{.0446, .5107, .2100, .0955}, {.0343, .3373, .1479, .0598}},
		"item-kNN cosine users, all":    {{.0755, .5254, .2731, .1500}, {.0490, .3254, .1464, .0700}},
		"item-kNN cosine baskets, k100": {{.0825, .5342, .2765, .1573}, {.0512, .3302, .1455, .0705}},
		"P-TopFreq":                     {{.1516, .7069, .4179, .2498}},
		"GP-TopFreq":                    {{.1525, .7124, .4187, .2507}},
	}
	for name, want := range published {
		within := .001
		if strings.Contains(name, "P-TopFreq") {
			within = .008 // ties: the published figures are between those of both directions
		}
		for i := range all {
			require.InDelta(t, want[0][i], cell(t, lists, name, all[i]), within, "%s %s", name, all[i])
			if want[1] != nil {
				require.InDelta(t, want[1][i], cell(t, lists, name, fresh[i]), .001, "%s %s", name, fresh[i])
			}
		}
	}
	best, bestNew := []float64{.1525, .7124, .4187, .2507}, []float64{.0512, .3302, .1455, .0705} // GP-TopFreq, item-kNN
	for i := range all {
		require.Greater(t, cell(t, lists, "ours", all[i]), best[i], all[i])
		require.Greater(t, cell(t, lists, "ours", fresh[i]), bestNew[i], fresh[i])
	}
	require.Greater(t, cell(t, lists, "ours", "new: Recall"), .0614)
	require.Greater(t, cell(t, lists, "ours", "new: nDCG"), .0847)
	require.InDelta(t, .2939, cell(t, carts, "cosine on the last item only", "HR@10"), .0006)
	require.InDelta(t, .1949, cell(t, carts, "cosine sum all", "HR@10"), .0006)
	require.Greater(t, cell(t, carts, "ours", "HR@10"), .2939)
	require.Greater(t, cell(t, carts, "ours", "MRR@10"), .1852)
}

func TestClickstream(t *testing.T) {
	tables, err := Clickstream(t.Context(), open(t, "eshop_clickstream/e-shop-clothing-2008.csv.gz"), nil)
	require.NoError(t, err)
	show(t, tables)
	for _, c := range []string{"HR@10", "MRR@10"} {
		require.Greater(t, cell(t, tables[0], "ours", c), cell(t, tables[0], "Markov-1", c))
		require.Greater(t, cell(t, tables[0], "Markov-1", c), cell(t, tables[0], "popularity", c))
	}
}

// Lines that cannot be read stop the evaluation and are named.
func TestBadInput(t *testing.T) {
	const head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
	for in, want := range map[string]string{
		"":                      "header",
		"InvoiceNo,StockCode\n": "no column Quantity",
		head:                    "no purchases",
		head + "1,85123A,x,many,2011-01-01 10:00:00,1,17850.0,UK\n": `line 2: "many" is not a quantity`,
		head + "1,85123A,x,1,2011-01-01 10:00:00,dear,17850.0,UK\n": `line 2: "dear" is not a price`,
		head + "1,85123A,x,1,yesterday,1,17850.0,UK\n":              `line 2: "yesterday" is not a time`,
		head + "1,85123A,x,1,2011-01-01 10:00:00,1,17850.0,UK\n":    "no known customer",
	} {
		_, err := OnlineRetail(t.Context(), strings.NewReader(in), nil)
		require.ErrorContains(t, err, want)
	}
	_, err := Clickstream(t.Context(), strings.NewReader("year;month;day;session ID;page 2 (clothing model)\n2008;4;x;1;A1\n"), nil)
	require.ErrorContains(t, err, `line 2: "x" is not a number`)
}
