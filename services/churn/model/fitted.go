package model

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"meshwork.dev/services/churn/btyd"
)

// Family is a kind of model.
type Family string

// The families.
const (
	FamilyBG       Family = "bg-nbd"
	FamilyMBG      Family = "mbg-nbd"
	FamilyPareto   Family = "pareto-nbd"
	FamilyLogistic Family = "logistic"
)

// Families are all of them, in the order in which they are fitted.
func Families() []Family { return []Family{FamilyBG, FamilyMBG, FamilyPareto, FamilyLogistic} }

// Fitted is one fit of one family.
type Fitted struct {
	Family     Family
	Parameters []Parameter
	// Horizon is the number of days its probabilities are about.
	Horizon int

	LogLikelihood float64
	Customers     int // it was fitted to
	Iterations    int
	Evaluations   int
	Starts        int
	Gradient      float64
	Condition     float64 // NaN where the curvature is not negative in all directions
	Converged     bool
	// Degenerate says why it is no use; empty where it is.
	Degenerate string
	// TaughtUntil is, for a regression, the day that divides what it knew from what it was taught to foretell.
	TaughtUntil int
	// Holdout is nil where there was not enough history for one.
	Holdout *Holdout
}

// Holdout is the quality of a fit of the same family made one horizon earlier.
type Holdout struct {
	Cut int // the last day that fit knew
	Quality
}

// Parameter is one number of a fit. A regression's weight has the mean and the scale of its feature.
type Parameter struct {
	Name          string
	Value, SE     float64 // SE is NaN where the curvature tells nothing
	Feature       bool
	Centre, Scale float64
}

// Driver is one reason behind a probability.
type Driver struct {
	Name string
	// Value is the customer's figure, as the name says.
	Value float64
	// Contribution to the log-odds of buying, against the average customer of the fit (regression) or a customer of the
	// same age without repeats (the others).
	Contribution float64
}

// Score is what a fit says about a customer.
type Score struct {
	Active  float64 // probability of a purchase within the horizon
	Drivers []Driver
}

// The names of drivers.
const (
	DriverRecency   = "recency"   // days since the last purchase day
	DriverFrequency = "frequency" // purchase days
	DriverValue     = "value"     // mean value of a purchase day, GBP
	DriverSentiment = "sentiment" // mean score of recent interactions
	DriverTenure    = "tenure"    // days since the first purchase day
)

// Score of a customer as of the end of the day end, which is not before any of the customer's days. It must not be asked
// of a degenerate fit.
func (f *Fitted) Score(c Customer, end int) Score {
	if f.Family == FamilyLogistic {
		return f.regress(c, end)
	}
	m, s := f.timing(), c.Summary(end)
	t := float64(f.Horizon) / btyd.DaysPerWeek
	p := m.Active(s, t)
	// From a newcomer with one purchase today, over the customer's age, to the purchases, to when the last one was:
	// each step changes one thing, so the steps add up.
	now := m.Active(btyd.Summary{}, t)
	aged := m.Active(btyd.Summary{Age: s.Age}, t)
	busy := m.Active(btyd.Summary{Repeats: s.Repeats, Last: s.Age, Age: s.Age}, t)
	if s.Repeats == 0 {
		busy = aged
	}
	first, last := c.Days[0].Day, c.Days[len(c.Days)-1].Day
	return Score{p, ordered([]Driver{
		{DriverTenure, float64(end - first), LogOdds(aged) - LogOdds(now)},
		{DriverFrequency, float64(len(c.Days)), LogOdds(busy) - LogOdds(aged)},
		{DriverRecency, float64(end - last), LogOdds(p) - LogOdds(busy)},
	})}
}

// active is Score's probability without its reasons, which cost several times as much.
func (f *Fitted) active(c Customer, end int) float64 {
	if f.Family == FamilyLogistic {
		return f.regress(c, end).Active
	}
	return f.timing().Active(c.Summary(end), float64(f.Horizon)/btyd.DaysPerWeek)
}

func (f *Fitted) regress(c Customer, end int) Score {
	var room [featureCount]float64
	x := features(room[:0], c, end)
	z := f.Parameters[0].Value
	var part [featureCount]float64
	for i, p := range f.Parameters[1:] {
		if p.Scale > 0 {
			part[i] = p.Value * (x[i] - p.Centre) / p.Scale
			z += part[i]
		}
	}
	value := 0.0
	for _, d := range c.Days {
		value += d.Value / float64(len(c.Days))
	}
	mood, _ := c.Sentiment(end)
	drivers := []Driver{
		{DriverRecency, float64(end - c.Days[len(c.Days)-1].Day), part[0]},
		{DriverFrequency, float64(len(c.Days)), part[1]},
		{DriverValue, value, part[2] + part[3] + part[4]},
	}
	if len(c.Contacts) > 0 {
		drivers = append(drivers, Driver{DriverSentiment, mood, part[5] + part[6]})
	}
	return Score{Chance(z), ordered(drivers)}
}

// ordered puts the strongest driver first.
func ordered(d []Driver) []Driver {
	slices.SortStableFunc(d, func(a, b Driver) int {
		return cmp.Compare(math.Abs(b.Contribution), math.Abs(a.Contribution))
	})
	return d
}

// timing is the model of package btyd with these parameters.
func (f *Fitted) timing() btyd.Model {
	p := f.Parameters
	switch f.Family {
	case FamilyMBG:
		return btyd.MBGNBD{R: p[0].Value, Alpha: p[1].Value, A: p[2].Value, B: p[3].Value}
	case FamilyPareto:
		return btyd.ParetoNBD{R: p[0].Value, Alpha: p[1].Value, S: p[2].Value, Beta: p[3].Value}
	default:
		return btyd.BGNBD{R: p[0].Value, Alpha: p[1].Value, A: p[2].Value, B: p[3].Value}
	}
}

// Check says why parameters do not make a fit of their family; fits that were read from somewhere are checked before
// they score.
func (f *Fitted) Check() error {
	want := 4
	switch f.Family {
	case FamilyBG, FamilyMBG, FamilyPareto:
	case FamilyLogistic:
		want = 1 + featureCount
	default:
		return fmt.Errorf("model: unknown family %q", f.Family)
	}
	if len(f.Parameters) != want || f.Horizon <= 0 {
		return fmt.Errorf("model: a %s with %d parameters and a horizon of %d days", f.Family, len(f.Parameters), f.Horizon)
	}
	for i, p := range f.Parameters {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || f.Family != FamilyLogistic && p.Value <= 0 ||
			f.Family == FamilyLogistic && i > 0 && p.Name != featureNames[i-1] {
			return fmt.Errorf("model: %s: parameter %s is %v", f.Family, p.Name, p.Value)
		}
	}
	return nil
}
