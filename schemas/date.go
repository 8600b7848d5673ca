package schemas

import (
	"errors"
	"fmt"
	"time"
)

// Date is a calendar day without a zone: days since 1970-01-01, Avro's date. Its text is year-month-day, such as
// 2011-12-09, so texts of the years 0000 to 9999 sort as the days do.
type Date int32

// ErrDate is returned for text that is not a day.
var ErrDate = errors.New("not a date (YYYY-MM-DD)")

const secondsPerDay = 24 * 60 * 60

// DateOf is the calendar day of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return NewDate(y, m, d)
}

// NewDate is the given day; days and months outside their usual ranges are normalised as time.Date does.
func NewDate(year int, month time.Month, day int) Date {
	return Date(floorDiv(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), secondsPerDay))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Time is the day's midnight in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// In is the start of the day in a location: its midnight, or the first moment of the day where clocks skip it.
func (d Date) In(loc *time.Location) time.Time {
	y, m, day := d.Time().Date()
	t := time.Date(y, m, day, 0, 0, 0, 0, loc)
	if t.Day() == day {
		return t
	}
	// t is of the day before, so the clocks are set forward between t and an hour that exists.
	_, next := t.ZoneBounds()
	return next
}

// AddDays is the day n days later.
func (d Date) AddDays(n int) Date { return d + Date(n) }

// Append appends the text of d.
func (d Date) Append(dst []byte) []byte {
	y, m, day := d.Time().Date()
	if y < 0 || y > 9999 {
		return fmt.Appendf(dst, "%+05d-%02d-%02d", y, int(m), day)
	}
	return append(dst,
		byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+int(m)/10), byte('0'+int(m)%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// String is the text of d.
func (d Date) String() string { return string(d.Append(nil)) }

// ParseDate reads what String writes for the years 0000 to 9999.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, ErrDate)
	}
	return NewDate(t.Date()), nil
}

// MarshalText writes the text of d.
func (d Date) MarshalText() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalText reads what ParseDate accepts.
func (d *Date) UnmarshalText(b []byte) error {
	v, err := ParseDate(string(b))
	if err == nil {
		*d = v
	}
	return err
}
