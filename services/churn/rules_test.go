package churn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/schemas"
)

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestRulesFrom(t *testing.T) {
	r, err := RulesFrom(env(nil))
	require.NoError(t, err)
	require.Equal(t, DefaultRules(), r)
	r, err = RulesFrom(env(map[string]string{
		EnvNegativeAt: "-0.3", EnvRefitDays: "14", EnvGrace: "36h", EnvHorizonDays: "60", EnvLeastCustomers: "25",
	}))
	require.NoError(t, err)
	require.InDelta(t, -0.3, r.NegativeAt, 0)
	require.Equal(t, []any{14, 36 * time.Hour, 60, 25}, []any{r.RefitDays, r.Grace, r.Fit.Horizon, r.Fit.LeastCustomers})
	_, err = RulesFrom(env(map[string]string{EnvNegativeAt: "low", EnvRefitDays: "0", EnvGrace: "2", EnvHorizonDays: "x"}))
	for _, name := range []string{EnvNegativeAt, EnvGrace, EnvHorizonDays, "days between fits"} {
		require.ErrorContains(t, err, name)
	}
	_, err = Products(Rules{})
	require.Error(t, err)
}

func TestCalendar(t *testing.T) {
	zone, err := time.LoadLocation(tradingZone)
	require.NoError(t, err)
	c := calendar{zone, 7}
	monday := time.Date(2011, 6, 6, 0, 0, 0, 0, zone)
	require.Equal(t, time.Monday, monday.Weekday())
	p := c.period(monday)
	require.Equal(t, p, c.period(monday.AddDate(0, 0, 7).Add(-time.Millisecond)))
	require.Equal(t, p-1, c.period(monday.Add(-time.Millisecond)))
	require.Equal(t, schemas.NewDate(2011, 6, 13), c.cut(p))
	require.True(t, monday.AddDate(0, 0, 7).Equal(c.start(c.cut(p))))
	early := time.Date(1969, 12, 1, 12, 0, 0, 0, time.UTC) // before the epoch the weeks are weeks too
	require.Equal(t, c.period(early), c.period(early.AddDate(0, 0, 6)))
	require.Equal(t, c.period(early)+1, c.period(early.AddDate(0, 0, 7)))
}
