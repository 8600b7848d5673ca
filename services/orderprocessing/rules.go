package orderprocessing

import (
	"errors"
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
}

// DefaultRules: pounds; a shipment slot after two hours, completion a day later.
func DefaultRules() Rules {
	return Rules{Currencies: []string{"GBP"}, ScheduleAfter: 2 * time.Hour, CompleteAfter: 24 * time.Hour}
}

// validate tells why rules cannot be worked by.
func (r Rules) validate() error {
	switch {
	case len(r.Currencies) == 0:
		return errors.New("rules: no currency is taken")
	case r.ScheduleAfter < 0 || r.CompleteAfter < 0:
		return errors.New("rules: a delay is below 0")
	}
	return nil
}
