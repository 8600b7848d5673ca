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
func (m MBGNBD) LogLikelihood(rows []Summary) float64 { return m.total(unroll(rows)) }

func (m MBGNBD) total(u *unrolled) float64 {
	logRising(u.rising, m.R)
	for x := range u.dropout { // ln B(a, b+x+1)/B(a, b)
		before := 0.0
		if x > 0 {
			before = u.dropout[x-1]
		}
		u.dropout[x] = before + math.Log((m.B+float64(x))/(m.A+m.B+float64(x)))
	}
	base := m.R * math.Log(m.Alpha)
	sum := 0.0
	for _, s := range u.rows {
		x := int(s.Repeats)
		ll := base + u.rising[x] + u.dropout[x] - (m.R+s.Repeats)*math.Log(m.Alpha+s.Age) + math.Log1p(math.Exp(m.odds(s)))
		sum += s.weight() * ll
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
		func(u *unrolled, p []float64) float64 { return MBGNBD{p[0], p[1], p[2], p[3]}.total(u) }).solve()
	m := MBGNBD{s.p[0], s.p[1], s.p[2], s.p[3]}
	return finish(s, m, rows, func() string { return betaFault(m.A, m.B) }), nil
}
