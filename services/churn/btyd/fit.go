package btyd

import (
	"errors"
	"fmt"
	"math"
)

// Model is a fitted model of when customers buy and leave. Times are weeks from the end of the customer's observation.
type Model interface {
	// Name is the family, such as "BG/NBD".
	Name() string
	// Parameters are the estimates with their names in the literature.
	Parameters() []Parameter
	// LogLikelihood of customers under the model.
	LogLikelihood(rows []Summary) float64
	// Alive is the probability that the customer has not left.
	Alive(s Summary) float64
	// Active is the probability of at least one purchase day within t weeks.
	Active(s Summary, t float64) float64
	// Expect is the expected number of purchase days within t weeks, given what the customer did.
	Expect(s Summary, t float64) float64
	// ExpectNew is the expected number of repeat purchase days of a new customer within t weeks.
	ExpectNew(t float64) float64
}

// Parameter is one named number of a model.
type Parameter struct {
	Name  string
	Value float64
	// SE is the standard error, by the curvature of the likelihood at the optimum; NaN where that tells nothing.
	SE float64
}

// Fit is what a search for the maximum of a likelihood ended with.
type Fit[M any] struct {
	Model         M
	Parameters    []Parameter
	LogLikelihood float64
	Customers     int
	Starts        int
	Iterations    int
	Evaluations   int
	// Gradient is the largest absolute derivative of the log likelihood by the logarithm of a parameter.
	Gradient float64
	// Condition is the condition number of the curvature in the logarithms; NaN where it is not negative in all
	// directions.
	Condition float64
	Converged bool
	// Degenerate says why the fit is no use; empty where it is.
	Degenerate string
}

// errNoCustomers is the one way a fit cannot be tried at all.
var errNoCustomers = errors.New("btyd: no customers to fit")

const (
	// tolerance for derivatives of the mean log likelihood.
	gradientTolerance = 1e-8
	// gradientLimit is what counts as an optimum, per customer.
	gradientLimit  = 1e-5
	iterationLimit = 300
	// worstCondition is where parameters can no longer be told apart.
	worstCondition = 1e10
)

// problem is a likelihood to be maximised.
type problem struct {
	names     []string
	starts    [][]float64 // parameters, not logarithms
	customers int
	// total is the log likelihood of the parameters; its derivatives by them go to slope, unless that is nil.
	total func(p, slope []float64) float64
	// rough is that of a sample of about as many customers as count is; nil where total is cheap enough.
	rough func(p, slope []float64) float64
	count int
}

// solution is a fit without its model.
type solution struct {
	p   []float64
	fit Fit[struct{}]
}

// solve maximises by several starts. All starts are looked at, and the best two followed, on a sample; the better of
// their ends is where the search over all customers begins.
func (pr problem) solve() solution {
	if pr.rough == nil {
		pr.rough, pr.count = pr.total, pr.customers
	}
	p := make([]float64, len(pr.names))
	meanOf := func(total func(p, slope []float64) float64, n int) objective {
		return func(x, slope []float64) float64 {
			for i, v := range x {
				p[i] = math.Exp(v)
			}
			v := -total(p, slope) / float64(n)
			for i := range slope {
				slope[i] *= -p[i] / float64(n) // by the logarithm
			}
			return v
		}
	}
	rough, mean := meanOf(pr.rough, pr.count), meanOf(pr.total, pr.customers)
	n := float64(pr.customers)
	var best [2]optimum
	evaluations, iterations := 0, 0
	for _, s := range pr.starts {
		x := make([]float64, len(s))
		for i, v := range s {
			x[i] = math.Log(v)
		}
		at := minimise(rough, x, nil, 1e-3, 4) // a few steps tell more about a start than its value
		evaluations += at.evaluations
		switch {
		case best[0].at == nil || at.value < best[0].value:
			best[1], best[0] = best[0], at
		case best[1].at == nil || at.value < best[1].value:
			best[1] = at
		}
	}
	var near optimum
	for _, b := range best {
		if b.at == nil {
			continue
		}
		o := minimise(rough, b.at, b.inverse, 1e-4, iterationLimit)
		iterations += o.iterations
		evaluations += o.evaluations
		if near.at == nil || o.value < near.value {
			near = o
		}
	}
	end := minimise(mean, near.at, near.inverse, gradientTolerance, iterationLimit)
	iterations += end.iterations
	evaluations += end.evaluations
	out := solution{p: make([]float64, len(pr.names))}
	for i, v := range end.at {
		out.p[i] = math.Exp(v)
	}
	values, vectors := eigen(curvature(mean, end.at))
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	f := &out.fit
	f.Condition = math.NaN()
	if low > 0 {
		f.Condition = high / low
	}
	f.LogLikelihood, f.Customers, f.Starts = pr.total(out.p, nil), pr.customers, len(pr.starts)
	f.Iterations, f.Evaluations = iterations, evaluations
	f.Gradient = norm(end.gradient) * n
	f.Converged = norm(end.gradient) < gradientLimit && low > 0
	for i, name := range pr.names {
		se := math.NaN()
		if low > 0 { // delta method: the error of a logarithm times the value
			se = 0
			for k, v := range values {
				se += vectors[i][k] * vectors[i][k] / v
			}
			se = out.p[i] * math.Sqrt(se/n)
		}
		f.Parameters = append(f.Parameters, Parameter{name, out.p[i], se})
	}
	f.Degenerate = f.fault(end)
	return out
}

// fault is what makes any fit degenerate.
func (f *Fit[M]) fault(end optimum) string {
	switch {
	case math.IsNaN(f.LogLikelihood) || math.IsInf(f.LogLikelihood, 0):
		return "the likelihood has no finite value"
	case norm(end.at) >= searchBound-1:
		for i, v := range end.at {
			if math.Abs(v) >= searchBound-1 {
				return fmt.Sprintf("%s runs away to %.3g", f.Parameters[i].Name, f.Parameters[i].Value)
			}
		}
	case math.IsNaN(f.Condition):
		return "the likelihood is flat or saddle-shaped where the search ended: parameters are not determined"
	case f.Condition > worstCondition:
		return fmt.Sprintf("the parameters cannot be told apart (condition number %.1e)", f.Condition)
	case !f.Converged:
		return fmt.Sprintf("the search did not converge (largest derivative %.2g)", f.Gradient)
	}
	return ""
}

// finish puts a model to a solution.
func finish[M Model](s solution, m M, rows []Summary, leaving func() string) Fit[M] {
	f := Fit[M]{
		Model: m, Parameters: s.fit.Parameters, LogLikelihood: s.fit.LogLikelihood, Customers: s.fit.Customers,
		Starts: s.fit.Starts, Iterations: s.fit.Iterations, Evaluations: s.fit.Evaluations,
		Gradient: s.fit.Gradient, Condition: s.fit.Condition, Converged: s.fit.Converged, Degenerate: s.fit.Degenerate,
	}
	if leaving == nil {
		return f
	}
	if why := leaving(); why != "" {
		f.Degenerate = why // it explains what the search ran into
		return f
	}
	if f.Degenerate == "" {
		if base, err := FitNBD(rows); err == nil && f.LogLikelihood-base.LogLikelihood < learnedAtLeast {
			f.Degenerate = fmt.Sprintf("leaving explains nothing: the likelihood is that of NBD, in which nobody leaves (%.3f to %.3f)",
				f.LogLikelihood, base.LogLikelihood)
		}
	}
	return f
}

// A model of leaving must beat the one without by this much in log likelihood, and more than a negligible share of
// customers must leave.
const (
	learnedAtLeast = 2.0
	leastDropout   = 1e-3 // probability of leaving after a purchase
	leastDeathRate = 1e-4 // deaths per week
)

// roughly is the number of rows a search begins with.
const roughly = 400

// thin takes rows evenly: they are sorted, so every kind of customer stays in.
func thin(rows []Summary) []Summary {
	if len(rows) <= 2*roughly {
		return rows
	}
	out := make([]Summary, 0, roughly)
	for i := range roughly {
		out = append(out, rows[i*len(rows)/roughly])
	}
	return out
}

// curve is a likelihood of purchase times for given parameters.
type curve interface {
	// total is the log likelihood. Its derivatives by the parameters go to slope, unless that is nil.
	total(u *unrolled, slope []float64) float64
}

// timing is the problem of a model of purchase times.
func timing(rows []Summary, names []string, starts [][]float64, model func(p []float64) curve) problem {
	few := thin(rows)
	all, some := unroll(rows), unroll(few)
	return problem{
		names: names, starts: starts, customers: customersOf(rows), count: customersOf(few),
		total: func(p, slope []float64) float64 { return model(p).total(all, slope) },
		rough: func(p, slope []float64) float64 { return model(p).total(some, slope) },
	}
}

// unrolled is likelihoods' view of rows: repeats are small integers for which logarithms of gammas are tabulated.
type unrolled struct {
	rows               []Summary
	rate, stay, either rising // of what depends on the model
}

func unroll(rows []Summary) *unrolled {
	u, most := &unrolled{rows: rows}, 0
	for _, s := range rows {
		most = max(most, int(s.Repeats))
	}
	u.rate, u.stay, u.either = newRising(most+2), newRising(most+2), newRising(most+2)
	return u
}
