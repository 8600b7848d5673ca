package stream

import (
	"fmt"
	"time"
)

// Window is a span of event time: from Start, inclusive, to End, exclusive.
type Window struct{ Start, End time.Time }

// Windows says how a product cuts event time. The zero value means no windows.
type Windows struct {
	kind  windowKind
	size  int64 // milliseconds; the gap of a session
	hop   int64
	grace int64
	zone  string
	loc   *time.Location
	err   error
}

type windowKind uint8

const (
	noWindow windowKind = iota
	fixedWindow
	sessionWindow
	hourWindow
	dayWindow
	weekWindow
	monthWindow
)

// Tumbling windows have one length and follow each other from 1970-01-01 UTC.
func Tumbling(size time.Duration) Windows { return Hopping(size, size) }

// Hopping windows have one length and start every hop, so that a record falls
// into size/hop of them.
func Hopping(size, hop time.Duration) Windows {
	w := Windows{kind: fixedWindow, size: size.Milliseconds(), hop: hop.Milliseconds()}
	if w.size <= 0 || w.hop <= 0 || w.hop > w.size {
		w.err = fmt.Errorf("window of %v every %v: both must be at least 1 ms, and the hop no longer than the window", size, hop)
	}
	return w
}

// Session windows hold records of one key that are no further apart than gap.
// A product with sessions needs [OnMerge], because a record may join two.
func Session(gap time.Duration) Windows {
	w := Windows{kind: sessionWindow, size: gap.Milliseconds()}
	if w.size <= 0 {
		w.err = fmt.Errorf("session gap of %v: must be at least 1 ms", gap)
	}
	return w
}

// Hourly windows are the hours of the clocks in zone, an IANA name such as
// "Europe/London".
func Hourly(zone string) Windows { return calendar(hourWindow, zone) }

// Daily windows are the calendar days in zone, 23 to 25 hours long.
func Daily(zone string) Windows { return calendar(dayWindow, zone) }

// Weekly windows are the weeks in zone, from Monday.
func Weekly(zone string) Windows { return calendar(weekWindow, zone) }

// Monthly windows are the calendar months in zone.
func Monthly(zone string) Windows { return calendar(monthWindow, zone) }

func calendar(kind windowKind, zone string) Windows {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		err = fmt.Errorf("calendar windows: %w", err)
	}
	return Windows{kind: kind, zone: zone, loc: loc, err: err}
}

// Grace keeps a window open for d after its end, for records that come late.
func (w Windows) Grace(d time.Duration) Windows { w.grace = max(d.Milliseconds(), 0); return w }

// String is the windows in words, as describe prints them.
func (w Windows) String() string {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	var s string
	switch w.kind {
	case noWindow:
		return "none"
	case fixedWindow:
		if s = fmt.Sprintf("tumbling %v", ms(w.size)); w.hop != w.size {
			s = fmt.Sprintf("hopping %v every %v", ms(w.size), ms(w.hop))
		}
	case sessionWindow:
		s = fmt.Sprintf("session, gap %v", ms(w.size))
	default:
		s = [...]string{hourWindow: "hourly", dayWindow: "daily", weekWindow: "weekly", monthWindow: "monthly"}[w.kind] + " " + w.zone
	}
	return s + fmt.Sprintf(", grace %v", ms(w.grace))
}

// span is a window in milliseconds since 1970.
type span struct{ start, end int64 }

func (s span) window() Window {
	return Window{time.UnixMilli(s.start).UTC(), time.UnixMilli(s.end).UTC()}
}

// assign appends the windows that hold the time, oldest first; not for sessions.
func (w *Windows) assign(dst []span, at int64) []span {
	if w.kind == fixedWindow {
		last := at - floorMod(at, w.hop)
		for start := last - (w.size-1)/w.hop*w.hop; start <= last; start += w.hop {
			if start+w.size > at {
				dst = append(dst, span{start, start + w.size})
			}
		}
		return dst
	}
	return append(dst, w.period(at))
}

// period is the calendar window that holds the time. The start of a day that
// begins with a clock change is the first instant of that day.
func (w *Windows) period(at int64) span {
	t := time.UnixMilli(at).In(w.loc)
	if w.kind == hourWindow {
		_, offset := t.Zone()
		start := at - floorMod(at+int64(offset)*1000, 3_600_000)
		return span{start, start + 3_600_000}
	}
	y, m, d := t.Date()
	n := 1
	switch w.kind {
	case weekWindow:
		d, n = d-(int(t.Weekday())+6)%7, 7
	case monthWindow:
		return span{w.midnight(y, m, 1), w.midnight(y, m+1, 1)}
	default: // a day
	}
	return span{w.midnight(y, m, d), w.midnight(y, m, d+n)}
}

// midnight is the first instant of a day in the zone. Where clocks skip or
// repeat midnight, time.Date may give an instant on either side of it.
func (w *Windows) midnight(y int, m time.Month, d int) int64 {
	t := time.Date(y, m, d, 0, 0, 0, 0, w.loc)
	noon := time.Date(y, m, d, 12, 0, 0, 0, w.loc)
	for t.Day() != noon.Day() { // skipped: time.Date fell back into the day before
		t = t.Add(30 * time.Minute)
	}
	for { // repeated: the first one counts
		before := t.Add(-time.Hour)
		if before.Day() != noon.Day() {
			return t.UnixMilli()
		}
		t = before
	}
}

// endOf is the end of the window that starts at start; not for sessions.
func (w *Windows) endOf(start int64) int64 {
	if w.kind == fixedWindow {
		return start + w.size
	}
	return w.period(start).end
}

func floorMod(a, b int64) int64 {
	if m := a % b; m < 0 {
		return m + b
	}
	return a % b
}
