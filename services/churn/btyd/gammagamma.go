package btyd

import "math"

// Spend is what a customer's purchase days were worth.
type Spend struct {
	Days float64 // purchase days that count; above 0
	Mean float64 // their mean value; above 0
}

// GammaGamma is the model of what a purchase day is worth: gamma(P, ν) with ν gamma(Q, V) among customers. It supposes
// that value and frequency are independent.
type GammaGamma struct{ P, Q, V float64 }

// Parameters are p, q and v.
func (m GammaGamma) Parameters() []Parameter { return named([]string{"p", "q", "v"}, m.P, m.Q, m.V) }

// LogLikelihood of customers.
func (m GammaGamma) LogLikelihood(in []Spend) float64 { return m.total(in, nil) }

// total is the log likelihood. Its derivatives by P, Q and V go to slope, unless that is nil.
func (m GammaGamma) total(in []Spend, slope []float64) float64 {
	clear(slope)
	sum, logV, ofQ := 0.0, math.Log(m.V), digamma(m.Q)
	for _, s := range in {
		px, spent := m.P*s.Days, s.Days*s.Mean
		logSpent, all := math.Log(spent), math.Log(spent+m.V)
		sum += -logBeta(px, m.Q) + m.Q*logV + px*logSpent - math.Log(s.Mean) - (px+m.Q)*all
		if slope == nil {
			continue
		}
		both := digamma(px + m.Q)
		slope[0] += s.Days * (both - digamma(px) + logSpent - all)
		slope[1] += both - ofQ + logV - all
		slope[2] += m.Q/m.V - (px+m.Q)/(spent+m.V)
	}
	return sum
}

// Mean is the mean value of a purchase day over all customers; infinite where Q is 1 or below.
func (m GammaGamma) Mean() float64 {
	if m.Q <= 1 {
		return math.Inf(1)
	}
	return m.P * m.V / (m.Q - 1)
}

// Expect is the expected value of a customer's next purchase day. Days may be 0: then it is Mean.
func (m GammaGamma) Expect(s Spend) float64 {
	if s.Days <= 0 {
		return m.Mean()
	}
	d := m.P*s.Days + m.Q - 1
	if d <= 0 {
		return math.Inf(1)
	}
	return m.P * (m.V + s.Days*s.Mean) / d
}

// FitGammaGamma finds the parameters of greatest likelihood, of customers with Days and Mean above 0. The error tells
// that there are none.
func FitGammaGamma(in []Spend) (Fit[GammaGamma], error) {
	if len(in) == 0 {
		return Fit[GammaGamma]{}, errNoCustomers
	}
	mean := 0.0
	for _, s := range in {
		mean += s.Mean / float64(len(in))
	}
	var at [][]float64
	for _, p := range []float64{1, 6} {
		for _, q := range []float64{2, 4} {
			at = append(at, []float64{p, q, mean * (q - 1) / p})
		}
	}
	s := problem{
		names: []string{"p", "q", "v"}, customers: len(in), starts: at,
		total: func(p, slope []float64) float64 { return GammaGamma{p[0], p[1], p[2]}.total(in, slope) },
	}.solve()
	m := GammaGamma{s.p[0], s.p[1], s.p[2]}
	f := Fit[GammaGamma]{
		Model: m, Parameters: s.fit.Parameters, LogLikelihood: s.fit.LogLikelihood, Customers: s.fit.Customers,
		Starts: s.fit.Starts, Iterations: s.fit.Iterations, Evaluations: s.fit.Evaluations,
		Gradient: s.fit.Gradient, Condition: s.fit.Condition, Converged: s.fit.Converged, Degenerate: s.fit.Degenerate,
	}
	if f.Degenerate == "" && m.Q <= 1 {
		f.Degenerate = "the mean value of a purchase is infinite (q at or below 1)"
	}
	return f, nil
}
