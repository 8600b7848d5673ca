package churn

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"meshwork.dev/services/churn/model"
)

// Rules are the choices an operator makes. The zero value is not usable; start from DefaultRules.
type Rules struct {
	// NegativeAt is the sentiment score at or below which an interaction is negative, -1 to 1.
	NegativeAt float64
	// RefitDays is the length of a period: the days from one cut to the next.
	RefitDays int
	// Grace is how long after a cut, in event time, it is fitted. Orders that are known later than that miss the fit.
	Grace time.Duration
	// Fit are the options of fits.
	Fit model.Options
}

// DefaultRules are: negative from -0.05 down; a fit a week, two days after its cut; a horizon of 90 days.
func DefaultRules() Rules {
	o := model.DefaultOptions()
	return Rules{NegativeAt: -0.05, RefitDays: 7, Grace: 48 * time.Hour, Fit: o}
}

// The environment variables that set the rules.
const (
	EnvNegativeAt     = "MESHWORK_CHURN_NEGATIVE_AT"     // -1 to 1; -0.05
	EnvRefitDays      = "MESHWORK_CHURN_REFIT_DAYS"      // days; 7
	EnvGrace          = "MESHWORK_CHURN_GRACE"           // such as 72h; 48h
	EnvHorizonDays    = "MESHWORK_CHURN_HORIZON_DAYS"    // days; 90
	EnvLeastCustomers = "MESHWORK_CHURN_LEAST_CUSTOMERS" // customers that a fit needs; 100
)

// RulesFrom reads the rules from environment variables; those that are not set take the default. The error names all
// that cannot be read.
func RulesFrom(getenv func(string) string) (Rules, error) {
	r := DefaultRules()
	var faults error
	whole := func(name string, into *int) {
		if text := getenv(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				faults = errors.Join(faults, fmt.Errorf("%s: %q is not a whole number", name, text))
				return
			}
			*into = n
		}
	}
	whole(EnvRefitDays, &r.RefitDays)
	whole(EnvHorizonDays, &r.Fit.Horizon)
	whole(EnvLeastCustomers, &r.Fit.LeastCustomers)
	if text := getenv(EnvNegativeAt); text != "" {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %q is not a number", EnvNegativeAt, text))
		}
		r.NegativeAt = v
	}
	if text := getenv(EnvGrace); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %q is not a duration such as 48h", EnvGrace, text))
		}
		r.Grace = d
	}
	return r, errors.Join(faults, r.validate())
}

// validate tells why rules cannot be worked by.
func (r Rules) validate() error {
	var faults error
	fault := func(bad bool, why string) {
		if bad {
			faults = errors.Join(faults, errors.New("churn rules: "+why))
		}
	}
	fault(!(r.NegativeAt >= -1 && r.NegativeAt <= 1), "the score of negative interactions is not within -1 to 1")
	fault(r.RefitDays < 1, "the days between fits are below 1")
	fault(r.Grace < 0, "the grace is below 0")
	fault(r.Fit.Horizon < 1, "the horizon is below 1 day")
	fault(r.Fit.LeastCustomers < 1, "fits need at least 1 customer")
	fault(r.Fit.Sample < r.Fit.LeastCustomers, "the sample is smaller than what a fit needs")
	return faults
}
