package shop_test

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
	shopc "meshwork.dev/schemas/shop"
	"meshwork.dev/services/churn/model"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/shop"
)

// The shop knows who has left for good; the models of the churn domain see purchases only. They tell well who comes back
// soon, with probabilities that can be believed. Who has left they tell better than the last purchase alone does, and far
// less well than somebody who knows how often each customer buys: who buys once a year is not missed for months.
func TestModelsFindWhoLeft(t *testing.T) {
	s := shop.New(shop.Config{Seed: 5, Customers: 2000, Products: 500, Steady: true})
	bought := map[string]map[schemas.Date]model.Day{}
	var first, last time.Time
	each(t, s, 900_000, func(m feed.Message) {
		if first.IsZero() {
			first = m.At
		}
		last = m.At
		if m.Action == nil || m.Action.Kind != shopc.ActionKindCheckout || !m.Action.CustomerID.Valid {
			return
		}
		id, day := m.Action.CustomerID.Value, schemas.DateOf(m.At)
		if bought[id] == nil {
			bought[id] = map[schemas.Date]model.Day{}
		}
		d := bought[id][day]
		bought[id][day] = model.Day{Day: int(day), Orders: d.Orders + 1, Value: d.Value + 20}
	})
	const horizon = 90
	end := int(schemas.DateOf(last)) - horizon
	var customers []model.Customer
	var stayed, came []bool
	var knowing []float64 // the probability that the customer is one still, by what is true of the customer
	for l := range s.GroundTruth() {
		days := slices.SortedFunc(maps.Values(bought[l.CustomerID]), func(a, b model.Day) int { return a.Day - b.Day })
		all := model.Customer{Days: days}
		c, ok := all.Before(end)
		if !ok {
			continue
		}
		customers = append(customers, c)
		stayed = append(stayed, l.Left.IsZero() || int(schemas.DateOf(l.Left)) > end)
		quiet := float64(end-c.Days[len(c.Days)-1].Day) / 7 // weeks
		knowing = append(knowing, 1/(1+l.LeaveAfter/(1-l.LeaveAfter)*math.Exp(l.WeeklyRate*quiet)))
		came = append(came, all.Bought(end, horizon))
	}
	o := model.DefaultOptions()
	o.Horizon = horizon
	fits := model.Train(customers, end, o)
	at := model.Select(fits)
	require.GreaterOrEqual(t, at, 0, "no fit is usable")
	var active, recency []float64
	for _, c := range customers {
		active = append(active, fits[at].Score(c, end).Active)
		recency = append(recency, float64(c.Days[len(c.Days)-1].Day))
	}
	soon := model.Judge(active, came)
	got, plain := model.AUC(active, stayed), model.AUC(recency, stayed)
	t.Logf("%d customers, %.0f days, %s: who left AUC %.3f, by recency alone %.3f, knowing rates %.3f; who came within %d days %+v",
		len(customers), last.Sub(first).Hours()/24, fits[at].Family, got, plain, model.AUC(knowing, stayed), horizon, soon)
	require.Greater(t, got, plain+0.04)
	require.Greater(t, soon.AUC, 0.88)
	require.Less(t, soon.ECE, 0.02)
}
