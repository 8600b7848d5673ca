package btyd_test

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/churn/btyd"
	"meshwork.dev/services/churn/evaluate"
)

const cdnowFile = "../../../../shared/data/cdnow/CDNOW_sample.txt"

func day(text string) int {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return int(t.Unix() / 86400)
}

// cdnow is the calibration period of the sample: 39 weeks.
func cdnow(t testing.TB) (sum []btyd.Summary, spend []btyd.Spend) {
	t.Helper()
	f, err := os.Open(cdnowFile)
	if os.IsNotExist(err) {
		t.Skip("the CDNOW sample is not beside the repository: ", cdnowFile)
	}
	require.NoError(t, err)
	defer f.Close()
	customers, err := evaluate.ReadCDNOW(t.Context(), f, nil)
	require.NoError(t, err)
	require.Len(t, customers, 2357)
	all, end := 0, day("1997-09-30")
	for _, c := range customers {
		all += len(c.Days)
		var dates []int
		total, n := 0.0, 0.0
		for i, d := range c.Days {
			dates = append(dates, d.Day)
			if i > 0 && d.Day <= end {
				total += d.Net.Float()
				n++
			}
		}
		s, ok := btyd.History(dates, end)
		require.True(t, ok)
		sum = append(sum, s)
		if n > 0 {
			spend = append(spend, btyd.Spend{Days: n, Mean: total / n})
		}
	}
	require.Equal(t, 6696, all)
	return sum, spend
}

func within(t *testing.T, name string, want, got, tolerance float64) {
	t.Helper()
	require.InDelta(t, want, got, tolerance, name)
}

// TestPublished holds the fits to the published ones, data/README §3.1.
func TestPublished(t *testing.T) {
	sum, spend := cdnow(t)
	check := func(name string, got []btyd.Parameter, want []float64, ll, gotLL float64) {
		for i, w := range want {
			tolerance := 0.0005 * w
			if n := got[i].Name; n == "a" || n == "b" {
				tolerance = 0.002
			}
			within(t, name+" "+got[i].Name, w, got[i].Value, tolerance)
			require.Greater(t, got[i].SE, 0.0, name)
		}
		within(t, name+" LL", ll, gotLL, 0.01)
	}
	bg, err := btyd.FitBGNBD(sum)
	require.NoError(t, err)
	check("BG/NBD", bg.Parameters, []float64{0.242595, 4.413602, 0.792922, 2.425907}, -9582.429207, bg.LogLikelihood)
	require.Empty(t, bg.Degenerate)
	p, err := btyd.FitParetoNBD(sum)
	require.NoError(t, err)
	check("Pareto/NBD", p.Parameters, []float64{0.553277, 10.577683, 0.606240, 11.668740}, -9594.976179, p.LogLikelihood)
	require.Empty(t, p.Degenerate)
	mbg, err := btyd.FitMBGNBD(sum)
	require.NoError(t, err)
	check("MBG/NBD", mbg.Parameters, []float64{0.524843, 6.183085, 0.891359, 1.614002}, -9582.135716, mbg.LogLikelihood)
	require.Empty(t, mbg.Degenerate)
	n, err := btyd.FitNBD(sum)
	require.NoError(t, err)
	check("NBD", n.Parameters, []float64{0.384766, 12.072023}, -9763.657615, n.LogLikelihood)
	require.Len(t, spend, 946)
	gg, err := btyd.FitGammaGamma(spend)
	require.NoError(t, err)
	check("Gamma-Gamma", gg.Parameters, []float64{6.249573, 3.744225, 15.443520}, -4055.92, gg.LogLikelihood)
	within(t, "prior mean", 35.170, gg.Model.Mean(), 0.002)
	for _, f := range []struct {
		name              string
		it, ev            int
		gradient, condnum float64
	}{
		{"bg", bg.Iterations, bg.Evaluations, bg.Gradient, bg.Condition},
		{"pareto", p.Iterations, p.Evaluations, p.Gradient, p.Condition},
		{"mbg", mbg.Iterations, mbg.Evaluations, mbg.Gradient, mbg.Condition},
		{"gg", gg.Iterations, gg.Evaluations, gg.Gradient, gg.Condition},
	} {
		t.Logf("%+v", f)
	}
}

// TestPublishedPredictions holds predictions at the published parameters to the printed ones.
func TestPublishedPredictions(t *testing.T) {
	m := btyd.BGNBD{R: 0.243, Alpha: 4.414, A: 0.793, B: 2.426}
	s := btyd.Summary{Repeats: 2, Last: 30.43, Age: 38.86}
	within(t, "P(alive)", 0.726579, m.Alive(s), 1e-4)
	within(t, "E[Y(39)]", 1.226028, m.Expect(s, 39), 1e-4)
	for _, e := range [][2]float64{{39, 1.196723}, {52, 1.446051}, {78, 1.860519}} {
		within(t, "E[X(t)]", e[1], m.ExpectNew(e[0]), 1e-4)
	}
	require.False(t, math.IsNaN(m.Active(s, 39)))
}

func BenchmarkFit(b *testing.B) {
	sum, _ := cdnow(b)
	b.Run("bg", func(b *testing.B) {
		for b.Loop() {
			_, _ = btyd.FitBGNBD(sum)
		}
	})
	b.Run("pareto", func(b *testing.B) {
		for b.Loop() {
			_, _ = btyd.FitParetoNBD(sum)
		}
	})
}
