package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/churn/model"
)

func TestMetrics(t *testing.T) {
	p := []float64{0.1, 0.4, 0.35, 0.8}
	came := []bool{false, false, true, true}
	require.InDelta(t, 0.75, model.AUC(p, came), 1e-12)
	require.InDelta(t, (0.01+0.16+0.4225+0.04)/4, model.Brier(p, came), 1e-12)
	require.InDelta(t, (0.1+0.4+0.65+0.2)/4, model.ECE(p, came, 10), 1e-12)
	require.InDelta(t, 0.5, model.AUC([]float64{1, 1, 1, 1}, came), 1e-12, "ties count half")
	require.True(t, math.IsNaN(model.AUC(p, []bool{true, true, true, true})))
	require.InDelta(t, 0, model.ECE([]float64{1, 0}, []bool{true, false}, 10), 1e-12, "1 is in the last bin")
}

// shop draws customers who buy now and then and leave some day; who complains leaves sooner.
func shop(n, until int) []model.Customer {
	rnd := rand.New(rand.NewPCG(5, 6))
	out := make([]model.Customer, n)
	for i := range out {
		c := &out[i]
		rate := 0.01 + 0.05*rnd.Float64()
		day, moody := rnd.IntN(until), rnd.Float64() < 0.3
		for ; day < until; day += 1 + int(rnd.ExpFloat64()/rate) {
			c.Days = append(c.Days, model.Day{Day: day, Orders: 1, Value: 10 + 90*rnd.Float64()})
			leaves := 0.08
			if moody && rnd.Float64() < 0.5 {
				c.Contacts = append(c.Contacts, model.Contact{Day: day, Count: 1, Sentiment: -0.6})
				leaves = 0.8
			}
			if rnd.Float64() < leaves {
				break
			}
		}
		if len(c.Days) == 0 {
			c.Days = []model.Day{{Day: until - 1, Orders: 1, Value: 5}}
		}
	}
	return out
}

func TestTrain(t *testing.T) {
	const end = 360
	customers := shop(1500, 460)
	o := model.DefaultOptions()
	fits := model.Train(customers, end, o)
	require.Len(t, fits, 4)
	chosen := model.Select(fits)
	require.GreaterOrEqual(t, chosen, 0)
	for _, f := range fits {
		require.Empty(t, f.Degenerate, f.Family)
		require.True(t, f.Converged, f.Family)
		require.NoError(t, f.Check())
		require.NotNil(t, f.Holdout, f.Family)
		require.Equal(t, end-o.Horizon, f.Holdout.Cut)
		require.GreaterOrEqual(t, f.Holdout.Brier, fits[chosen].Holdout.Brier)
		require.Greater(t, f.Holdout.AUC, 0.6, f.Family)
		if f.Family == model.FamilyLogistic {
			require.Equal(t, end-o.Horizon, f.TaughtUntil)
			for _, p := range f.Parameters {
				if p.Name == "sentiment" {
					require.Greater(t, p.Value, 0.0, "a good mood speaks for coming back")
				}
			}
		}
	}
	// What comes after the cut does not matter.
	blind := make([]model.Customer, 0, len(customers))
	for _, c := range customers {
		if b, ok := c.Before(end); ok {
			blind = append(blind, b)
		}
	}
	for _, family := range []model.Family{model.FamilyBG, model.FamilyLogistic} {
		seeing, err := model.Fit(family, customers, end, o)
		require.NoError(t, err)
		again, err := model.Fit(family, blind, end, o)
		require.NoError(t, err)
		require.Equal(t, seeing, again)
	}
}

// Drivers add up to the distance of a customer's log-odds from where they start, and the score is a function of the
// published numbers.
func TestDriversAddUp(t *testing.T) {
	const end = 360
	customers := shop(600, end)
	for _, f := range model.Train(customers, end, model.DefaultOptions()) {
		var start float64
		for i, c := range customers[:200] {
			s := f.Score(c, end)
			require.True(t, s.Active > 0 && s.Active < 1)
			sum := 0.0
			for k, d := range s.Drivers {
				sum += d.Contribution
				if k > 0 {
					require.LessOrEqual(t, math.Abs(d.Contribution), math.Abs(s.Drivers[k-1].Contribution), "strongest first")
				}
			}
			base := model.LogOdds(s.Active) - sum
			if len(c.Contacts) == 0 && f.Family == model.FamilyLogistic {
				continue // the part of sentiment is the same for all of them and not told
			}
			if start == 0 {
				start = base
			}
			require.InDelta(t, start, base, 1e-6, "%s, customer %d", f.Family, i)
		}
	}
}

func TestSelect(t *testing.T) {
	fit := func(family model.Family, brier, ll float64, why string) *model.Fitted {
		f := &model.Fitted{Family: family, LogLikelihood: ll, Degenerate: why}
		if brier > 0 {
			f.Holdout = &model.Holdout{Quality: model.Quality{Brier: brier}}
		}
		return f
	}
	require.Equal(t, -1, model.Select(nil))
	require.Equal(t, -1, model.Select([]*model.Fitted{fit(model.FamilyBG, 0.1, -5, "nobody leaves")}))
	require.Equal(t, 1, model.Select([]*model.Fitted{fit(model.FamilyBG, 0.1, -5, "nobody leaves"), fit(model.FamilyMBG, 0.2, -9, "")}))
	require.Equal(t, 2, model.Select([]*model.Fitted{fit(model.FamilyBG, 0.3, -5, ""), fit(model.FamilyMBG, 0, -1, ""), fit(model.FamilyLogistic, 0.2, -9, "")}))
	require.Equal(t, 1, model.Select([]*model.Fitted{fit(model.FamilyBG, 0, -5, ""), fit(model.FamilyMBG, 0, -1, "")}))
	require.Equal(t, 1, model.Select([]*model.Fitted{fit(model.FamilyBG, 0, -5, ""), fit(model.FamilyLogistic, 0, -900, "")}))
}

func TestLogisticRefuses(t *testing.T) {
	x := [][]float64{{1}, {2}, {3}}
	_, err := model.FitLogistic([]string{"a"}, x, []bool{true, true, true}, 1)
	require.Error(t, err)
	_, err = model.FitLogistic([]string{"a"}, [][]float64{{1}, {math.NaN()}}, []bool{true, false}, 1)
	require.ErrorContains(t, err, "feature a is NaN")
	m, err := model.FitLogistic([]string{"a", "same"}, [][]float64{{1, 7}, {2, 7}, {3, 7}, {4, 7}}, []bool{false, true, false, true}, 0.5)
	require.NoError(t, err)
	require.True(t, m.Converged)
	require.Zero(t, m.Weights[1]*m.Scale[1])
	require.Greater(t, m.Weights[0], 0.0)
}

func TestCheck(t *testing.T) {
	for _, f := range []model.Fitted{
		{},
		{Family: "prophecy", Horizon: 9},
		{Family: model.FamilyBG, Horizon: 9},
		{Family: model.FamilyBG, Horizon: 9, Parameters: []model.Parameter{{Value: 1}, {Value: 1}, {Value: -1}, {Value: 1}}},
	} {
		require.Error(t, f.Check())
	}
}

// The fits of one cut in a shop of 20,000 customers.
func BenchmarkTrain(b *testing.B) {
	customers := shop(20_000, 460)
	for b.Loop() {
		model.Train(customers, 460, model.DefaultOptions())
	}
}
