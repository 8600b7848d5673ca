package orderprocessing

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Rules are the choices an operator makes about the life of orders. The zero value is not usable; start from
// DefaultRules.
type Rules struct {
	// Currencies that orders may be in, ISO 4217. The mesh reports in one currency, so there is normally one.
	Currencies []string
	// ScheduleAfter is the time from the acceptance of a sale until it gets its shipment slot.
	ScheduleAfter time.Duration
	// CompleteAfter is the time from then until the goods leave and the sale completes.
	CompleteAfter time.Duration
	// MatchWindow is how long before a credit note the sale it takes back may have been placed. Orders that arrive up
	// to as late are still matched.
	MatchWindow time.Duration
}

// DefaultRules are pounds; a shipment slot after two hours, completion a day later; matches 400 days back.
func DefaultRules() Rules {
	return Rules{
		Currencies: []string{"GBP"}, ScheduleAfter: 2 * time.Hour, CompleteAfter: 24 * time.Hour,
		MatchWindow: 400 * 24 * time.Hour,
	}
}

// The environment variables that set the rules.
const (
	EnvCurrencies    = "MESHWORK_ORDERS_CURRENCIES"     // separated by commas; GBP
	EnvScheduleAfter = "MESHWORK_ORDERS_SCHEDULE_AFTER" // such as 90m; 2h
	EnvCompleteAfter = "MESHWORK_ORDERS_COMPLETE_AFTER" // such as 36h; 24h
	EnvMatchWindow   = "MESHWORK_ORDERS_MATCH_WINDOW"   // such as 2160h; 9600h
)

// RulesFrom reads the rules from environment variables; those that are not set take the default.
func RulesFrom(getenv func(string) string) (Rules, error) {
	r := DefaultRules()
	if text := getenv(EnvCurrencies); text != "" {
		r.Currencies = nil
		for c := range strings.SplitSeq(text, ",") {
			r.Currencies = append(r.Currencies, strings.TrimSpace(c))
		}
	}
	var faults error
	for name, into := range map[string]*time.Duration{
		EnvScheduleAfter: &r.ScheduleAfter, EnvCompleteAfter: &r.CompleteAfter, EnvMatchWindow: &r.MatchWindow,
	} {
		text := getenv(name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %q is not a duration such as 2h30m", name, text))
			continue
		}
		*into = d
	}
	return r, errors.Join(faults, r.validate())
}

// validate tells why rules cannot be worked by.
func (r Rules) validate() error {
	if len(r.Currencies) == 0 {
		return errors.New("order rules: no currency is taken")
	}
	for _, c := range r.Currencies {
		if len(c) != 3 || strings.ToUpper(c) != c {
			return fmt.Errorf("order rules: %q is not a currency code such as GBP", c)
		}
	}
	if r.ScheduleAfter < 0 || r.CompleteAfter < 0 {
		return errors.New("order rules: a delay is below 0")
	}
	if r.MatchWindow <= 0 {
		return errors.New("order rules: the matching window is not above 0")
	}
	return nil
}
