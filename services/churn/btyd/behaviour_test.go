package btyd_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/churn/btyd"
)

// population draws customers of a BG/NBD world: purchase times in weeks, watched for age weeks.
func population(n int, m btyd.BGNBD, age float64, leave bool) []btyd.Summary {
	rnd := rand.New(rand.NewPCG(7, 9))
	gamma := func(shape float64) float64 { // Marsaglia and Tsang, by the boost for shapes below 1
		boost := 1.0
		if shape < 1 {
			boost = math.Pow(rnd.Float64(), 1/shape)
			shape++
		}
		d := shape - 1.0/3
		for {
			x := rnd.NormFloat64()
			v := 1 + x/math.Sqrt(9*d)
			if v <= 0 {
				continue
			}
			v = v * v * v
			if math.Log(rnd.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
				return d * v * boost
			}
		}
	}
	out := make([]btyd.Summary, n)
	for i := range out {
		rate := gamma(m.R) / m.Alpha
		a, b := gamma(m.A), gamma(m.B)
		p := a / (a + b)
		s := btyd.Summary{Age: age}
		for at := rnd.ExpFloat64() / rate; at < age; at += rnd.ExpFloat64() / rate {
			s.Repeats++
			s.Last = at
			if leave && rnd.Float64() < p {
				break
			}
		}
		s.Last = math.Round(s.Last*7) / 7
		out[i] = s
	}
	return out
}

// A fit finds the parameters that made the customers, within its own standard errors.
func TestRecovers(t *testing.T) {
	truth := btyd.BGNBD{R: 0.6, Alpha: 6, A: 0.9, B: 2.5}
	f, err := btyd.FitBGNBD(population(20_000, truth, 52, true))
	require.NoError(t, err)
	require.Empty(t, f.Degenerate)
	require.True(t, f.Converged)
	for i, want := range truth.Parameters() {
		got := f.Parameters[i]
		require.InDelta(t, want.Value, got.Value, 4*got.SE, want.Name)
		require.Less(t, got.SE, 0.5*got.Value, want.Name)
	}
}

// Where nobody leaves, every model of leaving says that it is degenerate.
func TestNobodyLeaves(t *testing.T) {
	in := population(1500, btyd.BGNBD{R: 0.7, Alpha: 9, A: 1, B: 1}, 40, false)
	bg, err := btyd.FitBGNBD(in)
	require.NoError(t, err)
	require.NotEmpty(t, bg.Degenerate)
	mbg, err := btyd.FitMBGNBD(in)
	require.NoError(t, err)
	require.NotEmpty(t, mbg.Degenerate)
	pareto, err := btyd.FitParetoNBD(in)
	require.NoError(t, err)
	require.NotEmpty(t, pareto.Degenerate)
	nbd, err := btyd.FitNBD(in)
	require.NoError(t, err)
	require.Empty(t, nbd.Degenerate)
}

// Samples without information are degenerate and never a crash.
func TestNothingToLearn(t *testing.T) {
	_, err := btyd.FitBGNBD(nil)
	require.Error(t, err)
	for _, in := range [][]btyd.Summary{
		{{Age: 10}},
		{{Age: 0}, {Age: 0}},
		slices.Repeat([]btyd.Summary{{Repeats: 5, Last: 9, Age: 10}}, 200),
		{{Repeats: 40_000, Last: 300, Age: 300}, {Age: 300}},
	} {
		bg, err := btyd.FitBGNBD(in)
		require.NoError(t, err)
		require.NotEmpty(t, bg.Degenerate, "%v", in[0])
		p, err := btyd.FitParetoNBD(in)
		require.NoError(t, err)
		require.NotEmpty(t, p.Degenerate, "%v", in[0])
	}
}

// The order of customers and how they are put together make no difference, to the last bit.
func TestOrderDoesNotMatter(t *testing.T) {
	in := population(3000, btyd.BGNBD{R: 0.6, Alpha: 6, A: 0.9, B: 2.5}, 52, true)
	want, err := btyd.FitBGNBD(in)
	require.NoError(t, err)
	shuffled := slices.Clone(in)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, other := range [][]btyd.Summary{shuffled, btyd.Collapse(shuffled)} {
		got, err := btyd.FitBGNBD(other)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Less(t, len(btyd.Collapse(in)), len(in))
}

// Probabilities are probabilities, and move the way they must.
func TestShapes(t *testing.T) {
	models := []btyd.Model{
		btyd.BGNBD{R: 0.24, Alpha: 4.4, A: 0.79, B: 2.4},
		btyd.MBGNBD{R: 0.52, Alpha: 6.2, A: 0.89, B: 1.6},
		btyd.ParetoNBD{R: 0.55, Alpha: 10.6, S: 0.6, Beta: 11.7},
		btyd.NBD{R: 0.38, Alpha: 12},
	}
	for _, m := range models {
		t.Run(m.Name(), func(t *testing.T) {
			before := 1.0
			for age := 10.0; age < 600; age += 20 { // silence
				s := btyd.Summary{Repeats: 4, Last: 10, Age: age}
				alive, active := m.Alive(s), m.Active(s, 12)
				require.True(t, alive >= 0 && alive <= 1 && active >= 0 && active <= alive)
				require.LessOrEqual(t, active, before)
				before = active
				require.LessOrEqual(t, active, m.Active(s, 13))
				require.LessOrEqual(t, active, m.Expect(s, 12)+1e-12, "expected purchases are at least the chance of one")
				require.LessOrEqual(t, m.Expect(s, 12), m.Expect(s, 13))
			}
			require.InDelta(t, 0, m.Active(btyd.Summary{Repeats: 1, Last: 3, Age: 5}, 0), 1e-12)
			require.InDelta(t, 0, m.ExpectNew(0), 1e-12)
		})
	}
}

func TestHistory(t *testing.T) {
	days := []int{100, 107, 121}
	_, ok := btyd.History(days, 99)
	require.False(t, ok)
	s, ok := btyd.History(days, 100)
	require.True(t, ok)
	require.Equal(t, btyd.Summary{Count: 1}, s)
	s, _ = btyd.History(days, 120)
	require.Equal(t, btyd.Summary{Repeats: 1, Last: 1, Age: 20.0 / 7, Count: 1}, s)
	s, _ = btyd.History(days, 128)
	require.Equal(t, btyd.Summary{Repeats: 2, Last: 3, Age: 4, Count: 1}, s)
}
