package evaluate_test

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/churn/evaluate"
)

const data = "../../../../shared/data/"

// open opens a data set, or skips the test.
func open(t *testing.T, name string) io.Reader {
	t.Helper()
	f, err := os.Open(data + name)
	if os.IsNotExist(err) {
		t.Skip("the data set is not beside the repository: ", name)
	}
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	return z
}

// row finds a row by its first cell.
func row(t *testing.T, tables []report.Table, table, name string) []string {
	t.Helper()
	for _, tab := range tables {
		if tab.Name != table {
			continue
		}
		for _, r := range tab.Rows {
			require.Len(t, r, len(tab.Columns))
			if r[0] == name {
				return r
			}
		}
	}
	t.Fatalf("no row %q in table %q", name, table)
	return nil
}

func value(t *testing.T, cell string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(cell, 64)
	require.NoError(t, err)
	return v
}

func show(t *testing.T, tables []report.Table) {
	t.Helper()
	for _, tab := range tables {
		t.Log(tab.Title)
		t.Log(strings.Join(tab.Columns, " | "))
		for _, r := range tab.Rows {
			t.Log(strings.Join(r, " | "))
		}
		for _, n := range tab.Notes {
			t.Log(n)
		}
	}
}

// better holds a row of scores to numbers that it must reach.
func better(t *testing.T, r []string, auc, brier, ece float64) {
	t.Helper()
	require.GreaterOrEqual(t, value(t, r[1]), auc, "AUC of %s", r[0])
	require.LessOrEqual(t, value(t, r[3]), brier, "Brier of %s", r[0])
	require.LessOrEqual(t, value(t, r[5]), ece, "ECE of %s", r[0])
}

func TestOnlineRetail(t *testing.T) {
	tables, err := evaluate.OnlineRetail(t.Context(), open(t, "online_retail/online_retail.csv.gz"), nil)
	require.NoError(t, err)
	show(t, tables)
	const churn = "online-retail-churn"
	require.Contains(t, tables[0].Title, "n = 3370, churn 43.1 %")
	require.Contains(t, tables[0].Notes[0], "2811 customers as of 2011-06-11")
	better(t, row(t, tables, churn, "logistic (ours)"), 0.7368, 0.2088, 0.0663)
	bg := row(t, tables, churn, "bg-nbd")
	require.Equal(t, []string{"0.7328", "0.2177", "0.1092"}, []string{bg[1], bg[3], bg[5]})
	require.Contains(t, bg[7], "degenerate, flagged: nobody ever leaves")
	require.Equal(t, "0.7224", row(t, tables, churn, "frequency only")[1])
	require.InDelta(t, 0.6830, value(t, row(t, tables, churn, "recency only")[1]), 0.0002) // 0.68305
}

func TestCDNOW(t *testing.T) {
	tables, err := evaluate.CDNOW(t.Context(), open(t, "cdnow/CDNOW_sample.txt"), nil)
	require.NoError(t, err)
	show(t, tables)
	const churn = "cdnow-churn"
	better(t, row(t, tables, churn, "logistic (ours)"), 0.7714, 0.1612, 0.0434)
	bg := row(t, tables, churn, "BG/NBD P(active)")
	require.Equal(t, []string{"0.7569", "0.1612", "0.0434"}, []string{bg[1], bg[3], bg[5]})
	require.Equal(t, "0.3158", row(t, tables, churn, "BG/NBD P(alive) alone")[1])
	require.Equal(t, "0.7714", row(t, tables, churn, "recency only")[1])
	require.Equal(t, "0.7576", row(t, tables, churn, "frequency only")[1])
	for _, r := range tables[2].Rows { // the holdout by frequency, to the digit
		require.Equal(t, r[3], r[2], r[0])
		require.InDelta(t, value(t, r[5]), value(t, r[4]), 0.02, r[0])
	}
	for _, r := range tables[1].Rows {
		require.Equal(t, r[3], r[1], r[0])
	}
	require.Contains(t, tables[2].Notes[0], "0.785 (reference 0.785)")
}

// The full file has a header and one id column: the same purchases give the same tables.
func TestMasterFormat(t *testing.T) {
	sample, err := io.ReadAll(open(t, "cdnow/CDNOW_sample.txt"))
	require.NoError(t, err)
	var master strings.Builder
	master.WriteString("CDNOW_master.txt: id, date, number of CDs, dollars\r\n")
	for line := range strings.Lines(string(sample)) {
		f := strings.Fields(line)
		master.WriteString(" " + f[0] + " " + f[2] + "  " + f[3] + "  " + f[4] + "\r\n")
	}
	want, err := evaluate.ReadCDNOW(t.Context(), strings.NewReader(string(sample)), nil)
	require.NoError(t, err)
	got, err := evaluate.ReadCDNOW(t.Context(), strings.NewReader(master.String()), nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestRefused(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no purchases"},
		{"columns", "00004 0001 19970101  2   29.33\n00004 19970101\n", "line 2: 2 columns instead of 4 or 5"},
		{"date", "00004 0001 19970101  2   29.33\n00004 0001 1997-01-01 2 29.33\n", `line 2: "1997-01-01" is not a date`},
		{"amount", "00004 0001 19970101  2   29.33\n00004 0001 19970102 2 x\n", `line 2: "x" is not an amount`},
	} {
		_, err := evaluate.CDNOW(t.Context(), strings.NewReader(c.text), nil)
		require.ErrorContains(t, err, c.want, c.name)
	}
	_, err := evaluate.CDNOW(cancelled, strings.NewReader("00004 0001 19970101  2   29.33\n"), nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = evaluate.OnlineRetail(t.Context(), strings.NewReader("a,b\n"), nil)
	require.ErrorContains(t, err, "no column InvoiceNo")
	_, err = evaluate.OnlineRetail(t.Context(), strings.NewReader(
		"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n1,a,b,x,2010-12-01 08:26:00,1,5.0,UK\n"), nil)
	require.ErrorContains(t, err, `line 2: "x" is not a quantity`)
}
