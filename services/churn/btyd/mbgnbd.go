package btyd

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

func (m MBGNBD) total(u *unrolled, slope []float64) float64 { return m.geometric().total(u, slope) }

// geometric says that one may leave after the first purchase too.
func (m MBGNBD) geometric() betaGeometric { return betaGeometric{m.R, m.Alpha, m.A, m.B, 1} }

// Alive is the probability that the customer has not left.
func (m MBGNBD) Alive(s Summary) float64 { return m.geometric().alive(s) }

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
