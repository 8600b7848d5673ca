package btyd

import (
	"fmt"
	"math"
)

// BGNBD is the beta-geometric/NBD model: purchases are Poisson with a gamma(R, Alpha) rate; after every repeat
// purchase a customer leaves with a beta(A, B) probability.
type BGNBD struct{ R, Alpha, A, B float64 }

// Name is "BG/NBD".
func (BGNBD) Name() string { return "BG/NBD" }

// Parameters are r, alpha, a and b.
func (m BGNBD) Parameters() []Parameter {
	return named([]string{"r", "alpha", "a", "b"}, m.R, m.Alpha, m.A, m.B)
}

// LogLikelihood of customers.
func (m BGNBD) LogLikelihood(rows []Summary) float64 { return m.total(unroll(rows), nil) }

func (m BGNBD) total(u *unrolled, slope []float64) float64 { return m.geometric().total(u, slope) }

// geometric says that one leaves after a repeat only.
func (m BGNBD) geometric() betaGeometric { return betaGeometric{m.R, m.Alpha, m.A, m.B, 0} }

// Alive is the probability that the customer has not left; 1 without repeats.
func (m BGNBD) Alive(s Summary) float64 { return m.geometric().alive(s) }

// Active is the probability of a purchase day within t weeks: who is alive stays so until the next purchase.
func (m BGNBD) Active(s Summary, t float64) float64 { return m.Alive(s) * buys(m.R, m.Alpha, s, t) }

// Expect is the expected number of purchase days within t weeks.
func (m BGNBD) Expect(s Summary, t float64) float64 {
	return m.Alive(s) * untilLeft(m.A, m.B+s.Repeats, m.R+s.Repeats, m.Alpha+s.Age, t)
}

// ExpectNew is the expected number of repeat purchase days of a new customer within t weeks.
func (m BGNBD) ExpectNew(t float64) float64 { return untilLeft(m.A, m.B, m.R, m.Alpha, t) }

// FitBGNBD finds the parameters of greatest likelihood. The error tells that there are no customers.
func FitBGNBD(customers []Summary) (Fit[BGNBD], error) {
	rows := Collapse(customers)
	if len(rows) == 0 {
		return Fit[BGNBD]{}, errNoCustomers
	}
	s := timing(rows, []string{"r", "alpha", "a", "b"}, starts(rows, [][2]float64{{0.5, 2}, {1, 1}, {0.05, 1}, {2, 8}}),
		func(p []float64) curve { return BGNBD{p[0], p[1], p[2], p[3]} }).solve()
	m := BGNBD{s.p[0], s.p[1], s.p[2], s.p[3]}
	return finish(s, m, rows, func() string { return betaFault(m.A, m.B) }), nil
}

// betaFault says why a distribution of dropout probabilities is degenerate.
func betaFault(a, b float64) string {
	if mean := a / (a + b); mean < leastDropout || a < leastDropout {
		return fmt.Sprintf("nobody ever leaves: the dropout probability is %.2g on average (a %.3g, b %.3g)", mean, a, b)
	}
	return ""
}

// buys is the probability of a purchase within t weeks of a customer who stays.
func buys(r, alpha float64, s Summary, t float64) float64 {
	return -math.Expm1(-(r + s.Repeats) * math.Log1p(t/(alpha+s.Age)))
}

// untilLeft is the expected number of purchases within t weeks of a customer who is there, whose rate is
// gamma(shape, rate) and whose dropout probability is beta(a, b): E[(1 − (1 + p·t/rate)^−shape)/p].
//
// The closed form has a pole at a = 1 that is not one of the expectation; near it the mean of both sides is taken.
func untilLeft(a, b, shape, rate, t float64) float64 {
	const near = 1e-5
	form := func(a float64) float64 {
		c := a + b - 1
		h := hypScaled(shape, b, c, t/(rate+t))
		h.l -= shape * math.Log1p(t/rate)
		return c / (a - 1) * (1 - h.value())
	}
	if math.Abs(a-1) < near || math.Abs(a+b-1) < near || math.Abs(a+b) < near {
		return (form(a+near*1.5) + form(a-near*1.5)) / 2
	}
	return form(a)
}

// starts are pairs of r and alpha that give the mean rate seen, each with every pair of the leaving part.
func starts(rows []Summary, leaving [][2]float64) [][]float64 {
	x, t, n := 0.0, 0.0, 0.0
	for _, s := range rows {
		x += s.weight() * s.Repeats
		t += s.weight() * s.Age
		n += s.weight()
	}
	rate := max(x, 0.1) / max(t, 0.1)
	var out [][]float64
	for _, r := range []float64{0.3, 1} {
		alpha := min(max(r/rate, 1e-3), 1e4)
		if leaving == nil {
			out = append(out, []float64{r, alpha})
		}
		for _, l := range leaving {
			out = append(out, []float64{r, alpha, l[0], l[1]})
		}
	}
	return out
}

func named(names []string, values ...float64) []Parameter {
	out := make([]Parameter, len(names))
	for i := range names {
		out[i] = Parameter{names[i], values[i], math.NaN()}
	}
	return out
}
