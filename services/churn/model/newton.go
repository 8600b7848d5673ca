package model

import "math"

// newton holds gradient and (negative) curvature of a likelihood and solves for a step.
type newton struct {
	g    []float64
	h, l [][]float64
}

func newNewton(n int) *newton {
	f := &newton{g: make([]float64, n), h: make([][]float64, n), l: make([][]float64, n)}
	for i := range n {
		f.h[i], f.l[i] = make([]float64, n), make([]float64, n)
	}
	return f
}

func (f *newton) reset() {
	clear(f.g)
	for i := range f.h {
		clear(f.h[i])
	}
}

// add takes in a row with its residual and weight.
func (f *newton) add(row []float64, residual, weight float64, curve bool) {
	for i, v := range row {
		f.g[i] += residual * v
		if curve {
			for j := range i + 1 {
				f.h[i][j] += weight * v * row[j]
			}
		}
	}
}

func (f *newton) steepest() (m float64) {
	for _, v := range f.g {
		m = max(m, math.Abs(v))
	}
	return m
}

// factor is Cholesky's; it fails where the curvature is not positive in all directions.
func (f *newton) factor() bool {
	for i := range f.h {
		for j := range i + 1 {
			s := f.h[i][j]
			for k := range j {
				s -= f.l[i][k] * f.l[j][k]
			}
			if i != j {
				f.l[i][j] = s / f.l[j][j]
				continue
			}
			if !(s > 0) {
				return false
			}
			f.l[i][i] = math.Sqrt(s)
		}
	}
	return true
}

// solve is the Newton step.
func (f *newton) solve() ([]float64, bool) {
	if !f.factor() {
		return nil, false
	}
	return f.apply(f.g), true
}

// apply solves h·x = b by the factor at hand.
func (f *newton) apply(b []float64) []float64 {
	n := len(b)
	x := append([]float64(nil), b...)
	for i := range n {
		for k := range i {
			x[i] -= f.l[i][k] * x[k]
		}
		x[i] /= f.l[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			x[i] -= f.l[k][i] * x[k]
		}
		x[i] /= f.l[i][i]
	}
	return x
}

// errors are the standard errors by the factor at hand.
func (f *newton) errors() []float64 {
	n := len(f.g)
	out := make([]float64, n)
	unit := make([]float64, n)
	for i := range n {
		clear(unit)
		unit[i] = 1
		out[i] = math.Sqrt(f.apply(unit)[i])
	}
	return out
}

// condition is the square of the quotient of the factor's extreme diagonal elements: a lower bound.
func (f *newton) condition() float64 {
	low, high := math.Inf(1), 0.0
	for i := range f.l {
		low, high = min(low, f.l[i][i]), max(high, f.l[i][i])
	}
	return high * high / (low * low)
}
