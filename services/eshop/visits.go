package eshop

import (
	"slices"
	"strings"
	"time"

	"meshwork.dev/schemas/shop"
)

// visits makes the visits of one visitor out of actions, by the times they happened, and the figures of the pages that
// were seen. It changes a visitor's row and gathers what is to be published. Whatever order actions come in, the same
// ones give the same visits and the same sums of figures, as long as none comes after its visit was closed.
type visits struct {
	gap, grace time.Duration

	changed []shop.OpenVisit // to be published as they are now
	closed  []shop.OpenVisit // over now
	gone    []time.Time      // starts of visits that are no longer
	figures []shop.PageVisit // what changed in the figures of pages
}

// deed is what an action is to the visits.
type deed struct {
	at                           time.Time
	store                        string
	page                         string // the page that was come to; empty for other actions
	loggedIn, ordered, cartTouch bool
}

func (d *deed) mark(v *shop.OpenVisit) {
	v.Actions++
	v.LoggedIn = v.LoggedIn || d.loggedIn
	v.Ordered = v.Ordered || d.ordered
	v.CartAction = v.CartAction || d.cartTouch
}

// isLate says whether an action comes too late for any visit.
func isLate(row *shop.Visitor, at time.Time) bool { return !at.After(row.ClosedTo) }

// take puts an action that is not late into the visit it belongs to. It reports whether the first visit to be closed
// may be another one now, or closed earlier.
func (s *visits) take(row *shop.Visitor, d *deed) (rearm bool, err error) {
	n := len(row.Open)
	if n > 0 {
		if v := &row.Open[n-1]; s.prolongs(v, d) {
			if d.page != "" && len(v.Views) >= maxViews {
				return false, errTireless
			}
			s.prolong(row, v, d)
			return false, nil
		}
	}
	return s.insert(row, d)
}

// prolongs says whether an action comes last in the last visit: what nearly every action does.
func (s *visits) prolongs(v *shop.OpenVisit, d *deed) bool {
	if d.at.Before(v.End) || d.at.Sub(v.End) > s.gap {
		return false
	}
	n := len(v.Views)
	return d.page == "" || n == 0 || d.at.After(v.Views[n-1].At) || d.page >= v.Views[n-1].PageID
}

// prolong adds the action at the end. The page seen before it is now known to have been left.
func (s *visits) prolong(row *shop.Visitor, v *shop.OpenVisit, d *deed) {
	v.End = d.at
	d.mark(v)
	if n := len(v.Views); d.page != "" {
		if n > 0 {
			last := &v.Views[n-1]
			f := shop.PageVisit{
				PageID: last.PageID, Hour: hourOf(last.At), Views: 1, TimedViews: 1,
				TimeOnPage: d.at.Sub(last.At).Milliseconds(),
			}
			if n == 1 {
				f.Entries = 1
			}
			if !counted(row, f.PageID, f.Hour) {
				f.Visitors = 1
			}
			s.figures = append(s.figures, f)
		}
		v.Views = append(v.Views, shop.PageSeen{At: d.at, PageID: d.page})
	}
	s.changed = append(s.changed, *v)
}

// counted says whether a visitor counts for a page and hour already: by a view that has ended, or by a closed visit.
func counted(row *shop.Visitor, page string, hour time.Time) bool {
	for i := range row.Open {
		views := row.Open[i].Views
		for j := range views {
			w := &views[j]
			if (w.Again || j < len(views)-1) && w.PageID == page && hourOf(w.At).Equal(hour) {
				return true
			}
		}
	}
	return false
}

// insert puts an action anywhere else: into a visit of its own, into the middle of one, or between two that it joins.
func (s *visits) insert(row *shop.Visitor, d *deed) (rearm bool, err error) {
	before := sums(row)
	one := shop.OpenVisit{Start: d.at, End: d.at, Store: d.store}
	d.mark(&one)
	if d.page != "" {
		one.Views = []shop.PageSeen{{At: d.at, PageID: d.page}}
	}
	from := 0
	for from < len(row.Open) && d.at.Sub(row.Open[from].End) > s.gap {
		from++
	}
	to := from
	for to < len(row.Open) && row.Open[to].Start.Sub(d.at) <= s.gap {
		to++
	}
	known := slices.Clone(row.Open[from:to])
	for i := range known {
		one = join(known[i], one)
	}
	if len(one.Views) > maxViews {
		return false, errTireless
	}
	for i := range known {
		if !known[i].Start.Equal(one.Start) {
			s.gone = append(s.gone, known[i].Start)
		}
	}
	row.Open = slices.Replace(row.Open, from, to, one)
	for i := range row.Open {
		first := i == 0 && row.Visits == 0
		if i == from || row.Open[i].First != first {
			row.Open[i].First = first
			s.changed = append(s.changed, row.Open[i])
		}
	}
	s.difference(before, sums(row))
	return from == 0, nil
}

// join makes one visit of two.
func join(known, other shop.OpenVisit) shop.OpenVisit {
	out := other
	if !known.Start.After(out.Start) {
		out.Start, out.Store = known.Start, known.Store
	}
	if known.End.After(out.End) {
		out.End = known.End
	}
	out.Actions += known.Actions
	out.LoggedIn = out.LoggedIn || known.LoggedIn
	out.Ordered = out.Ordered || known.Ordered
	out.CartAction = out.CartAction || known.CartAction
	out.Views = slices.Concat(known.Views, other.Views)
	slices.SortStableFunc(out.Views, func(a, b shop.PageSeen) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.PageID, b.PageID)
	})
	return out
}

// closing is when a visit is closed. It stays open until its last hour is over, so that a second visit in that hour
// still finds what the visitor has seen in it.
func (s *visits) closing(v *shop.OpenVisit) time.Time {
	over := v.End.Add(s.gap)
	if hour := hourOf(v.End).Add(time.Hour); hour.After(over) {
		over = hour
	}
	return over.Add(s.grace)
}

// close ends the visits whose time has come. next is when the first of those left is to be closed.
func (s *visits) close(row *shop.Visitor, now time.Time) (next time.Time, more bool) {
	for len(row.Open) > 0 {
		v := row.Open[0]
		if at := s.closing(&v); at.After(now) {
			return at, true
		}
		s.settle(row, &v)
		row.Open = slices.Delete(row.Open, 0, 1)
		row.Visits++
		if until := v.End.Add(s.gap); until.After(row.ClosedTo) {
			row.ClosedTo = until
		}
		s.closed = append(s.closed, v)
	}
	return time.Time{}, false
}

// settle counts the last page of a visit that is over, and makes the open ones remember what the visitor counts for.
func (s *visits) settle(row *shop.Visitor, v *shop.OpenVisit) {
	n := len(v.Views)
	if n == 0 {
		return
	}
	last := &v.Views[n-1]
	f := shop.PageVisit{PageID: last.PageID, Hour: hourOf(last.At), Views: 1, Exits: 1}
	if n == 1 {
		f.Entries, f.Bounces = 1, 1
	}
	if !counted(row, f.PageID, f.Hour) {
		f.Visitors = 1
	}
	s.figures = append(s.figures, f)
	for i := range row.Open[1:] {
		views := row.Open[i+1].Views
		for j := range views {
			for k := range v.Views {
				w := &v.Views[k]
				if w.PageID == views[j].PageID && hourOf(w.At).Equal(hourOf(views[j].At)) {
					views[j].Again = true
				}
			}
		}
	}
}

// pageHour names a row of figures.
type pageHour struct {
	page string
	hour int64
}

// sums are the figures of all views of open visits that have ended.
func sums(row *shop.Visitor) map[pageHour]shop.PageVisit {
	out := map[pageHour]shop.PageVisit{}
	again := map[pageHour]bool{}
	for i := range row.Open {
		views := row.Open[i].Views
		for j := range views {
			w := &views[j]
			k := pageHour{w.PageID, hourOf(w.At).UnixMilli()}
			again[k] = again[k] || w.Again
			if j == len(views)-1 {
				continue
			}
			f := out[k]
			f.Views++
			f.TimedViews++
			f.TimeOnPage += views[j+1].At.Sub(w.At).Milliseconds()
			if j == 0 {
				f.Entries++
			}
			f.Visitors = 1
			out[k] = f
		}
	}
	for k, f := range out {
		if again[k] {
			f.Visitors = 0
			out[k] = f
		}
	}
	return out
}

// difference gathers what makes the figures before those after, in the order of their keys.
func (s *visits) difference(before, after map[pageHour]shop.PageVisit) {
	var keys []pageHour
	for k := range before {
		keys = append(keys, k)
	}
	for k := range after {
		if _, ok := before[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b pageHour) int {
		if c := strings.Compare(a.page, b.page); c != 0 {
			return c
		}
		return int(min(max(a.hour-b.hour, -1), 1))
	})
	for _, k := range keys {
		a, b := before[k], after[k]
		if a == b {
			continue
		}
		s.figures = append(s.figures, shop.PageVisit{
			PageID: k.page, Hour: time.UnixMilli(k.hour).UTC(), Views: b.Views - a.Views, Visitors: b.Visitors - a.Visitors,
			Entries: b.Entries - a.Entries, Exits: b.Exits - a.Exits, Bounces: b.Bounces - a.Bounces,
			TimedViews: b.TimedViews - a.TimedViews, TimeOnPage: b.TimeOnPage - a.TimeOnPage,
		})
	}
}

func hourOf(t time.Time) time.Time { return t.Truncate(time.Hour) }
