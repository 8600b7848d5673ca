package eshop

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rules are the choices an operator makes about the shop. The zero value is not usable; start from DefaultRules.
type Rules struct {
	// Currency that carts are in, ISO 4217. Products priced in another one have no price in a cart.
	Currency string
	// Gap is the longest pause within a visit.
	Gap time.Duration
	// Grace is how long after its end a visit is kept open for actions that come late.
	Grace time.Duration
	// AbandonAfter is the time without changes after which a cart counts as abandoned.
	AbandonAfter time.Duration
	// ForgetAfter is the time from then until the cart is forgotten.
	ForgetAfter time.Duration
	// MaxInFlight is how many actions the API takes that the brokers have not acknowledged; beyond it answers 429.
	MaxInFlight int
}

// DefaultRules are pounds, visits with pauses of up to 30 minutes, ten minutes for what comes late, and carts that are
// abandoned after an hour and forgotten after thirty days.
func DefaultRules() Rules {
	return Rules{
		Currency: "GBP", Gap: 30 * time.Minute, Grace: 10 * time.Minute, AbandonAfter: time.Hour,
		ForgetAfter: 30 * 24 * time.Hour, MaxInFlight: 20_000,
	}
}

// The environment variables that set the rules.
const (
	EnvCurrency     = "MESHWORK_ESHOP_CURRENCY"      // GBP
	EnvGap          = "MESHWORK_ESHOP_GAP"           // 30m
	EnvGrace        = "MESHWORK_ESHOP_GRACE"         // 10m
	EnvAbandonAfter = "MESHWORK_ESHOP_ABANDON_AFTER" // 1h
	EnvForgetAfter  = "MESHWORK_ESHOP_FORGET_AFTER"  // 720h
	EnvMaxInFlight  = "MESHWORK_ESHOP_MAX_IN_FLIGHT" // 20000
)

// RulesFrom reads the rules from environment variables; those that are not set take the default.
func RulesFrom(getenv func(string) string) (Rules, error) {
	r := DefaultRules()
	if text := strings.TrimSpace(getenv(EnvCurrency)); text != "" {
		r.Currency = text
	}
	var faults error
	for _, d := range []struct {
		name string
		into *time.Duration
	}{{EnvGap, &r.Gap}, {EnvGrace, &r.Grace}, {EnvAbandonAfter, &r.AbandonAfter}, {EnvForgetAfter, &r.ForgetAfter}} {
		text := getenv(d.name)
		if text == "" {
			continue
		}
		v, err := time.ParseDuration(text)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %q is not a duration such as 30m", d.name, text))
			continue
		}
		*d.into = v
	}
	if text := getenv(EnvMaxInFlight); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %q is not a number", EnvMaxInFlight, text))
		} else {
			r.MaxInFlight = n
		}
	}
	return r, errors.Join(faults, r.validate())
}

// validate tells why rules cannot be worked by.
func (r Rules) validate() error {
	switch {
	case len(r.Currency) != 3 || strings.ToUpper(r.Currency) != r.Currency:
		return fmt.Errorf("shop rules: %q is not a currency code such as GBP", r.Currency)
	case r.Gap < time.Second || r.Gap > 24*time.Hour:
		return fmt.Errorf("shop rules: a gap of %v is not between a second and a day", r.Gap)
	case r.Grace < 0 || r.AbandonAfter <= 0 || r.ForgetAfter <= 0:
		return errors.New("shop rules: a duration is not above 0")
	case r.MaxInFlight < 1:
		return fmt.Errorf("shop rules: %d actions in flight are too few", r.MaxInFlight)
	}
	return nil
}
