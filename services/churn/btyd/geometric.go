package btyd

import "math"

// betaGeometric is what BG/NBD and MBG/NBD share: after each of some purchases a customer leaves with a beta(a, b)
// probability. A customer with x repeats had x + first occasions to leave.
type betaGeometric struct {
	r, alpha, a, b float64
	first          int
}

// total is the log likelihood. Its derivatives by r, alpha, a and b go to slope, unless that is nil.
func (m betaGeometric) total(u *unrolled, slope []float64) float64 {
	u.rate.fill(m.r)
	u.stay.fill(m.b)
	u.either.fill(m.a + m.b)
	clear(slope)
	logAlpha := math.Log(m.alpha)
	sum := 0.0
	for _, s := range u.rows {
		x, k, w := int(s.Repeats), m.r+s.Repeats, s.weight()
		n := x + m.first
		age, last := m.alpha+s.Age, m.alpha+s.Last
		logAge := math.Log(age)
		stayed := u.stay.log[n] - u.either.log[n] // ln B(a, b+n)/B(a, b)
		ll := m.r*logAlpha + u.rate.log[x] + stayed - k*logAge
		passed, gone := 0.0, 0.0
		if n > 0 {
			passed = logAge - math.Log(last)
			odds := m.odds(n, k*passed)
			ll += logAdd(0, odds)
			gone = 1 / (1 + math.Exp(-odds))
			if slope != nil {
				slope[3] -= w * gone / (m.b + float64(n-1))
			}
		}
		sum += w * ll
		if slope != nil {
			slope[0] += w * (u.rate.slope[x] + logAlpha - logAge + gone*passed)
			slope[1] += w * (m.r/m.alpha - k/age + gone*k*(1/age-1/last))
			slope[2] += w * (gone/m.a - u.either.slope[n])
			slope[3] += w * (u.stay.slope[n] - u.either.slope[n])
		}
	}
	return sum
}

// odds is the logarithm of the odds of having left at the last of n occasions; quiet is how much less likely it is to have
// bought nothing since, for who stayed.
func (m betaGeometric) odds(n int, quiet float64) float64 {
	return math.Log(m.a/(m.b+float64(n-1))) + quiet
}

// alive is the probability that the customer has not left; 1 where there was no occasion.
func (m betaGeometric) alive(s Summary) float64 {
	n := int(s.Repeats) + m.first
	if n == 0 {
		return 1
	}
	return 1 / (1 + math.Exp(m.odds(n, (m.r+s.Repeats)*math.Log((m.alpha+s.Age)/(m.alpha+s.Last)))))
}
