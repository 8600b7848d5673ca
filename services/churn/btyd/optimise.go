package btyd

import "math"

// searchBound keeps logarithms of parameters where the functions are safe: e±12.
const searchBound = 12.0

// optimum is where a search ended.
type optimum struct {
	at          []float64
	value       float64
	gradient    []float64
	inverse     [][]float64 // of the curvature, as the search has learned it
	iterations  int
	evaluations int
}

// objective is a function to be minimised: its value at x, and its derivatives in slope. It may be +Inf or NaN where it is
// not defined.
type objective func(x, slope []float64) float64

// minimise searches a local minimum by BFGS. inverse is what is known of the inverse of the curvature; nil is nothing.
func minimise(f objective, start []float64, inverse [][]float64, tolerance float64, limit int) optimum {
	n := len(start)
	o := optimum{at: append([]float64(nil), start...), gradient: make([]float64, n)}
	eval := func(x, g []float64) float64 {
		o.evaluations++
		v := f(x, g)
		for i, at := range x {
			if d := math.Abs(at) - searchBound; d > 0 {
				v += d * d
				g[i] += math.Copysign(2*d, at)
			}
		}
		if math.IsNaN(v) {
			return math.Inf(1)
		}
		return v
	}
	o.value = eval(o.at, o.gradient)
	if inverse == nil {
		inverse = identity(n)
	}
	next, dir, g := make([]float64, n), make([]float64, n), make([]float64, n)
	for o.iterations < limit && norm(o.gradient) > tolerance {
		o.iterations++
		descent := 0.0
		for i := range n {
			dir[i] = -dot(inverse[i], o.gradient)
			descent += dir[i] * o.gradient[i]
		}
		if !(descent < 0) { // the model of the curvature is spoiled: start it anew
			inverse = identity(n)
			descent = 0
			for i := range n {
				dir[i] = -o.gradient[i]
				descent += dir[i] * o.gradient[i]
			}
		}
		step := min(1, 2/norm(dir)) // in logarithms: no parameter changes by more than e² at once
		value := math.Inf(1)
		for range 40 {
			for i := range n {
				next[i] = o.at[i] + step*dir[i]
			}
			if value = eval(next, g); value <= o.value+1e-4*step*descent {
				break
			}
			step /= 2
		}
		if !(value < o.value) {
			break // as low as a float64 can tell
		}
		update(inverse, next, o.at, g, o.gradient)
		copy(o.at, next)
		o.value = value
		o.gradient, g = g, o.gradient
	}
	o.inverse = inverse
	return o
}

// update is the BFGS update of the inverse of the curvature.
func update(inverse [][]float64, x, x0, g, g0 []float64) {
	n := len(x)
	s, y, hy := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		s[i], y[i] = x[i]-x0[i], g[i]-g0[i]
	}
	sy := dot(s, y)
	if sy <= 1e-14 {
		return
	}
	for i := range n {
		hy[i] = dot(inverse[i], y)
	}
	yhy := dot(y, hy)
	for i := range n {
		for j := range n {
			inverse[i][j] += (1+yhy/sy)*s[i]*s[j]/sy - (hy[i]*s[j]+s[i]*hy[j])/sy
		}
	}
}

// curvature is the matrix of second derivatives, by differences of the first ones.
func curvature(f objective, at []float64) [][]float64 {
	const h = 1e-3
	n := len(at)
	x := append([]float64(nil), at...)
	high, low := make([]float64, n), make([]float64, n)
	out := identity(n)
	for i := range n {
		x[i] = at[i] + h
		f(x, high)
		x[i] = at[i] - h
		f(x, low)
		x[i] = at[i]
		for j := range n {
			out[i][j] = (high[j] - low[j]) / (2 * h)
		}
	}
	for i := range n {
		for j := range i {
			v := (out[i][j] + out[j][i]) / 2
			out[i][j], out[j][i] = v, v
		}
	}
	return out
}

// eigen gives the eigenvalues of a symmetric matrix, by Jacobi's rotations, and its eigenvectors in columns.
func eigen(matrix [][]float64) (values []float64, vectors [][]float64) {
	n := len(matrix)
	a, v := make([][]float64, n), identity(n)
	for i := range a {
		a[i] = append([]float64(nil), matrix[i]...)
	}
	for range 60 {
		off := 0.0
		for i := range n {
			for j := range i {
				off += a[i][j] * a[i][j]
			}
		}
		if off == 0 {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				if a[p][q] == 0 {
					continue
				}
				rotate(a, v, p, q)
			}
		}
	}
	values = make([]float64, n)
	for i := range n {
		values[i] = a[i][i]
	}
	return values, v
}

func rotate(a, v [][]float64, p, q int) {
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range a {
		a[k][p], a[k][q] = c*a[k][p]-s*a[k][q], s*a[k][p]+c*a[k][q]
	}
	for k := range a {
		a[p][k], a[q][k] = c*a[p][k]-s*a[q][k], s*a[p][k]+c*a[q][k]
		v[k][p], v[k][q] = c*v[k][p]-s*v[k][q], s*v[k][p]+c*v[k][q]
	}
}

func identity(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
		m[i][i] = 1
	}
	return m
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// norm is the largest absolute element.
func norm(v []float64) (m float64) {
	for _, x := range v {
		m = max(m, math.Abs(x))
	}
	return m
}
