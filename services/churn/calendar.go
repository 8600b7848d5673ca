package churn

import (
	"time"

	"meshwork.dev/schemas"
)

// tradingZone is the zone whose calendar cuts days.
const tradingZone = "Europe/London"

// calendar cuts event time into days and refit periods.
type calendar struct {
	zone  *time.Location
	every int // days of a period
}

// epochMonday is the first Monday after 1970-01-01: weekly periods begin on Mondays.
const epochMonday = 4

// day is the trading day of a moment.
func (c calendar) day(at time.Time) schemas.Date { return schemas.DateOf(at.In(c.zone)) }

// period is the number of the period of a moment.
func (c calendar) period(at time.Time) int32 { return c.periodOf(c.day(at)) }

// periodOf is the number of the period of a day.
func (c calendar) periodOf(day schemas.Date) int32 {
	d := int(day) - epochMonday
	p := d / c.every
	if d%c.every < 0 {
		p--
	}
	return int32(p)
}

// cut is the first day after a period: what is fitted happened before it.
func (c calendar) cut(period int32) schemas.Date {
	return schemas.Date(epochMonday + (int(period)+1)*c.every)
}

// start is the first moment of a day.
func (c calendar) start(day schemas.Date) time.Time { return day.In(c.zone).UTC() }
