package model

import (
	"errors"
	"fmt"
	"math"

	"meshwork.dev/services/churn/btyd"
)

// Options are how fits are made.
type Options struct {
	// Horizon is the number of days that probabilities are about.
	Horizon int
	// LeastCustomers is how many customers a fit or a judgement needs.
	LeastCustomers int
	// Sample is how many customers a fit looks at, at most.
	Sample int
	// Ridge is the penalty of the regression.
	Ridge float64
}

// DefaultOptions are 90 days, at least 100 customers, at most 5,000, and a light penalty.
func DefaultOptions() Options {
	return Options{Horizon: 90, LeastCustomers: 100, Sample: 5_000, Ridge: 1}
}

var errTooFew = errors.New("too few customers")

// Fit fits one family to what was known at the end of the day end. The error tells that there is nothing to fit it to:
// too few customers, or too short a history for a regression. A fit that is no use comes back with Degenerate set.
func Fit(family Family, customers []Customer, end int, o Options) (*Fitted, error) {
	if family == FamilyLogistic {
		return fitRegression(customers, end, o)
	}
	var known []btyd.Summary
	for _, c := range customers {
		if b, ok := c.Before(end); ok {
			known = append(known, b.Summary(end))
		}
	}
	if len(known) < max(o.LeastCustomers, 1) {
		return nil, errTooFew
	}
	known = sample(known, o.Sample)
	switch family {
	case FamilyBG:
		f, err := btyd.FitBGNBD(known)
		return taken(family, o, f, err)
	case FamilyMBG:
		f, err := btyd.FitMBGNBD(known)
		return taken(family, o, f, err)
	case FamilyPareto:
		f, err := btyd.FitParetoNBD(known)
		return taken(family, o, f, err)
	default:
		return nil, fmt.Errorf("model: unknown family %q", family)
	}
}

// taken turns a fit of package btyd into one of this package.
func taken[M btyd.Model](family Family, o Options, f btyd.Fit[M], err error) (*Fitted, error) {
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	out := &Fitted{
		Family: family, Horizon: o.Horizon, LogLikelihood: f.LogLikelihood, Customers: f.Customers,
		Iterations: f.Iterations, Evaluations: f.Evaluations, Starts: f.Starts, Gradient: f.Gradient,
		Condition: f.Condition, Converged: f.Converged, Degenerate: f.Degenerate,
	}
	for _, p := range f.Parameters {
		out.Parameters = append(out.Parameters, Parameter{Name: p.Name, Value: p.Value, SE: p.SE})
	}
	return out, nil
}

// worstWeight is a weight per standard deviation that only separable data give.
const worstWeight = 20

func fitRegression(customers []Customer, end int, o Options) (*Fitted, error) {
	cut := end - o.Horizon
	var taught []Customer
	for _, c := range customers {
		if len(c.Days) > 0 && c.Days[0].Day <= cut {
			taught = append(taught, c)
		}
	}
	if len(taught) < max(o.LeastCustomers, 1) {
		return nil, errTooFew
	}
	taught = sample(taught, o.Sample)
	x, came := make([][]float64, len(taught)), make([]bool, len(taught))
	for i, c := range taught {
		b, _ := c.Before(cut)
		x[i] = features(nil, b, cut)
		came[i] = c.Bought(cut, o.Horizon)
	}
	f := &Fitted{Family: FamilyLogistic, Horizon: o.Horizon, Customers: len(taught), Starts: 1, TaughtUntil: cut}
	m, err := FitLogistic(featureNames, x, came, o.Ridge)
	if err != nil {
		return nil, err
	}
	f.Parameters = []Parameter{{Name: "intercept", Value: m.Intercept, SE: m.InterceptSE}}
	for i, name := range m.Names {
		f.Parameters = append(f.Parameters, Parameter{
			Name: name, Value: m.Weights[i], SE: m.SE[i], Feature: true, Centre: m.Centre[i], Scale: m.Scale[i],
		})
	}
	f.LogLikelihood, f.Iterations, f.Evaluations = m.LogLikelihood, m.Iterations, m.Iterations+1
	f.Gradient, f.Converged, f.Condition = m.Gradient, m.Converged, math.NaN()
	if m.Condition > 0 {
		f.Condition = m.Condition
	}
	switch {
	case !m.Converged:
		f.Degenerate = fmt.Sprintf("the search did not converge (largest derivative %.2g)", m.Gradient)
	case m.Scale[0] == 0:
		f.Degenerate = "recency is the same for everybody"
	default:
		for i, w := range m.Weights {
			if math.Abs(w) > worstWeight {
				f.Degenerate = fmt.Sprintf("the weight of %s runs away to %.3g", m.Names[i], w)
			}
		}
	}
	return f, nil
}

// sample takes at most n of the customers, evenly.
func sample[T any](in []T, n int) []T {
	if n <= 0 || len(in) <= n {
		return in
	}
	out := make([]T, n)
	for i := range n {
		out[i] = in[i*len(in)/n]
	}
	return out
}

// Train fits every family as of the end of the day end, with holdouts. Families without enough to be fitted to are left
// out.
func Train(customers []Customer, end int, o Options) []*Fitted {
	var out []*Fitted
	for _, family := range Families() {
		f, err := Fit(family, customers, end, o)
		if err != nil {
			continue
		}
		if earlier, err := Fit(family, customers, end-o.Horizon, o); err == nil && earlier.Degenerate == "" {
			f.Holdout = earlier.judge(customers, end-o.Horizon, o)
		}
		out = append(out, f)
	}
	return out
}

// Looks is how many times Options.Sample customers are judged at most: scoring is cheaper than fitting. More customers than
// that make no difference to Train.
const Looks = 5

// judge compares what f foretells as of the day cut with what came.
func (f *Fitted) judge(customers []Customer, cut int, o Options) *Holdout {
	var p []float64
	var came []bool
	for _, c := range sample(customers, Looks*o.Sample) {
		if b, ok := c.Before(cut); ok {
			p = append(p, f.active(b, cut))
			came = append(came, c.Bought(cut, f.Horizon))
		}
	}
	if len(p) < max(o.LeastCustomers, 1) {
		return nil
	}
	q := Judge(p, came)
	if math.IsNaN(q.AUC) {
		return nil
	}
	return &Holdout{Cut: cut, Quality: q}
}

// Select is the index of the fit to score with: the one with the lowest Brier score on its holdout, or without any
// holdout the regression, or the greatest likelihood; -1 when all are degenerate.
func Select(fits []*Fitted) int {
	best := -1
	for i, f := range fits {
		if f.Degenerate != "" {
			continue
		}
		if best < 0 || better(f, fits[best]) {
			best = i
		}
	}
	return best
}

func better(a, b *Fitted) bool {
	switch {
	case a.Holdout != nil && b.Holdout != nil:
		return a.Holdout.Brier < b.Holdout.Brier
	case a.Holdout != nil || b.Holdout != nil:
		return a.Holdout != nil
	case a.Family == FamilyLogistic || b.Family == FamilyLogistic:
		return a.Family == FamilyLogistic // likelihoods of different things do not compare
	default:
		return a.LogLikelihood > b.LogLikelihood
	}
}
