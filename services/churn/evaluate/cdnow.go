package evaluate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/churn/btyd"
	"meshwork.dev/services/churn/model"
)

const (
	cdnowSample = 2357 // customers of the sample, whose figures are published
	cdnowWeeks  = 39   // of calibration, and of the holdout after it
)

// cdnowRun is an evaluation at work.
type cdnowRun struct {
	customers []model.Customer // all of their purchases
	known     []model.Customer // those of the calibration period
	came      []bool
	sums      []btyd.Summary
	end       int // last day of the calibration period
	sample    bool

	bg     btyd.Fit[btyd.BGNBD]
	mbg    btyd.Fit[btyd.MBGNBD]
	pareto btyd.Fit[btyd.ParetoNBD]
	nbd    btyd.Fit[btyd.NBD]
	spend  btyd.Fit[btyd.GammaGamma]
}

// CDNOW fits the models of package btyd to the first 39 weeks of the CDNOW data set, 1997-01-01 to 1997-09-30, and judges
// what they foretell about the 39 weeks after.
func CDNOW(ctx context.Context, in io.Reader, p report.Progress) ([]report.Table, error) {
	const steps = 8
	p.Step("read purchases", 0, steps)
	read, err := ReadCDNOW(ctx, in, p)
	if err != nil {
		return nil, err
	}
	r := &cdnowRun{customers: histories(read), end: dayOf(time.Date(1997, 9, 30, 0, 0, 0, 0, time.UTC))}
	r.known, r.came = asOf(r.customers, r.end, cdnowWeeks*btyd.DaysPerWeek)
	r.sample = len(r.known) == cdnowSample
	if len(r.known) == 0 {
		return nil, fmt.Errorf("CDNOW: nobody bought before %s", date(r.end))
	}
	for _, c := range r.known {
		r.sums = append(r.sums, c.Summary(r.end))
	}
	for i, step := range []struct {
		name string
		fit  func() error
	}{
		{"BG/NBD", func() (err error) { r.bg, err = btyd.FitBGNBD(r.sums); return err }},
		{"MBG/NBD", func() (err error) { r.mbg, err = btyd.FitMBGNBD(r.sums); return err }},
		{"Pareto/NBD", func() (err error) { r.pareto, err = btyd.FitParetoNBD(r.sums); return err }},
		{"NBD", func() (err error) { r.nbd, err = btyd.FitNBD(r.sums); return err }},
		{"Gamma-Gamma", func() (err error) { r.spend, err = btyd.FitGammaGamma(r.spends()); return err }},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.Step("fit "+step.name, i+1, steps)
		if err := step.fit(); err != nil {
			return nil, fmt.Errorf("CDNOW: %s: %w", step.name, err)
		}
	}
	p.Step("foretell", steps-2, steps)
	churn, err := r.churn()
	if err != nil {
		return nil, err
	}
	tables := []report.Table{r.parameters(), predictions(), r.holdout(), churn}
	p.Step("done", steps, steps)
	return tables, ctx.Err()
}

// spends are the mean values of repeat purchase days.
func (r *cdnowRun) spends() (out []btyd.Spend) {
	for _, c := range r.known {
		s := btyd.Spend{Days: float64(len(c.Days) - 1)}
		for _, d := range c.Days[1:] {
			s.Mean += d.Value / s.Days
		}
		if s.Mean > 0 {
			out = append(out, s)
		}
	}
	return out
}

// published is a published number, which is about the sample only.
func (r *cdnowRun) published(v string) string {
	if !r.sample {
		return none
	}
	return v
}

func (r *cdnowRun) parameters() report.Table {
	t := report.Table{
		Name: "cdnow-parameters",
		Title: fmt.Sprintf("CDNOW: maximum likelihood on %d customers, %d weeks from the first purchase to %s",
			len(r.known), cdnowWeeks, date(r.end)),
		Columns: []string{"model, parameter", "ours", "standard error", "published", "reference fit"},
		Notes: []string{
			"Published: Fader, Hardie, Lee (2005); the libraries lifetimes and CLVTools. NBD is quoted from memory of the paper.",
			"Purchases of one day are one purchase; times in weeks are days/7, not rounded.",
			"Gamma-Gamma: mean value of repeat purchase days of customers who have any.",
		},
	}
	add := func(name string, ps []btyd.Parameter, ll float64, why string, published, reference []string) {
		for i, p := range ps {
			se := none
			if !math.IsNaN(p.SE) {
				se = number(p.SE, 4)
			}
			t.Rows = append(t.Rows, []string{name + " " + p.Name, number(p.Value, 6), se, r.published(published[i]), r.published(reference[i])})
		}
		n := len(ps)
		t.Rows = append(t.Rows, []string{name + " log likelihood", number(ll, 4), none, r.published(published[n]), r.published(reference[n])})
		if why != "" {
			t.Notes = append(t.Notes, name+" is degenerate: "+why)
		}
	}
	add("BG/NBD", r.bg.Parameters, r.bg.LogLikelihood, r.bg.Degenerate,
		[]string{"0.243", "4.414", "0.793", "2.426", "-9582.4"}, []string{"0.242595", "4.413602", "0.792922", "2.425907", "-9582.4292"})
	add("Pareto/NBD", r.pareto.Parameters, r.pareto.LogLikelihood, r.pareto.Degenerate,
		[]string{"0.553", "10.578", "0.606", "11.669", "-9594.98"}, []string{"0.553277", "10.577683", "0.606240", "11.668740", "-9594.9762"})
	add("MBG/NBD", r.mbg.Parameters, r.mbg.LogLikelihood, r.mbg.Degenerate,
		[]string{"0.525", "6.183", "0.891", "1.614", none}, []string{"0.524843", "6.183085", "0.891359", "1.614002", "-9582.1357"})
	add("NBD", r.nbd.Parameters, r.nbd.LogLikelihood, r.nbd.Degenerate,
		[]string{"0.385", "12.072", "-9763.7"}, []string{"0.384766", "12.072023", "-9763.6576"})
	add("Gamma-Gamma", r.spend.Parameters, r.spend.LogLikelihood, r.spend.Degenerate,
		[]string{"6.25", "3.74", "15.44", none}, []string{"6.249573", "3.744225", "15.443520", "-4055.92"})
	t.Rows = append(t.Rows, []string{"Gamma-Gamma mean value", number(r.spend.Model.Mean(), 3), none, r.published("35.171"), r.published("35.170")})
	return t
}

// predictions are about one customer at the published parameters, and need no data.
func predictions() report.Table {
	m := btyd.BGNBD{R: 0.243, Alpha: 4.414, A: 0.793, B: 2.426}
	s := btyd.Summary{Repeats: 2, Last: 30.43, Age: 38.86}
	t := report.Table{
		Name: "cdnow-predictions", Title: "BG/NBD at the published parameters: the customer with 2 repeats, the last in week 30.43 of 38.86",
		Columns: []string{"quantity", "ours", "published", "reference"},
		Rows: [][]string{
			{"P(alive)", number(m.Alive(s), 6), "0.7266", "0.726579"},
			{"E[purchases in 39 weeks]", number(m.Expect(s, 39), 6), "1.226", "1.226028"},
		},
	}
	for _, e := range []struct {
		weeks float64
		want  string
	}{{39, "1.196723"}, {52, "1.446051"}, {78, "1.860519"}} {
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("E[repeats of a new customer in %v weeks]", e.weeks),
			number(m.ExpectNew(e.weeks), 6), none, e.want,
		})
	}
	return t
}

// holdout compares expected with actual purchases, by repeats in the calibration period.
func (r *cdnowRun) holdout() report.Table {
	const top = 7
	var n, actual, expected [top + 1]float64
	absolute, square, naive := 0.0, 0.0, 0.0
	for i, k := 0, 0; i < len(r.customers); i++ {
		b, ok := r.customers[i].Before(r.end)
		if !ok {
			continue
		}
		s := r.sums[k]
		k++
		future, _ := r.customers[i].Before(r.end + cdnowWeeks*btyd.DaysPerWeek)
		y := float64(len(future.Days) - len(b.Days))
		e := r.bg.Model.Expect(s, cdnowWeeks)
		c := min(int(s.Repeats), top)
		n[c]++
		actual[c] += y
		expected[c] += e
		absolute += math.Abs(y - e)
		square += (y - e) * (y - e)
		naive += math.Abs(y - s.Repeats/max(s.Age, 1)*cdnowWeeks)
	}
	t := report.Table{
		Name: "cdnow-holdout", Title: fmt.Sprintf("CDNOW: purchase days in the %d weeks after, BG/NBD against what came", cdnowWeeks),
		Columns: []string{"repeats before", "customers", "actual mean", "published", "expected mean", "published"},
	}
	wantActual := []string{"0.2367", "0.6970", "1.3925", "1.5600", "2.5323", "2.9474", "3.8621", "6.3594"}
	wantExpected := []string{"0.2251", "0.5231", "1.0441", "1.5203", "2.1639", "2.6538", "3.5040", "6.1572"}
	sumN, sumA, sumE := 0.0, 0.0, 0.0
	for c := range n {
		name := strconv.Itoa(c)
		if c == top {
			name += "+"
		}
		a, e := none, none
		if n[c] > 0 {
			a, e = number(actual[c]/n[c], 4), number(expected[c]/n[c], 4)
		}
		t.Rows = append(t.Rows, []string{name, number(n[c], 0), a, r.published(wantActual[c]), e, r.published(wantExpected[c])})
		sumN, sumA, sumE = sumN+n[c], sumA+actual[c], sumE+expected[c]
	}
	t.Rows = append(t.Rows, []string{"total", number(sumN, 0), number(sumA, 0), r.published("1882"), number(sumE, 2), r.published("1653.41")})
	t.Notes = []string{fmt.Sprintf("Mean absolute error %s (reference 0.785), root mean square error %s (1.608); constant rate: %s (1.024).",
		number(absolute/sumN, 3), number(math.Sqrt(square/sumN), 3), number(naive/sumN, 3))}
	return t
}

func (r *cdnowRun) churn() (report.Table, error) {
	horizon := cdnowWeeks * btyd.DaysPerWeek
	o := model.DefaultOptions()
	// Taught at the middle of the calibration period: what came in its second half.
	o.Horizon, o.Sample, o.LeastCustomers = (horizon+1)/2, 0, 1
	regression, err := model.Fit(model.FamilyLogistic, r.customers, r.end, o)
	if err != nil {
		return report.Table{}, errors.Join(errors.New("CDNOW: logistic regression"), err)
	}
	probability := func(m btyd.Model) []float64 {
		out := make([]float64, len(r.sums))
		for i, s := range r.sums {
			out[i] = m.Active(s, cdnowWeeks)
		}
		return out
	}
	three := func(a, b, c string) [3]string { return [3]string{r.published(a), r.published(b), r.published(c)} }
	alive := make([]float64, len(r.sums))
	for i, s := range r.sums {
		alive[i] = r.bg.Model.Alive(s)
	}
	rows := []scored{
		{name: "logistic (ours)", probability: true, score: each(r.known, func(c model.Customer) float64 {
			return regression.Score(c, r.end).Active
		}), remark: regression.Degenerate},
		{name: "BG/NBD P(active)", probability: true, score: probability(r.bg.Model), published: three("0.7569", "0.1612", "0.0434"), remark: r.bg.Degenerate},
		{name: "MBG/NBD P(active)", probability: true, score: probability(r.mbg.Model), remark: r.mbg.Degenerate},
		{name: "Pareto/NBD P(active)", probability: true, score: probability(r.pareto.Model), remark: r.pareto.Degenerate},
		{name: "BG/NBD P(alive) alone", score: alive, published: three("0.3158", none, none)},
		{name: "recency only", score: each(r.known, func(c model.Customer) float64 {
			return -float64(r.end - c.Days[len(c.Days)-1].Day)
		}), published: three("0.7714", none, none)},
		{name: "frequency only", score: each(r.known, frequency), published: three("0.7576", none, none)},
	}
	return scores("cdnow-churn", fmt.Sprintf("CDNOW: buys within the %d weeks after %s (n = %d, active %s %%)", cdnowWeeks,
		date(r.end), len(r.known), number(100*share(r.came), 1)), r.came, rows,
		fmt.Sprintf("The regression was fitted to %d customers as of %s and what they did until %s; nothing after the cut is known to "+
			"any score.", regression.Customers, date(regression.TaughtUntil), date(r.end)),
		"P(alive) alone ranks backwards: who never came back is alive for certain in BG/NBD.",
	), nil
}
