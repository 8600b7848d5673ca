package evaluate_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/customer"
	"meshwork.dev/services/customer/evaluate"
)

// data opens a file of real data, which is no part of the project; without it the test is skipped.
func data(t *testing.T, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "data", name))
	if err != nil {
		t.Skipf("the data is not here: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	return z
}

func show(t *testing.T, tables []report.Table) {
	t.Helper()
	for _, tab := range tables {
		t.Log(tab.Title)
		t.Log(strings.Join(tab.Columns, " | "))
		for _, row := range tab.Rows {
			require.Len(t, row, len(tab.Columns))
			t.Log(strings.Join(row, " | "))
		}
		for _, n := range tab.Notes {
			t.Log(n)
		}
	}
}

// The numbers of the reference implementation on the same file, to the last printed decimal.
func TestTweets(t *testing.T) {
	tables, err := evaluate.Tweets(t.Context(), data(t, "vader/vader_lexicon.txt"), data(t, "vader/emoji_utf8_lexicon.txt"),
		data(t, "vader/tweets_GroundTruth.txt"), nil)
	require.NoError(t, err)
	show(t, tables)
	require.Equal(t, tables[0].Rows[1][1:], tables[0].Rows[0][1:])
}

// The thresholds that the service takes by default are those that the fit finds, and are better than the paper's; with
// the published lexicon, and with the small one of the service.
func TestReviews(t *testing.T) {
	for name, lexicon := range map[string][2]io.Reader{
		"published": {data(t, "vader/vader_lexicon.txt"), data(t, "vader/emoji_utf8_lexicon.txt")},
		"small":     {},
	} {
		t.Run(name, func(t *testing.T) {
			steps := 0
			tables, err := evaluate.Reviews(t.Context(), lexicon[0], lexicon[1], data(t, "womens_reviews/womens-clothing-reviews.csv.gz"),
				func(string, int, int) { steps++ })
			require.NoError(t, err)
			show(t, tables)
			require.Greater(t, steps, 20)
			rows := tables[0].Rows
			require.Greater(t, rows[2][2], rows[1][2], "mean F1 of fitted and default thresholds")
			low, high, _ := strings.Cut(strings.TrimSuffix(rows[2][0], " (fitted)"), " .. ")
			fitted, err := customer.ParseThresholds(low + ".." + high)
			require.NoError(t, err)
			rules, err := customer.RulesFrom(func(key string) string {
				if key == customer.EnvLexicon && lexicon[0] != nil {
					return "a file"
				}
				return ""
			})
			require.NoError(t, err)
			require.Equal(t, fitted, rules.Reviews)
		})
	}
}

func TestRFM(t *testing.T) {
	tables, err := evaluate.RFM(t.Context(), data(t, "online_retail/online_retail.csv.gz"), nil)
	require.NoError(t, err)
	show(t, tables)
	require.Equal(t, "Segments of 4338 customers on 2011-12-10", tables[0].Title)
	require.Equal(t, "397884 lines of 18532 invoices count, worth 8911407.904.", tables[0].Notes[0])
}

// What is not the format says so, and where.
func TestRefused(t *testing.T) {
	lexicon := func() io.Reader { return strings.NewReader("good\t1.9\n") }
	for name, run := range map[string]func() error{
		"tweets: line 2": func() error {
			_, err := evaluate.Tweets(t.Context(), lexicon(), nil, strings.NewReader("1\t1.5\tgood\n2\tx\ty\n"), nil)
			return err
		},
		"no column \"Title\"": func() error {
			_, err := evaluate.Reviews(t.Context(), lexicon(), nil, strings.NewReader("Clothing ID,Rating\n1,2\n"), nil)
			return err
		},
		"row 0: price": func() error {
			_, err := evaluate.RFM(t.Context(), strings.NewReader("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID\n1,2,3,2011-01-01 10:00:00,1.2345,17850\n"), nil)
			return err
		},
		"not a sentiment lexicon": func() error {
			_, err := evaluate.Tweets(t.Context(), strings.NewReader("good\n"), nil, strings.NewReader(""), nil)
			return err
		},
	} {
		require.ErrorContains(t, run(), name)
	}
}
