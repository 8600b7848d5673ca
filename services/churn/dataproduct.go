package churn

import (
	"fmt"
	"time"
	_ "time/tzdata" // trading days are local; not every system has zone files

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/churndetect"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
)

// Products declares the steps of Churn Detection, the one data product of the domain.
//
// watch raises pub.ecomm.churndetect.vip-negative-sentiment-detected.event.v1; activity keeps the history of every
// account, and puts those of one customer together; fits publishes pub.ecomm.churndetect.churn-model.state.v1; score publishes churn-score.state.v1 and, kept for
// ever, churn-score-history.event.v1. The error is that of rules that cannot be worked by, or that there is no zone data.
func Products(r Rules) ([]stream.Definition, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(tradingZone)
	if err != nil {
		return nil, fmt.Errorf("churn: trading days: %w", err)
	}
	cal := calendar{zone, r.RefitDays}
	w := &watch{negativeAt: r.NegativeAt, segments: stream.Lookup(customer.CustomerSegmentState)}
	mood := stream.Define(churndetect.CustomerMoodState, stream.Spec{
		Name:    "vip-watch",
		OnError: onError(),
		Uses:    []stream.Dep{w.segments},
		Emits:   []stream.TopicRef{churndetect.VipNegativeSentimentDetectedEvent},
	},
		stream.On(customerint.InteractionMadeEvent, w.heard),
		stream.On(customer.CustomerRoleState, w.identified),
	)
	a := &activity{calendar: cal}
	histories := stream.Define(churndetect.CustomerActivityState, stream.Spec{
		OnError: onError(),
		Emits:   []stream.TopicRef{churndetect.FitUpdateEvent, churndetect.HistorySharedEvent},
	},
		stream.On(stream.KeyBy(churndetect.PurchaseEvent,
			stream.From(orderproc.OrderCompletedEvent, a.completed)), a.purchase),
		stream.On(customerint.InteractionMadeEvent, a.contact),
		stream.On(stream.KeyBy(churndetect.ComplaintNotedEvent,
			stream.From(customerint.ComplaintHistoryState, noted)), a.complaint),
		stream.On(customer.CustomerRoleState, a.identified),
		stream.On(churndetect.HistorySharedEvent, a.shared),
	)
	f := &fits{calendar: cal, grace: r.Grace, options: r.Fit}
	models := stream.Define(churndetect.FitSampleState, stream.Spec{
		Name:    "churn-fits",
		OnError: onError(),
		Emits:   []stream.TopicRef{churndetect.ChurnModelState, churndetect.ScoreRefreshEvent},
	},
		stream.On(churndetect.FitUpdateEvent, f.update),
		stream.OnTimer(timerFit, f.fit),
		stream.OnTimer(timerLook, f.fit),
		stream.OnTimer(timerTell, f.tell),
	)
	s := &scores{
		calendar: cal,
		history:  stream.Join(churndetect.CustomerActivityState),
		models:   stream.Lookup(churndetect.ChurnModelState),
	}
	scored := stream.Define(churndetect.ChurnScoreState, stream.Spec{
		// A fit is published in one transaction with the news of it, but read on another way: wait for it.
		OnError: stream.Retry(12, 50*time.Millisecond).ThenDeadLetter(),
		Uses:    []stream.Dep{s.history, s.models},
		Emits:   []stream.TopicRef{churndetect.ChurnScoreHistoryEvent},
	},
		stream.On(churndetect.CustomerActivityState, s.acted),
		stream.OnTombstone(churndetect.CustomerActivityState, forget[churndetect.ChurnScore]),
		stream.On(churndetect.ScoreRefreshEvent, s.refresh),
	)
	return []stream.Definition{mood, histories, models, scored}, nil
}

// onError is the domain's policy: what cannot be used after a few tries is put aside with the reason, so that one bad
// event never holds up the others.
func onError() stream.Policy { return stream.Retry(3, 200*time.Millisecond).ThenDeadLetter() }

// forget removes the row of a customer who is gone.
func forget[V any](c *stream.Ctx[string, V]) error {
	if c.Exists() {
		c.Delete()
	}
	return nil
}
