package churn

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
)

// A fit looks at what is known when event time is a grace past its cut. What comes later than that makes it wrong in
// retrospect: an order that took long to complete, or in a replay at full speed, where a partition is weeks ahead of
// another, many of them. Such cuts are fitted again, with a later cut, in the order of time: the fit of a cut knows
// everything before it, so each cut after the day that changed is one of them. In the end fits are those of a batch over
// everything that came, whatever the order it came in.

const (
	// mostCuts is how many of the latest cuts are fitted again. What is later than that stays as it is.
	mostCuts = 26
	// fewCuts are fitted again with the next cut. More than that wait until a period brings nothing late, because what
	// is late by weeks is so in a replay, and more of it is about to come; but not longer than patience, in periods.
	fewCuts  = 2
	patience = 13
)

// due is when the cut at the end of a period is fitted.
func (f *fits) due(period int32) time.Time { return f.start(f.cut(period)).Add(f.grace) }

// dueAfter is when the first cut that is due after a moment is fitted.
func (f *fits) dueAfter(at time.Time) time.Time { return f.due(f.period(at.Add(-f.grace))) }

// changed notes that a day of the customer changed, if fits may have looked at it, and has the schedule look.
func (f *fits) changed(c sample, day schemas.Date, moved bool) {
	clock := c.StreamTime()
	if moved || f.due(f.periodOf(day)).After(clock) {
		return
	}
	due := f.dueAfter(clock)
	late := slices.DeleteFunc(c.State.Late, func(l churndetect.LateDay) bool {
		return l.Due.Before(due.AddDate(0, 0, -2*patience*f.every)) // seen to long ago
	})
	if n := len(late); n > 0 && late[n-1].Due.Equal(due) {
		late[n-1].Day = min(late[n-1].Day, day)
	} else {
		late = append(late, churndetect.LateDay{Day: day, Due: due})
	}
	c.State.Late = late
	c.TimerFor(scheduleKey, timerLook, due)
}

// look finds the earliest day that changed late since it looked last, and with it the cuts to be fitted again. When those
// are many, and more of the kind came of late, it leaves them for a later time.
func (f *fits) look(c sample, s *churndetect.FitSchedule, at time.Time) error {
	if !at.After(s.Looked) {
		return nil
	}
	var first schemas.Opt[schemas.Date]
	oldest, latest := at, s.Looked
	err := c.Range(func(_ string, r *churndetect.FitSample) bool {
		for _, l := range r.Late {
			if l.Due.After(s.Looked) && !l.Due.After(at) {
				first = schemas.Some(min(l.Day, first.Or(l.Day)))
				if l.Due.Before(oldest) {
					oldest = l.Due
				}
				latest = later(latest, l.Due)
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("look for late days: %w", err)
	}
	day, ok := first.Get()
	if !ok {
		s.Looked = at
		return nil
	}
	stale := len(s.Cuts)
	for stale > 0 && f.cut(s.Cuts[stale-1].Period) > day {
		stale--
	}
	coming := latest.After(at.AddDate(0, 0, -f.every))
	if len(s.Cuts)-stale > fewCuts && coming && oldest.After(at.AddDate(0, 0, -patience*f.every)) {
		c.Timer(timerLook, f.dueAfter(at))
		return nil
	}
	s.Looked = at
	if stale < len(s.Cuts) {
		p := s.Cuts[stale].Period
		s.Again = schemas.Some(min(p, s.Again.Or(p)))
	}
	return nil
}

// missed tells whether a period lies among those that are fitted again and was not fitted: nobody knew that it had an
// event.
func (f *fits) missed(s *churndetect.FitSchedule, period int32) bool {
	_, found := slices.BinarySearchFunc(s.Cuts, period, byPeriod)
	return !found && len(s.Cuts) > 0 && period > s.Cuts[0].Period
}

func byPeriod(c churndetect.FitCut, period int32) int { return cmp.Compare(c.Period, period) }

// next is the period whose cut is to be fitted now.
func (f *fits) next(s *churndetect.FitSchedule, at time.Time) (period int32, ok bool) {
	if p, ok := s.Again.Get(); ok {
		return p, true
	}
	if len(s.Pending) > 0 && !f.due(s.Pending[0]).After(at) {
		return s.Pending[0], true
	}
	return 0, false
}

// done notes the outcome of a fit, and goes on to what is next. revision is how many times the cut was fitted before.
func (f *fits) done(s *churndetect.FitSchedule, period int32, chosen schemas.Opt[string]) (revision int32) {
	at, found := slices.BinarySearchFunc(s.Cuts, period, byPeriod)
	if found {
		s.Cuts[at].Revision++
		s.Cuts[at].Chosen = chosen
	} else {
		s.Cuts = slices.Insert(s.Cuts, at, churndetect.FitCut{Period: period, Chosen: chosen})
	}
	revision = s.Cuts[at].Revision
	if again, ok := s.Again.Get(); ok && again == period {
		s.Again = schemas.None[int32]()
		if at+1 < len(s.Cuts) {
			s.Again = schemas.Some(s.Cuts[at+1].Period)
		}
	}
	if len(s.Pending) > 0 && s.Pending[0] == period {
		s.Pending = s.Pending[1:]
	}
	s.Fitted = max(s.Fitted, period)
	for len(s.Cuts) > mostCuts {
		if s.Cuts[0].Chosen.Valid {
			s.Before = schemas.Some(s.Cuts[0])
		}
		s.Cuts = s.Cuts[1:]
	}
	return revision
}

// inUse is the fit that scores customers from the end of a period on, and which revision of it: the latest that was
// chosen.
func inUse(s *churndetect.FitSchedule, period int32) (id schemas.Opt[string], revision int32) {
	for i := len(s.Cuts) - 1; i >= 0; i-- {
		if c := &s.Cuts[i]; c.Period <= period && c.Chosen.Valid {
			return c.Chosen, c.Revision
		}
	}
	if c, ok := s.Before.Get(); ok {
		return c.Chosen, c.Revision
	}
	return id, 0
}

// arm sets the timer of what is next: at once, while what is due by the last look is not done.
func (f *fits) arm(c sample, s *churndetect.FitSchedule) {
	if _, ok := f.next(s, s.Looked); ok {
		c.Timer(timerFit, s.Looked)
	} else if len(s.Pending) > 0 {
		c.Timer(timerFit, f.due(s.Pending[0]))
	}
}
