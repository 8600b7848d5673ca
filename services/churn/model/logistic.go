package model

import (
	"errors"
	"fmt"
	"math"
)

// Logistic is a logistic regression on standardised features with a ridge penalty.
type Logistic struct {
	Names       []string
	Centre      []float64 // means of the features
	Scale       []float64 // their standard deviations; 0 for a feature that did not vary, which then has no effect
	Intercept   float64
	Weights     []float64 // per standard deviation
	InterceptSE float64
	SE          []float64

	LogLikelihood float64 // without the penalty
	Iterations    int
	Gradient      float64 // largest absolute derivative of the penalised likelihood where the search ended
	Condition     float64 // condition number of the curvature, by the diagonal of its factor
	Converged     bool
}

// LogOdds of the features.
func (m *Logistic) LogOdds(x []float64) float64 {
	z := m.Intercept
	for i, w := range m.Weights {
		z += w * m.standard(i, x[i])
	}
	return z
}

// Contribution of the i-th feature to the log-odds, against the average customer.
func (m *Logistic) Contribution(i int, x float64) float64 { return m.Weights[i] * m.standard(i, x) }

func (m *Logistic) standard(i int, x float64) float64 {
	if m.Scale[i] == 0 {
		return 0
	}
	return (x - m.Centre[i]) / m.Scale[i]
}

// Chance turns log-odds into a probability.
func Chance(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// LogOdds turns a probability into log-odds, kept within what a sample can tell.
func LogOdds(p float64) float64 {
	const least = 1e-9
	p = min(max(p, least), 1-least)
	return math.Log(p / (1 - p))
}

var errNothingToLearn = errors.New("model: everybody did the same: there is nothing to learn")

// FitLogistic finds the weights of greatest penalised likelihood by Newton's method: ridge/2·Σ weight² is taken from the
// likelihood; the intercept is free. The error tells that there is nothing to learn, or that the features make no
// matrix.
func FitLogistic(names []string, x [][]float64, came []bool, ridge float64) (*Logistic, error) {
	n, k := len(x), len(names)
	yes := 0
	for _, c := range came {
		if c {
			yes++
		}
	}
	if yes == 0 || yes == n {
		return nil, errNothingToLearn
	}
	m := &Logistic{
		Names: names, Centre: make([]float64, k), Scale: make([]float64, k), Weights: make([]float64, k),
		SE: make([]float64, k), Intercept: LogOdds(float64(yes) / float64(n)),
	}
	if err := m.standardise(x); err != nil {
		return nil, err
	}
	const limit = 100
	f := newNewton(k + 1)
	best := m.penalised(f, x, came, ridge, true)
	for m.Iterations < limit {
		m.Gradient = f.steepest()
		if m.Gradient < 1e-7*float64(n) {
			break
		}
		step, ok := f.solve()
		if !ok {
			break
		}
		m.Iterations++
		old, oldWeights, moved := m.Intercept, append([]float64(nil), m.Weights...), false
		for range 30 {
			m.Intercept = old + step[0]
			for i := range m.Weights {
				m.Weights[i] = oldWeights[i] + step[i+1]
			}
			if v := m.penalised(f, x, came, ridge, true); v >= best {
				moved = v > best
				best = v
				break
			}
			for i := range step {
				step[i] /= 2
			}
		}
		if !moved {
			break
		}
	}
	m.penalised(f, x, came, ridge, true)
	m.Gradient = f.steepest()
	ok := f.factor()
	m.Converged = ok && m.Gradient < 1e-5*float64(n)
	if ok {
		m.Condition = f.condition()
		se := f.errors()
		m.InterceptSE = se[0]
		copy(m.SE, se[1:])
	}
	return m, nil
}

func (m *Logistic) standardise(x [][]float64) error {
	n := float64(len(x))
	for _, row := range x {
		for i, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("model: feature %s is %v", m.Names[i], v)
			}
			m.Centre[i] += v / n
		}
	}
	for _, row := range x {
		for i, v := range row {
			d := v - m.Centre[i]
			m.Scale[i] += d * d / n
		}
	}
	for i, v := range m.Scale {
		if m.Scale[i] = math.Sqrt(v); m.Scale[i] < 1e-9*(1+math.Abs(m.Centre[i])) {
			m.Scale[i] = 0
		}
	}
	return nil
}

// penalised computes the penalised likelihood, its gradient and its curvature into f.
func (m *Logistic) penalised(f *newton, x [][]float64, came []bool, ridge float64, curve bool) float64 {
	f.reset()
	ll := 0.0
	row := make([]float64, len(m.Weights)+1)
	row[0] = 1
	for r := range x {
		z := m.Intercept
		for i, w := range m.Weights {
			row[i+1] = m.standard(i, x[r][i])
			z += w * row[i+1]
		}
		y := indicator(came[r])
		ll += y*z - softplus(z)
		p := Chance(z)
		f.add(row, y-p, p*(1-p), curve)
	}
	m.LogLikelihood = ll
	for i, w := range m.Weights {
		ll -= ridge / 2 * w * w
		f.g[i+1] -= ridge * w
		f.h[i+1][i+1] += max(ridge, 1e-9)
	}
	return ll
}

// softplus is ln(1 + eᶻ).
func softplus(z float64) float64 {
	if z > 0 {
		return z + math.Log1p(math.Exp(-z))
	}
	return math.Log1p(math.Exp(z))
}
