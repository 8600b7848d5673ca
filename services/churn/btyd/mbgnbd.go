package btyd

import "math"

// MBGNBD is the modified BG/NBD model: as BGNBD, but a customer may also leave right after the first purchase.
type MBGNBD struct{ R, Alpha, A, B float64 }

// Name is "MBG/NBD".
func (MBGNBD) Name() string { return "MBG/NBD" }

// Parameters are r, alpha, a and b.
func (m MBGNBD) Parameters() []Parameter {
	return named([]string{"r", "alpha", "a", "b"}, m.R, m.Alpha, m.A, m.B)
}

// LogLikelihood of customers.
func (m MBGNBD) LogLikelihood(rows []Summary) float64 { return m.total(unroll(rows), nil) }

func (m MBGNBD) total(u *unrolled, slope []float64) float64 {
	u.rate.fill(m.R)
	u.stay.fill(m.B)
	u.either.fill(m.A + m.B)
	clear(slope)
	base := math.Log(m.Alpha)
	sum := 0.0
	for _, s := range u.rows {
		x, k, w := int(s.Repeats), m.R+s.Repeats, s.weight()
		age, last := m.Alpha+s.Age, m.Alpha+s.Last
		logAge := math.Log(age)
		passed := logAge - math.Log(last)
		more, gone := left(m.A/(m.B+s.Repeats), k*passed)
		sum += w * (m.R*base + u.rate.log[x] + u.stay.log[x+1] - u.either.log[x+1] - k*logAge + more)
		if slope == nil {
			continue
		}
		slope[0] += w * (u.rate.slope[x] + base - logAge + gone*passed)
		slope[1] += w * (m.R/m.Alpha - k/age + gone*k*(1/age-1/last))
		slope[2] += w * (gone/m.A - u.either.slope[x+1])
		slope[3] += w * (u.stay.slope[x+1] - u.either.slope[x+1] - gone/(m.B+s.Repeats))
	}
	return sum
}

// odds is the logarithm of the odds of having left.
func (m MBGNBD) odds(s Summary) float64 {
	return math.Log(m.A/(m.B+s.Repeats)) + (m.R+s.Repeats)*math.Log((m.Alpha+s.Age)/(m.Alpha+s.Last))
}

// Alive is the probability that the customer has not left.
func (m MBGNBD) Alive(s Summary) float64 { return 1 / (1 + math.Exp(m.odds(s))) }

// Active is the probability of a purchase day within t weeks.
func (m MBGNBD) Active(s Summary, t float64) float64 { return m.Alive(s) * buys(m.R, m.Alpha, s, t) }

// Expect is the expected number of purchase days within t weeks.
func (m MBGNBD) Expect(s Summary, t float64) float64 {
	return m.Alive(s) * untilLeft(m.A, m.B+s.Repeats+1, m.R+s.Repeats, m.Alpha+s.Age, t)
}

// ExpectNew is the expected number of repeat purchase days of a new customer within t weeks; the chance of leaving at
// once is in it.
func (m MBGNBD) ExpectNew(t float64) float64 {
	return m.B / (m.A + m.B) * untilLeft(m.A, m.B+1, m.R, m.Alpha, t)
}

// FitMBGNBD finds the parameters of greatest likelihood. The error tells that there are no customers.
func FitMBGNBD(customers []Summary) (Fit[MBGNBD], error) {
	rows := Collapse(customers)
	if len(rows) == 0 {
		return Fit[MBGNBD]{}, errNoCustomers
	}
	s := timing(rows, []string{"r", "alpha", "a", "b"}, starts(rows, [][2]float64{{0.5, 2}, {1, 1}, {0.05, 1}, {2, 8}}),
		func(p []float64) curve { return MBGNBD{p[0], p[1], p[2], p[3]} }).solve()
	m := MBGNBD{s.p[0], s.p[1], s.p[2], s.p[3]}
	return finish(s, m, rows, func() string { return betaFault(m.A, m.B) }), nil
}
