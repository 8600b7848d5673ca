package retail_test

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas/orderproc"
)

// The batch side of "stream equals batch" for the order domain: computed from the rows of the file by other means
// than the mesh uses, from reading and arithmetic up.

// batchRow is a row as the batch reads it: prices in thousandths.
type batchRow struct {
	number             int
	invoice, code      string
	customer           string
	quantity, price    int64
	at                 time.Time
	placed             time.Time // of its invoice: the earliest time of its rows
	writeOff, cancel   bool
	adjustment, isSale bool
}

func batchRows(t *testing.T, path string) []*batchRow {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	zip, err := gzip.NewReader(f)
	require.NoError(t, err)
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	in := csv.NewReader(zip)
	_, err = in.Read() // the header
	require.NoError(t, err)
	var rows []*batchRow
	for {
		r, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		at, err := time.ParseInLocation("2006-01-02 15:04:05", r[4], london)
		require.NoError(t, err)
		quantity, err := strconv.ParseInt(r[3], 10, 64)
		require.NoError(t, err)
		price, ok := new(big.Rat).SetString(r[5])
		require.True(t, ok)
		price.Mul(price, big.NewRat(1000, 1))
		require.True(t, price.IsInt())
		rows = append(rows, &batchRow{
			number: len(rows) + 1, invoice: r[0], code: strings.ToUpper(r[1]), quantity: quantity, at: at.UTC(),
			price: price.Num().Int64(), customer: strings.TrimSuffix(r[6], ".0"),
			cancel: r[0][0] == 'C', adjustment: r[0][0] == 'A',
		})
	}
	classify(rows)
	return rows
}

// classify gives rows what the whole of their invoice says.
func classify(rows []*batchRow) {
	invoices := map[string][]*batchRow{}
	for _, r := range rows {
		invoices[r.invoice] = append(invoices[r.invoice], r)
	}
	for _, lines := range invoices {
		placed, gone := lines[0].at, !lines[0].cancel && !lines[0].adjustment
		for _, r := range lines {
			if r.at.Before(placed) {
				placed = r.at
			}
			gone = gone && r.customer == "" && r.quantity < 0 && r.price == 0
		}
		for _, r := range lines {
			r.placed, r.writeOff, r.isSale = placed, gone, !r.cancel && !r.adjustment && !gone
		}
	}
}

// batchHours are the hourly figures of the file by the default rules: a slot after 2 hours, goods leave 24 later.
func batchHours(rows []*batchRow) map[string]string {
	type sums struct {
		accepted, validated, scheduled, completed, credited    int
		units, gross, completedUnits, completedNet             int64
		creditedUnits, creditedNet, adjustedNet, writtenOffPcs int64
	}
	hours := map[string]*sums{}
	seen := map[string]bool{}
	for _, r := range rows {
		in := func(after time.Duration) *sums {
			channel := "BACK_OFFICE"
			if r.isSale {
				channel = "WEB"
			}
			key := r.placed.Add(after).Format("2006-01-02T15") + "|" + channel
			if hours[key] == nil {
				hours[key] = &sums{}
			}
			return hours[key]
		}
		one := 0
		if !seen[r.invoice] {
			seen[r.invoice], one = true, 1
		}
		h := in(0)
		h.accepted += one
		if r.cancel {
			h.credited += one
			h.creditedUnits += r.quantity
			h.creditedNet += r.quantity * r.price
			continue
		}
		h.validated += one
		switch {
		case r.writeOff:
			h.completed += one
			h.writtenOffPcs += r.quantity
		case r.adjustment:
			h.completed += one
			h.adjustedNet += r.quantity * r.price
		default:
			h.units += r.quantity
			h.gross += r.quantity * r.price
			in(2 * time.Hour).scheduled += one
			done := in(26 * time.Hour)
			done.completed += one
			done.completedUnits += r.quantity
			done.completedNet += r.quantity * r.price
		}
	}
	out := map[string]string{}
	for key, s := range hours {
		out[key] = fmt.Sprint(*s)
	}
	return out
}

// streamedHours are the rows of the mesh in the same words.
func streamedHours(t *testing.T, table map[orderproc.OrderHourlyKey]orderproc.OrderHourly) map[string]string {
	t.Helper()
	out := map[string]string{}
	for k, r := range table {
		require.Equal(t, "GBP", k.Currency)
		require.Zero(t, r.Refused+r.Withdrawn+int64(r.Discount)+int64(r.WithdrawnNet))
		require.Equal(t, r.Gross, r.Net)
		require.Equal(t, r.Credited, r.Cancelled)
		out[k.Hour.Format("2006-01-02T15")+"|"+k.Channel.String()] = fmt.Sprint([]any{
			r.Accepted, r.Validated, r.ShipmentScheduled, r.Completed, r.Credited,
			r.Units, int64(r.Gross), r.CompletedUnits, int64(r.CompletedNet),
			r.CreditedUnits, int64(r.CreditedNet), int64(r.AdjustedNet), r.WrittenOffUnits,
		})
	}
	for k, v := range out {
		out[k] = "{" + strings.Trim(v, "[]") + "}"
	}
	return out
}

// batchMatches matches every line of every credit note by brute force, in the words of describeMatch.
func batchMatches(rows []*batchRow) map[string][]string {
	sales := map[string][]*batchRow{}
	left := map[*batchRow]int64{}
	var credits []*batchRow
	for _, r := range rows {
		switch {
		case r.cancel:
			credits = append(credits, r)
		case r.isSale && r.customer != "":
			who := r.customer + "|" + r.code
			sales[who] = append(sales[who], r)
			left[r] = r.quantity
		}
	}
	byTime := func(a, b *batchRow) int {
		return cmp.Or(a.placed.Compare(b.placed), strings.Compare(a.invoice, b.invoice), a.number-b.number)
	}
	slices.SortFunc(credits, byTime)
	for _, s := range sales {
		slices.SortFunc(s, func(a, b *batchRow) int { return byTime(b, a) }) // latest first
	}
	out := map[string][]string{}
	tell := func(c *batchRow, level, reason string, matches ...string) {
		out[c.invoice] = append(out[c.invoice], fmt.Sprintf("%07d %s %s %v", c.number, level, reason, matches))
	}
	for _, c := range credits {
		if c.customer == "" {
			tell(c, "UNMATCHED", "ANONYMOUS")
			continue
		}
		q := -c.quantity
		var before, open []*batchRow
		for _, s := range sales[c.customer+"|"+c.code] {
			if !s.placed.After(c.placed) && c.placed.Sub(s.placed) <= 400*24*time.Hour {
				before = append(before, s)
				if left[s] > 0 {
					open = append(open, s)
				}
			}
		}
		only := func(fits func(s *batchRow) bool) (found []*batchRow) {
			for _, s := range open {
				if fits(s) {
					found = append(found, s)
				}
			}
			return found
		}
		take := func(s *batchRow, n int64) string {
			left[s] -= n
			return fmt.Sprintf("%s/%d*%d", s.invoice, s.number, n)
		}
		untouched := func(s *batchRow) bool { return left[s] == s.quantity && s.quantity == q }
		if f := only(func(s *batchRow) bool { return untouched(s) && s.price == c.price }); len(f) > 0 {
			level := "HIGH"
			if len(f) > 1 {
				level = "MEDIUM"
			}
			tell(c, level, "-", take(f[0], q))
		} else if f := only(untouched); len(f) > 0 {
			tell(c, "MEDIUM", "-", take(f[0], q))
		} else if f := only(func(s *batchRow) bool { return left[s] >= q && s.price == c.price }); len(f) > 0 {
			level := "LOW"
			if len(open) == 1 {
				level = "MEDIUM"
			}
			tell(c, level, "-", take(f[0], q))
		} else if f := only(func(s *batchRow) bool { return left[s] >= q }); len(f) > 0 {
			tell(c, "LOW", "-", take(f[0], q))
		} else {
			switch {
			case len(open) > 0:
				var parts []string
				for _, s := range open {
					if n := min(q, left[s]); n > 0 {
						parts = append(parts, take(s, n))
						q -= n
					}
				}
				reason := "-"
				if q > 0 {
					reason = "FEWER_LEFT"
				}
				tell(c, "LOW", reason, parts...)
			case len(before) > 0:
				tell(c, "UNMATCHED", "NOTHING_LEFT")
			default:
				tell(c, "UNMATCHED", "NO_PURCHASE")
			}
		}
	}
	for _, lines := range out {
		slices.Sort(lines)
	}
	return out
}

// streamedMatches are the rows of the mesh in the same words.
func streamedMatches(table map[string]orderproc.CancellationMatch) map[string][]string {
	out := map[string][]string{}
	for id, m := range table {
		for _, l := range m.Lines {
			var matches []string
			for _, s := range l.Matches {
				matches = append(matches, fmt.Sprintf("%s/%d*%d", s.OrderID, s.LineNumber, s.Units))
			}
			reason := "-"
			if l.Reason.Valid {
				reason = l.Reason.Value.String()
			}
			out[id] = append(out[id], fmt.Sprintf("%07d %s %s %v", l.LineNumber, l.Confidence, reason, matches))
		}
		slices.Sort(out[id])
	}
	return out
}

// requireOrdersAsInTheFile compares the order domain's derived tables with the batch over the same file.
func requireOrdersAsInTheFile(t *testing.T, path string, hours map[orderproc.OrderHourlyKey]orderproc.OrderHourly, matches map[string]orderproc.CancellationMatch) {
	t.Helper()
	rows := batchRows(t, path)
	require.Equal(t, batchHours(rows), streamedHours(t, hours))

	want, got := batchMatches(rows), streamedMatches(matches)
	require.Len(t, got, 3836)
	levels := map[string]int{}
	for id, lines := range want {
		require.Equal(t, lines, got[id], id)
		for _, l := range lines {
			f := strings.Fields(l)
			levels[f[1]+" "+f[2]]++
		}
	}
	t.Logf("credited lines by confidence and reason: %v", levels)
	for credit, sale := range map[string]string{"C581484": "581483", "C541433": "541431"} {
		m := matches[credit]
		require.Equal(t, []string{sale}, m.MatchedOrderIDs, credit)
		require.Equal(t, orderproc.MatchConfidenceHigh, m.Confidence, credit)
		require.Equal(t, m.Units, m.MatchedUnits)
	}
}
