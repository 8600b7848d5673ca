package model

import (
	"slices"

	"meshwork.dev/services/churn/btyd"
)

// Day is a day with purchases.
type Day struct {
	Day    int     // days since 1970-01-01
	Orders int     // orders placed on it
	Value  float64 // what they were worth; a feature, not a booking, hence a float
}

// Contact is a day with interactions.
type Contact struct {
	Day       int
	Count     int
	Sentiment float64 // sum of the scores
}

// Customer is what models know of somebody. Days and Contacts ascend, each day once.
type Customer struct {
	Days     []Day
	Contacts []Contact
}

// Before is the customer as of the end of the day end: nothing later is left. ok is false when no purchase is.
func (c Customer) Before(end int) (Customer, bool) {
	c.Days = c.Days[:until(c.Days, end, func(d Day) int { return d.Day })]
	c.Contacts = c.Contacts[:until(c.Contacts, end, func(d Contact) int { return d.Day })]
	return c, len(c.Days) > 0
}

// Bought says whether the customer bought within horizon days after the day end.
func (c Customer) Bought(end, horizon int) bool {
	i := until(c.Days, end, func(d Day) int { return d.Day })
	return i < len(c.Days) && c.Days[i].Day <= end+horizon
}

// Summary is the customer for the models of package btyd, as of the end of the day end, which is not before any of the
// customer's days.
func (c Customer) Summary(end int) btyd.Summary {
	first, last := c.Days[0].Day, c.Days[len(c.Days)-1].Day
	return btyd.Summary{
		Repeats: float64(len(c.Days) - 1),
		Last:    float64(last-first) / btyd.DaysPerWeek,
		Age:     float64(end-first) / btyd.DaysPerWeek,
		Count:   1,
	}
}

// until is the number of days up to and including end.
func until[D any](days []D, end int, day func(D) int) int {
	n, _ := slices.BinarySearchFunc(days, end+1, func(d D, at int) int { return day(d) - at })
	return n
}
