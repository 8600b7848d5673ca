package btyd

import (
	"fmt"
	"math"
)

// ParetoNBD is the Pareto/NBD model: purchases are Poisson with a gamma(R, Alpha) rate, and a customer's lifetime is
// exponential with a gamma(S, Beta) rate.
type ParetoNBD struct{ R, Alpha, S, Beta float64 }

// Name is "Pareto/NBD".
func (ParetoNBD) Name() string { return "Pareto/NBD" }

// Parameters are r, alpha, s and beta.
func (m ParetoNBD) Parameters() []Parameter {
	return named([]string{"r", "alpha", "s", "beta"}, m.R, m.Alpha, m.S, m.Beta)
}

// LogLikelihood of customers.
func (m ParetoNBD) LogLikelihood(rows []Summary) float64 { return m.total(unroll(rows), nil) }

// total's derivatives are by R, Alpha, S and Beta: what differs with a parameter under the integral is weighed by the
// integrand.
func (m ParetoNBD) total(u *unrolled, slope []float64) float64 {
	u.rate.fill(m.R)
	clear(slope)
	logAlpha, logBeta := math.Log(m.Alpha), math.Log(m.Beta)
	sum := 0.0
	for _, s := range u.rows {
		x, k, w := int(s.Repeats), m.R+s.Repeats, s.weight()
		busy, there := math.Log(m.Alpha+s.Age), math.Log(m.Beta+s.Age)
		stay := -k*busy - m.S*there
		t := m.tail(s)
		sum += w * (m.R*logAlpha + m.S*logBeta + u.rate.log[x] + logAdd(stay, t.left))
		if slope == nil {
			continue
		}
		gone := 1 / (1 + math.Exp(stay-t.left))
		here := 1 - gone
		slope[0] += w * (u.rate.slope[x] + logAlpha - here*busy - gone*t.logAlpha)
		slope[1] += w * (m.R/m.Alpha - k*(here/(m.Alpha+s.Age)+gone*t.perAlpha))
		slope[2] += w * (gone/m.S + logBeta - here*there - gone*t.logBeta)
		slope[3] += w * (m.S/m.Beta - here*m.S/(m.Beta+s.Age) - gone*(m.S+1)*t.perBeta)
	}
	return sum
}

// tail is an integral over the times at which a customer may have left, and means of functions of that time.
type tail struct {
	left              float64
	logAlpha, logBeta float64 // of ln(Alpha+y), ln(Beta+y)
	perAlpha, perBeta float64 // of 1/(Alpha+y), 1/(Beta+y)
}

func (m ParetoNBD) left(s Summary) float64 { return m.tail(s).left }

// tail's left is the logarithm of S·∫ (Alpha+y)^−(R+x)·(Beta+y)^−(S+1) dy from the last purchase to the end of observation.
//
// The textbook form is a difference of two hypergeometric functions, which cancel when the last purchase was recent.
// The integral has positive terms only. In the logarithm w of time, counted from the smaller of Alpha and Beta, the
// logarithm of the integrand is concave, so it is steepest at an end of the interval. Panels over which it changes by
// at most 6, and which are short against the distance π of its singularity from the real line, make the quadrature exact
// to ten digits.
func (m ParetoNBD) tail(s Summary) (out tail) {
	if s.Age <= s.Last {
		out.left = math.Inf(-1)
		return out
	}
	// near is the factor whose logarithm is the variable itself, far the other one.
	near, far := m.R+s.Repeats, m.S+1
	origin, other := m.Alpha, m.Beta
	if m.Beta < m.Alpha {
		near, far, origin, other = far, near, other, origin
	}
	apart := other - origin
	first := math.Log(origin + s.Last)
	width := math.Log1p((s.Age - s.Last) / (origin + s.Last))
	top := (1-near)*first - far*math.Log(other+s.Last)
	at := func(w float64) float64 { return (1-near)*w - far*math.Log(math.Exp(w)+apart) - top }
	slope := func(w float64) float64 { return 1 - near - far/(1+apart*math.Exp(-w)) }
	// What is below e^−40 of the part at the beginning may be left out. Newton's steps come from the right and, the
	// function being concave, do not pass the place.
	const rest = 40.0
	for range 40 {
		below := -rest - at(first+width)
		if below < 1 {
			break
		}
		width += below / slope(first+width)
	}
	panels := math.Ceil(max(math.Abs(slope(first)), math.Abs(slope(first+width)))*width/6 + width/4)
	h := width / panels
	var grown [len(gauss)]float64
	for i, g := range gauss {
		grown[i] = math.Exp(h * g[0])
	}
	var sum, logNear, logFar, perNear, perFar float64
	for p := range int(panels) {
		from := first + h*float64(p)
		time := math.Exp(from)
		for i, g := range gauss {
			w, closer := from+h*g[0], time*grown[i]
			farther := closer + apart
			log := math.Log(farther)
			part := g[1] * math.Exp((1-near)*w-far*log-top)
			sum += part
			logNear += part * w
			logFar += part * log
			perNear += part / closer
			perFar += part / farther
		}
	}
	out.left = math.Log(m.S) + top + math.Log(sum*h)
	out.logAlpha, out.logBeta, out.perAlpha, out.perBeta = logNear/sum, logFar/sum, perNear/sum, perFar/sum
	if m.Beta < m.Alpha {
		out.logAlpha, out.logBeta, out.perAlpha, out.perBeta = out.logBeta, out.logAlpha, out.perBeta, out.perAlpha
	}
	return out
}

// Alive is the probability that the customer has not left.
func (m ParetoNBD) Alive(s Summary) float64 {
	stay := -(m.R+s.Repeats)*math.Log(m.Alpha+s.Age) - m.S*math.Log(m.Beta+s.Age)
	return 1 / (1 + math.Exp(m.left(s)-stay))
}

// Active is the probability of a purchase day within t weeks. For somebody who is there, the first purchase comes
// before leaving and before t: ∫ (its density at u)·(still there at u) du, taken over the probability of no purchase
// yet, in which the integrand lies between 0 and 1.
func (m ParetoNBD) Active(s Summary, t float64) float64 {
	k, a, b := m.R+s.Repeats, m.Alpha+s.Age, m.Beta+s.Age
	logEnd := -k * math.Log1p(t/a)
	const panels = 4
	sum := 0.0
	for p := range panels {
		for _, g := range gauss {
			w := (float64(p) + g[0]) / panels
			logQ := math.Log1p(w * math.Expm1(logEnd))
			u := a * math.Expm1(-logQ/k)
			sum += g[1] / panels * math.Exp(-m.S*math.Log1p(u/b))
		}
	}
	return m.Alive(s) * -math.Expm1(logEnd) * sum
}

// Expect is the expected number of purchase days within t weeks.
func (m ParetoNBD) Expect(s Summary, t float64) float64 {
	return m.Alive(s) * whileThere(m.S, m.Beta+s.Age, (m.R+s.Repeats)/(m.Alpha+s.Age), t)
}

// ExpectNew is the expected number of repeat purchase days of a new customer within t weeks.
func (m ParetoNBD) ExpectNew(t float64) float64 { return whileThere(m.S, m.Beta, m.R/m.Alpha, t) }

// whileThere is rate times the expected time within t that a customer stays whose death rate is gamma(s, b).
func whileThere(s, b, rate, t float64) float64 {
	l := math.Log1p(t / b)
	if math.Abs(s-1)*l < 1e-12 {
		return rate * b * l
	}
	return rate * b * -math.Expm1(-(s-1)*l) / (s - 1)
}

// FitParetoNBD finds the parameters of greatest likelihood. The error tells that there are no customers.
func FitParetoNBD(customers []Summary) (Fit[ParetoNBD], error) {
	rows := Collapse(customers)
	if len(rows) == 0 {
		return Fit[ParetoNBD]{}, errNoCustomers
	}
	s := timing(rows, []string{"r", "alpha", "s", "beta"}, starts(rows, [][2]float64{{0.5, 10}, {1, 50}, {0.05, 20}}),
		func(p []float64) curve { return ParetoNBD{p[0], p[1], p[2], p[3]} }).solve()
	m := ParetoNBD{s.p[0], s.p[1], s.p[2], s.p[3]}
	return finish(s, m, rows, func() string {
		if rate := m.S / m.Beta; rate < leastDeathRate {
			return fmt.Sprintf("nobody ever leaves: %.2g leave per week on average (s %.3g, beta %.3g)", rate, m.S, m.Beta)
		}
		return ""
	}), nil
}
