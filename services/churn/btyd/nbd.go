package btyd

import "math"

// NBD is the model in which nobody leaves: purchases are Poisson with a gamma(R, Alpha) rate. It is what models of
// leaving must beat.
type NBD struct{ R, Alpha float64 }

// Name is "NBD".
func (NBD) Name() string { return "NBD" }

// Parameters are r and alpha.
func (m NBD) Parameters() []Parameter { return named([]string{"r", "alpha"}, m.R, m.Alpha) }

// LogLikelihood of customers, of the times of their purchases as in the other models.
func (m NBD) LogLikelihood(rows []Summary) float64 { return m.total(unroll(rows), nil) }

func (m NBD) total(u *unrolled, slope []float64) float64 {
	u.rate.fill(m.R)
	clear(slope)
	base := math.Log(m.Alpha)
	sum := 0.0
	for _, s := range u.rows {
		x, k, w := int(s.Repeats), m.R+s.Repeats, s.weight()
		age := m.Alpha + s.Age
		logAge := math.Log(age)
		sum += w * (m.R*base + u.rate.log[x] - k*logAge)
		if slope != nil {
			slope[0] += w * (u.rate.slope[x] + base - logAge)
			slope[1] += w * (m.R/m.Alpha - k/age)
		}
	}
	return sum
}

// Alive is 1.
func (NBD) Alive(Summary) float64 { return 1 }

// Active is the probability of a purchase day within t weeks.
func (m NBD) Active(s Summary, t float64) float64 { return buys(m.R, m.Alpha, s, t) }

// Expect is the expected number of purchase days within t weeks.
func (m NBD) Expect(s Summary, t float64) float64 { return (m.R + s.Repeats) / (m.Alpha + s.Age) * t }

// ExpectNew is the expected number of repeat purchase days of a new customer within t weeks.
func (m NBD) ExpectNew(t float64) float64 { return m.R / m.Alpha * t }

// FitNBD finds the parameters of greatest likelihood. The error tells that there are no customers.
func FitNBD(customers []Summary) (Fit[NBD], error) {
	rows := Collapse(customers)
	if len(rows) == 0 {
		return Fit[NBD]{}, errNoCustomers
	}
	s := timing(rows, []string{"r", "alpha"}, starts(rows, nil), func(p []float64) curve { return NBD{p[0], p[1]} }).solve()
	return finish(s, NBD{s.p[0], s.p[1]}, rows, nil), nil
}
