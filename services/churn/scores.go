package churn

import (
	"bytes"
	"fmt"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/churndetect"
)

// scores holds what the folds of scores need.
type scores struct {
	calendar
	history *stream.JoinTable[string, churndetect.CustomerActivity]
	models  *stream.LookupTable[string, churndetect.ChurnModel]
}

// score is what a fold about one customer's score works with.
type score = *stream.Ctx[string, churndetect.ChurnScore]

// acted scores a customer anew who did something, with the fit the customer was last told of. Who was never told of one
// will be, as soon as there is one.
func (s *scores) acted(c score, h churndetect.CustomerActivity) error {
	if !c.Exists() {
		return nil
	}
	if h.BelongsTo.Valid {
		c.Delete() // who it belongs to is scored
		return nil
	}
	return s.score(c, &h, c.State.ModelID, c.State.AsOf)
}

// refresh scores a customer by the fit of a cut.
func (s *scores) refresh(c score, r churndetect.ScoreRefresh) error {
	h, ok := s.history.Get(c, c.Key)
	if !ok || h.BelongsTo.Valid {
		return nil // removed meanwhile, or somebody else's
	}
	if m, ok := s.models.Get(c, r.ModelID); ok && m.Revision < r.Revision {
		return fmt.Errorf("revision %d of the fit %s is not here yet", r.Revision, r.ModelID)
	}
	return s.score(c, &h, r.ModelID, later(c.State.AsOf, r.AsOf))
}

// score gives the customer the score of a fit, as of the given time or the customer's latest event.
func (s *scores) score(c score, h *churndetect.CustomerActivity, modelID string, asOf time.Time) error {
	days, contacts := purchaseDays(h), contactDays(h)
	if len(days) == 0 { // never bought, or only under an account that is somebody else's now: nothing to foretell from
		return forget(c)
	}
	row, ok := s.models.Get(c, modelID)
	if !ok {
		return fmt.Errorf("the fit %s is not here yet", modelID)
	}
	if row.Degenerate {
		return nil // made again with more orders it is no use: the news of what takes its place is on its way
	}
	fit, err := fittedOf(&row)
	if err != nil {
		return stream.Reject(err)
	}
	asOf = later(asOf, h.Changed)
	end := int(s.day(asOf))
	if asOf.Equal(s.start(schemas.Date(end))) {
		end-- // the first moment of a day, such as a cut, ends the day before
	}
	m, ok := customerOf(days, contacts).Before(end)
	if !ok {
		return nil // everything the customer bought lies ahead: clocks differ
	}
	got := fit.Score(m, end)
	next := churndetect.ChurnScore{
		CustomerID: c.Key, ProbabilityActive: rounded(got.Active, 6), HorizonDays: row.HorizonDays, ModelID: modelID,
		PurchaseDays: int32(len(m.Days)), RecencyDays: int32(end - m.Days[len(m.Days)-1].Day), AsOf: asOf,
		OpenComplaints: int32(len(h.Complaints)),
	}
	for _, d := range got.Drivers {
		next.Drivers = append(next.Drivers, churndetect.ScoreDriver{
			Name: d.Name, Value: rounded(d.Value, 4), Contribution: rounded(d.Contribution, 4),
		})
	}
	if mood, ok := m.Sentiment(end); ok {
		next.Sentiment = schemas.Some(rounded(mood, 4))
	}
	if bytes.Equal(next.AppendAvro(nil), c.State.AppendAvro(nil)) {
		return nil // nothing new: neither a row nor history
	}
	c.State = next
	id := c.ID()
	stream.Emit(c, churndetect.ChurnScoreHistoryEvent, c.Key, churndetect.ChurnScoreHistory{
		Identity:   churndetect.Identity{EventID: id, IdempotenceID: id, Created: c.Time()},
		CustomerID: next.CustomerID, ProbabilityActive: next.ProbabilityActive, HorizonDays: next.HorizonDays,
		ModelID: next.ModelID, Drivers: next.Drivers, PurchaseDays: next.PurchaseDays, RecencyDays: next.RecencyDays,
		Sentiment: next.Sentiment, OpenComplaints: next.OpenComplaints, AsOf: next.AsOf,
	})
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
