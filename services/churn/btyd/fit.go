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
	// total is the log likelihood of the parameters.
	total func(p []float64) float64
	// rough is that of a sample of about as many customers as count is; nil where total is cheap enough.
	rough func(p []float64) float64
	count int
	// slope and roughSlope are their derivatives by the parameters; nil where differences have to do.
	slope, roughSlope func(p, out []float64)
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
		pr.rough, pr.roughSlope, pr.count = pr.total, pr.slope, pr.customers
	}
	p := make([]float64, len(pr.names))
	meanOf := func(total func([]float64) float64, slope func(p, out []float64), n int) objective {
		at := func(x []float64) {
			for i, v := range x {
				p[i] = math.Exp(v)
			}
		}
		o := objective{value: func(x []float64) float64 {
			at(x)
			return -total(p) / float64(n)
		}}
		if slope != nil {
			o.slope = func(x, out []float64) {
				at(x)
				slope(p, out)
				for i := range out {
					out[i] *= -p[i] / float64(n) // by the logarithm
				}
			}
		}
		return o
	}
	rough, mean := meanOf(pr.rough, pr.roughSlope, pr.count), meanOf(pr.total, pr.slope, pr.customers)
	n := float64(pr.customers)
	var best [2]optimum
	evaluations, iterations := 0, 0
	for _, s := range pr.starts {
		x := make([]float64, len(s))
		for i, v := range s {
			x[i] = math.Log(v)
		}
		at := minimise(rough, x, 1e-3, 4) // a few steps tell more about a start than its value
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
		o := minimise(rough, b.at, 1e-4, iterationLimit)
		iterations += o.iterations
		evaluations += o.evaluations
		if near.at == nil || o.value < near.value {
			near = o
		}
	}
	end := minimise(mean, near.at, gradientTolerance, iterationLimit)
	iterations += end.iterations
	evaluations += end.evaluations
	out := solution{p: make([]float64, len(pr.names))}
	for i, v := range end.at {
		out.p[i] = math.Exp(v)
	}
	values, vectors := eigen(curvature(mean.value, end.at))
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	f := &out.fit
	f.Condition = math.NaN()
	if low > 0 {
		f.Condition = high / low
	}
	f.LogLikelihood, f.Customers, f.Starts = pr.total(out.p), pr.customers, len(pr.starts)
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
const roughly = 600

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

// timing is the problem of a model of purchase times.
func timing(rows []Summary, names []string, starts [][]float64, total func(u *unrolled, p []float64) float64) problem {
	few := thin(rows)
	all, some := unroll(rows), unroll(few)
	return problem{
		names: names, starts: starts, customers: customersOf(rows), count: customersOf(few),
		total: func(p []float64) float64 { return total(all, p) },
		rough: func(p []float64) float64 { return total(some, p) },
	}
}

// sloped is timing with the derivatives of the likelihood.
func sloped(rows []Summary, names []string, starts [][]float64, total func(u *unrolled, p []float64) float64, slope func(u *unrolled, p, out []float64)) problem {
	pr := timing(rows, names, starts, total)
	all, some := unroll(rows), unroll(thin(rows))
	pr.slope = func(p, out []float64) { slope(all, p, out) }
	pr.roughSlope = func(p, out []float64) { slope(some, p, out) }
	return pr
}

// unrolled is likelihoods' view of rows: repeats are small integers for which logarithms of gammas are tabulated.
type unrolled struct {
	rows    []Summary
	most    int
	rising  []float64 // lnΓ(r+x) − lnΓ(r)
	dropout []float64 // model-specific, by x
}

func unroll(rows []Summary) *unrolled {
	u := &unrolled{rows: rows}
	for _, s := range rows {
		u.most = max(u.most, int(s.Repeats))
	}
	u.rising, u.dropout = make([]float64, u.most+1), make([]float64, u.most+2)
	return u
}
