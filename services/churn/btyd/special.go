package btyd

import "math"

// lgamma is the logarithm of the gamma function for x > 0.
func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// digamma is the derivative of lgamma, for x > 0: by its asymptotic series (NIST DLMF 5.11.2) where that is good to the
// last digits, and by ψ(x) = ψ(x+1) − 1/x (5.5.2) below.
func digamma(x float64) float64 {
	sum := 0.0
	for ; x < 10; x++ {
		sum -= 1 / x
	}
	y := 1 / (x * x)
	return sum + math.Log(x) - 0.5/x - y*(1.0/12-y*(1.0/120-y*(1.0/252-y*(1.0/240-y*(1.0/132)))))
}

// logBeta is the logarithm of the beta function for a, b > 0. The sum of two large terms of opposite sign is avoided
// where one argument dwarfs the other.
func logBeta(a, b float64) float64 {
	if a > b {
		a, b = b, a
	}
	if b > 1e6 && a < b*1e-3 { // lnΓ(b) − lnΓ(a+b) by Stirling, whose leading terms cancel on paper
		s := a + b
		diff := (b-0.5)*math.Log1p(-a/s) - a*math.Log(s) + a + (1/b-1/s)/12
		return lgamma(a) + diff
	}
	return lgamma(a) + lgamma(b) - lgamma(a+b)
}

// rising tabulates lnΓ(a+i) − lnΓ(a), and its derivative by a, for i from 0.
type rising struct{ log, slope []float64 }

func newRising(n int) rising { return rising{make([]float64, n), make([]float64, n)} }

func (t rising) fill(a float64) {
	log, slope := 0.0, 0.0
	for i := range t.log {
		t.log[i], t.slope[i] = log, slope
		log += math.Log(a + float64(i))
		slope += 1 / (a + float64(i))
	}
}

// logAdd is ln(eᵃ + eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// scaled is m·eˡ: a number whose logarithm may be far outside of what a float64 holds.
type scaled struct{ m, l float64 }

func (s scaled) value() float64 { return s.m * math.Exp(s.l) }

// hyp2F1 is Gauss's hypergeometric function for real arguments and z < 1, c not 0, −1, −2…: ₂F₁(a, b; c; z).
//
// Left of zero it is brought to the right by Pfaff's transformation. Up to a half the series converges fast. Beyond, the
// solution is carried on towards 1 by Taylor series of the differential equation, each step halving the distance to 1:
// unlike the connection formulas this has no special case where c−a−b is an integer, and it costs some dozens of terms
// per binary digit of 1−z. Sizes outside of float64's range travel in the exponent.
func hyp2F1(a, b, c, z float64) float64 { return hypScaled(a, b, c, z).value() }

func hypScaled(a, b, c, z float64) scaled {
	switch {
	case z == 0 || a == 0 || b == 0:
		return scaled{1, 0}
	case z >= 1 || math.IsNaN(a+b+c+z) || c <= 0 && c == math.Trunc(c):
		return scaled{math.NaN(), 0}
	case z < 0:
		// Of the two forms, take the one whose terms are positive when there is one.
		if c-b > 0 || c-a <= 0 {
			s := hypScaled(a, c-b, c, z/(z-1))
			s.l -= a * math.Log1p(-z)
			return s
		}
		s := hypScaled(c-a, b, c, z/(z-1))
		s.l -= b * math.Log1p(-z)
		return s
	}
	if a < 0 && b < 0 && c > 0 { // Euler's transformation: positive terms instead of alternating ones
		s := hypScaled(c-a, c-b, c, z)
		s.l += (c - a - b) * math.Log1p(-z)
		return s
	}
	at := min(z, 0.5)
	y, l := hypSeries(a, b, c, at)
	d, dl := hypSeries(a+1, b+1, c+1, at)
	dy := d * a * b / c * math.Exp(dl-l)
	for at < z {
		h := min(z-at, (1-at)/2)
		y, dy, l = hypStep(a, b, c, at, h, y, dy, l)
		at += h
		if z-at < 1e-17 {
			break
		}
	}
	return scaled{y, l}
}

// huge bounds the mantissas of sums; what exceeds it moves into the exponent.
const huge = 1e250

// hypSeries sums the defining series for 0 ≤ z ≤ 1/2.
func hypSeries(a, b, c, z float64) (sum, exponent float64) {
	sum, term := 1.0, 1.0
	for n := 0.0; n < 100_000; n++ {
		term *= (a + n) * (b + n) / ((c + n) * (1 + n)) * z
		sum += term
		if math.Abs(sum) > huge || math.Abs(term) > huge {
			sum, term, exponent = sum/huge, term/huge, exponent+math.Log(huge)
		}
		// The quotient of terms falls to z in the end; past its peak a small term means a small rest.
		if math.Abs(term) <= 1e-17*math.Abs(sum) && (a+n)*(b+n)*z < (c+n)*(1+n) {
			break
		}
	}
	return sum, exponent
}

// hypStep carries the solution y and its derivative from z to z+h, where h ≤ (1−z)/2 ≤ z, by the Taylor series that
// z(1−z)y″ + (c−(a+b+1)z)y′ − ab·y = 0 determines.
func hypStep(a, b, c, z, h, y, dy, l float64) (ny, ndy, nl float64) {
	// Coefficients in powers of h: t0 = y, t1 = y′h, and so on.
	p := z * (1 - z)
	q := c - (a+b+1)*z
	t0, t1 := y, dy*h
	sum, dsum := t0+t1, t1
	for n := 0.0; n < 10_000; n++ {
		t2 := (h*h*(n*(n-1)+(a+b+1)*n+a*b)*t0 - h*(n+1)*((1-2*z)*n+q)*t1) / (p * (n + 1) * (n + 2))
		sum += t2
		dsum += (n + 2) * t2
		if m := max(math.Abs(sum), math.Abs(dsum), math.Abs(t2)); m > huge {
			sum, dsum, t1, t2, l = sum/huge, dsum/huge, t1/huge, t2/huge, l+math.Log(huge)
		}
		if math.Abs(t2)*(n+2) <= 1e-17*math.Abs(dsum) && math.Abs(t2) <= 1e-17*math.Abs(sum) &&
			math.Abs(t1) <= 1e-15*math.Abs(sum) {
			break
		}
		t0, t1 = t1, t2
	}
	return sum, dsum / h, l
}

// gauss are nodes and weights of Gauss-Legendre quadrature on [0, 1] with 8 points.
var gauss = [...][2]float64{
	{0.019855071751231856, 0.05061426814518815},
	{0.10166676129318664, 0.11119051722668725},
	{0.2372337950418355, 0.15685332293894366},
	{0.4082826787521751, 0.181341891689181},
	{0.591717321247825, 0.181341891689181},
	{0.7627662049581645, 0.15685332293894366},
	{0.8983332387068134, 0.11119051722668725},
	{0.9801449282487682, 0.05061426814518815},
}
