package btyd

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Values of ₂F₁ that are known in closed form, ordinary and extreme.
func TestHypergeometricClosedForms(t *testing.T) {
	for _, z := range []float64{-1e6, -30, -1, -0.3, 0.1, 0.5, 0.7, 0.9, 0.99, 0.9999, 1 - 1e-9, 1 - 1e-12} {
		for _, a := range []float64{0.3, 1, 2.5, 40} {
			closed := math.Exp(-a * math.Log1p(-z)) // ₂F₁(a, b; b; z) = (1−z)^−a
			if math.IsInf(closed, 0) {
				continue
			}
			require.InEpsilon(t, closed, hyp2F1(a, 1.7, 1.7, z), 1e-9*(1+a), "a %v z %v", a, z)
		}
		require.InEpsilon(t, -math.Log1p(-z)/z, hyp2F1(1, 1, 2, z), 1e-10, "log, z %v", z)
		if z > 0 {
			r := math.Sqrt(z)
			require.InEpsilon(t, math.Asin(r)/r, hyp2F1(0.5, 0.5, 1.5, z), 1e-6, "asin, z %v", z)
			atanh := math.Log1p(r) - math.Log1p(-z)/2 // without the difference 1−r
			require.InEpsilon(t, atanh/r, hyp2F1(0.5, 1, 1.5, z), 1e-7, "atanh, z %v", z)
		}
	}
	require.InDelta(t, 1, hyp2F1(3, 4, 5, 0), 0)
	require.True(t, math.IsNaN(hyp2F1(1, 1, -2, 0.5)))
	require.True(t, math.IsNaN(hyp2F1(1, 1, 2, 1)))
	// Far outside of float64: the logarithm is right.
	for _, z := range []float64{0.3, 0.6, 0.9, 0.9999} {
		big := hypScaled(900, 700, 700, z)
		require.InEpsilon(t, -900*math.Log1p(-z), math.Log(big.m)+big.l, 1e-10)
		// Close to 1 the singular part is all: Γ(c)Γ(a+b−c)/(Γ(a)Γ(b))·(1−z)^(c−a−b).
		wide := hypScaled(200, 150, 3, 1-1e-7)
		require.InEpsilon(t, lgamma(3)+lgamma(347)-lgamma(200)-lgamma(150)+347*math.Log(1e7), math.Log(wide.m)+wide.l, 1e-6)
	}
	// A polynomial with large coefficients, by Vandermonde at 1: ₂F₁(−9, −7; 3; 1) = Γ(3)Γ(19)/(Γ(12)Γ(10)).
	require.InEpsilon(t, math.Exp(lgamma(3)+lgamma(19)-lgamma(12)-lgamma(10)), hyp2F1(-9, -7, 3, 1-1e-12), 1e-9)
}

// integral is ∫ f over [0, 1] by the midpoint rule on a substitution that tames the ends.
func integral(f func(p float64) float64) float64 {
	const n = 20_000
	sum := 0.0
	for i := range n {
		u := 30 * ((float64(i)+0.5)/n*2 - 1) // p = logistic(u)
		p := 1 / (1 + math.Exp(-u))
		sum += f(p) * p * (1 - p) * 60 / n
	}
	return sum
}

// The expectations agree with their definitions as integrals, also where the closed form has a pole.
func TestUntilLeftIsTheIntegral(t *testing.T) {
	for _, a := range []float64{0.793, 0.99, 1, 1.00000001, 1.2, 3} {
		for _, s := range [][3]float64{{2.4, 0.24, 4.4}, {4.4, 2.24, 43.3}, {30, 20, 60}} {
			b, shape, rate := s[0], s[1], s[2]
			for _, time := range []float64{0.1, 13, 39, 4000} {
				norm := logBeta(a, b)
				want := integral(func(p float64) float64 {
					beta := math.Exp((a-1)*math.Log(p) + (b-1)*math.Log1p(-p) - norm)
					return beta * -math.Expm1(-shape*math.Log1p(p*time/rate)) / p
				})
				require.InEpsilon(t, want, untilLeft(a, b, shape, rate, time), 1e-4, "a %v %v t %v", a, s, time)
			}
		}
	}
}

// The Pareto/NBD likelihood agrees with the textbook form with hypergeometric functions, where that does not cancel.
func TestParetoLikelihoodIsTheTextbooks(t *testing.T) {
	for _, m := range []ParetoNBD{{0.55, 10.6, 0.6, 11.7}, {0.55, 11.7, 0.6, 3}, {1.5, 2, 0.4, 20}} {
		for _, s := range []Summary{{Repeats: 0, Last: 0, Age: 30}, {Repeats: 2, Last: 10, Age: 39}, {Repeats: 20, Last: 12, Age: 39}} {
			k := m.R + m.S + s.Repeats
			low, high, b := m.Beta, m.Alpha, m.S+1
			if m.Alpha < m.Beta {
				low, high, b = m.Alpha, m.Beta, m.R+s.Repeats
			}
			term := func(at float64) float64 {
				return hyp2F1(k, b, k+1, (high-low)/(high+at)) * math.Exp(-k*math.Log(high+at))
			}
			a0 := term(s.Last) - term(s.Age)
			want := math.Log(m.S / k * a0)
			require.InDelta(t, want, m.left(s), 1e-8, "%v %v", m, s)
		}
	}
	m := ParetoNBD{0.55, 10.6, 0.6, 11.7}
	require.InDelta(t, 1, m.Alive(Summary{Repeats: 3, Last: 20, Age: 20}), 1e-12) // bought just now
	extreme := m.Alive(Summary{Repeats: 3000, Last: 1, Age: 900})
	require.True(t, extreme >= 0 && extreme < 1e-9)
}

// The integral in the Pareto/NBD likelihood also where lifetimes are all but alike (S and Beta large), computed with 30
// digits.
func TestParetoIntegralOfLargeParameters(t *testing.T) {
	for _, c := range []struct {
		m    ParetoNBD
		s    Summary
		want float64
	}{
		{ParetoNBD{0.055, 0.7, 63, 311}, Summary{Age: 30}, -361.685202311235},
		{ParetoNBD{0.36, 5.1, 72, 258}, Summary{Repeats: 3, Last: 10, Age: 30}, -412.224834512347},
		{ParetoNBD{0.3, 5, 85, 200}, Summary{Age: 25}, -450.940713211582},
		{ParetoNBD{0.55, 10.6, 0.6, 11.7}, Summary{Repeats: 5, Last: 20, Age: 38}, -23.4761092129686},
		{ParetoNBD{0.5, 10, 2000, 9000}, Summary{Repeats: 1, Last: 3, Age: 39}, -18214.8301962284},
		{ParetoNBD{3, 400, 50, 2}, Summary{Repeats: 2, Last: 10, Age: 80}, -154.32909840546},
		{ParetoNBD{0.01, 0.1, 300, 10}, Summary{Age: 52}, -690.755126509144},
		{ParetoNBD{0.35, 6, 56, 438}, Summary{Repeats: 40, Last: 30, Age: 44}, -491.229097461726},
	} {
		require.InDelta(t, c.want, c.m.left(c.s), 1e-9, "%v %v", c.m, c.s)
	}
}

// The derivatives of likelihoods agree with differences; those of Pareto/NBD whichever of Alpha and Beta is smaller.
func TestSlopes(t *testing.T) {
	u := unroll([]Summary{
		{Age: 30, Count: 5},
		{Repeats: 2, Last: 10, Age: 39, Count: 2},
		{Repeats: 20, Last: 12, Age: 39, Count: 1},
		{Repeats: 3, Last: 20, Age: 20, Count: 1},
	})
	spends := []Spend{{Days: 1, Mean: 3}, {Days: 4, Mean: 20.5}, {Days: 11, Mean: 0.7}}
	for name, of := range map[string]func(p, slope []float64) float64{
		"NBD":         func(p, slope []float64) float64 { return NBD{p[0], p[1]}.total(u, slope) },
		"BG/NBD":      func(p, slope []float64) float64 { return BGNBD{p[0], p[1], p[2], p[3]}.total(u, slope) },
		"MBG/NBD":     func(p, slope []float64) float64 { return MBGNBD{p[0], p[1], p[2], p[3]}.total(u, slope) },
		"Pareto/NBD":  func(p, slope []float64) float64 { return ParetoNBD{p[0], p[1], p[2], p[3]}.total(u, slope) },
		"Gamma-Gamma": func(p, slope []float64) float64 { return GammaGamma{p[0], p[1], p[2]}.total(spends, slope) },
	} {
		for _, p := range [][]float64{{0.55, 10.6, 0.6, 11.7}, {0.55, 11.7, 0.6, 3}, {1.5, 2, 0.4, 20}, {0.3, 4.5, 60, 300}, {30, 60, 0.1, 0.8}} {
			got := make([]float64, 4)
			of(p, got)
			for i := range p {
				at := func(d float64) float64 {
					q := append([]float64(nil), p...)
					q[i] *= 1 + d
					return of(q, nil)
				}
				const d = 1e-5
				want := (at(d) - at(-d)) / (2 * d * p[i])
				require.InDelta(t, want, got[i], 1e-6*(1+math.Abs(want)), "%s %v, parameter %d", name, p, i)
			}
		}
	}
}

func TestDigamma(t *testing.T) {
	const euler = 0.57721566490153286
	for x, want := range map[float64]float64{
		1: -euler, 0.5: -euler - 2*math.Ln2, 0.25: -euler - math.Pi/2 - 3*math.Ln2, 1e-8: -1e8 - euler, 1e6: math.Log(1e6) - 0.5e-6,
	} {
		require.InEpsilon(t, want, digamma(x), 1e-12, "%v", x)
	}
}

// A likelihood is finite where the odds of having left are not.
func TestManyRepeatsLongAgo(t *testing.T) {
	rows := []Summary{{Repeats: 400, Last: 1, Age: 500, Count: 1}}
	for _, m := range []Model{BGNBD{0.3, 2, 0.8, 2.5}, MBGNBD{0.3, 2, 0.8, 2.5}, ParetoNBD{0.3, 2, 0.8, 2.5}} {
		require.False(t, math.IsInf(m.LogLikelihood(rows), 0) || math.IsNaN(m.LogLikelihood(rows)), m.Name())
		require.InDelta(t, 0, m.Alive(rows[0]), 1e-9, m.Name())
	}
}

// P(active) of Pareto/NBD agrees with the integral over time of its definition.
func TestParetoActive(t *testing.T) {
	m := ParetoNBD{0.55, 10.6, 0.6, 11.7}
	s := Summary{Repeats: 2, Last: 10, Age: 39}
	const n, weeks = 200_000, 39.0
	sum, k := 0.0, m.R+s.Repeats
	for i := range n {
		u := (float64(i) + 0.5) / n * weeks
		sum += k / (m.Alpha + s.Age + u) * math.Exp(-k*math.Log1p(u/(m.Alpha+s.Age))-m.S*math.Log1p(u/(m.Beta+s.Age)))
	}
	require.InEpsilon(t, m.Alive(s)*sum*weeks/n, m.Active(s, weeks), 1e-8)
}

func TestLogBeta(t *testing.T) {
	require.InEpsilon(t, math.Log(1.0/12), logBeta(2, 3), 1e-12)
	// B(a, b) ~ Γ(a)·b^−a for large b, where the plain difference of lgammas has lost all digits of a small a.
	require.InEpsilon(t, lgamma(0.5)-0.5*math.Log(1e12), logBeta(0.5, 1e12), 1e-10)
}
