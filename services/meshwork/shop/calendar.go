package shop

import (
	"math/bits"
	"sort"
	"time"
)

// Times inside the simulator are milliseconds since Config.Start.
const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
	year   = 52 * week // the calendar repeats after 52 weeks, so that weekdays stay in step
)

// When people shop, in thousandths of the mean: hours of the day, weekdays from Monday, weeks of the year.
func hourWeights() [24]int64 {
	return [24]int64{
		250, 140, 90, 70, 80, 160, 380, 720, 1050, 1350, 1500, 1520, 1580, 1480, 1400, 1380, 1350, 1330, 1400, 1580, 1700, 1550,
		1020, 520,
	}
}

func dayWeights() [7]int64 { return [7]int64{1060, 1080, 1050, 1070, 980, 780, 980} }

func weekWeights() [52]int64 {
	var w [52]int64
	for i := range w {
		switch {
		case i < 4:
			w[i] = 850 // January
		case i < 36:
			w[i] = 920
		case i < 43:
			w[i] = 1100
		case i < 51:
			w[i] = 1450 // the weeks before Christmas
		default:
			w[i] = 700
		}
	}
	return w
}

// calendar converts between time and busy time, which passes faster when people shop: in busy time their visits are
// evenly spread. Over a year both pass alike.
type calendar struct {
	phase int64   // where in the year Start lies
	busy  []int64 // busy time at the beginning of each hour of the year, and at its end
}

func newCalendar(start time.Time, steady bool) *calendar {
	start = start.UTC()
	weekday := (int64(start.Weekday()) + 6) % 7
	weeks := min(int64(start.YearDay()-1)/7, 51)
	sinceMidnight := start.Sub(start.Truncate(24 * time.Hour)).Milliseconds()
	c := &calendar{phase: weeks*week + weekday*day + sinceMidnight, busy: make([]int64, year/hour+1)}
	hours, days, weeksOf := hourWeights(), dayWeights(), weekWeights()
	weight := func(h int64) uint64 {
		if steady {
			return 1
		}
		return uint64(hours[h%24] * days[h/24%7] * weeksOf[h/168])
	}
	var total uint64
	for h := range year / hour {
		total += weight(h)
	}
	var sum uint64
	for h := range year / hour {
		hi, lo := bits.Mul64(sum, uint64(year))
		share, _ := bits.Div64(hi, lo, total)
		c.busy[h] = int64(share)
		sum += weight(h)
	}
	c.busy[year/hour] = year
	return c
}

// toBusy is the busy time at t.
func (c *calendar) toBusy(t int64) int64 {
	t += c.phase
	y, r := t/year, t%year
	h := r / hour
	return y*year + c.busy[h] + (c.busy[h+1]-c.busy[h])*(r%hour)/hour
}

// toTime is the inverse of toBusy.
func (c *calendar) toTime(b int64) int64 {
	y, r := b/year, b%year
	h := sort.Search(len(c.busy)-1, func(i int) bool { return c.busy[i+1] > r })
	t := int64(h) * hour
	if width := c.busy[h+1] - c.busy[h]; width > 0 {
		t += (r - c.busy[h]) * hour / width
	}
	return y*year + t - c.phase
}
