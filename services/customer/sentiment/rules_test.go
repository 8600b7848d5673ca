package sentiment_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/customer/sentiment"
)

func small(t testing.TB, words string) *sentiment.Model {
	t.Helper()
	m, err := sentiment.New(strings.NewReader(words), strings.NewReader("😊\tgood face\n💣\tbad\n👍🏽\tgood\n"))
	require.NoError(t, err)
	return m
}

// The rules, one by one, each against the text without it.
func TestRules(t *testing.T) {
	m := small(t, "good\t1.9\nbad\t-2.5\nno\t-1.2\n:)\t2.0\n")
	score := func(text string) float64 { return m.Score(text).Compound }
	require.InDelta(t, 0.4404, score("the food is good"), 1e-9) // 1.9/√(1.9²+15)
	require.InDelta(t, -0.5423, score("the food is bad"), 1e-9)
	for _, c := range []struct{ more, less string }{
		{"the food is very good", "the food is good"},
		{"the food is VERY good", "the food is very good"},
		{"the food is GOOD", "the food is good"},
		{"the food is good!", "the food is good"},
		{"the food is good!!!!", "the food is good!!!"},
		{"the food is good???", "the food is good?"},
		{"the food is good", "the food is kinda good"},
		{"the food is good", "the food is sort of good"},
		{"very good", "very much good"}, // boosters weaken with distance
		{"bad but good", "good but bad"},
		{"the food is good", "the food is not good"},
		{"the food is not bad", "the food is bad"},
		{"the food isn't bad", "the food is bad"},
		{"it was never so good", "it was good"},
		{"it is the very least good", "it is least good"},
		{"good", "no good"},
		{"i am here :)", "i am here"},
		{"i am here😊", "i am here"},
		{"this car is the bomb now good", "this car is the one now good"},
	} {
		require.Greater(t, score(c.more), score(c.less), "%s > %s", c.more, c.less)
	}
	require.InDelta(t, score("THE FOOD IS GOOD"), score("the food is good"), 0, "all capitals mean nothing")
	require.InDelta(t, score("good!!!!"), score("good!!!!!!!!"), 0, "four marks are the most")
	require.InDelta(t, score("(good)"), score("good"), 0, "punctuation around words")
	require.Equal(t, sentiment.Score{}, m.Score(" \t\n"))
	require.Equal(t, sentiment.Score{Neutral: 1}, m.Score("words without mood"))
}

func TestRefusedLexicons(t *testing.T) {
	for _, text := range []string{"", "good\n", "good\tx\n", "good\t99\n", "good\tNaN\n", "\xff\t1\n"} {
		_, err := sentiment.New(strings.NewReader(text), nil)
		require.ErrorIs(t, err, sentiment.ErrLexicon, "%q", text)
	}
}

// The version tells lexicons apart, and the small lexicon serves without a file.
func TestVersions(t *testing.T) {
	m, err := sentiment.Default()
	require.NoError(t, err)
	again, err := sentiment.Default()
	require.NoError(t, err)
	require.Equal(t, m.Version(), again.Version())
	require.NotEqual(t, m.Version(), small(t, "good\t1.9\n").Version())
	require.NotEqual(t, small(t, "good\t1.8\n").Version(), small(t, "good\t1.9\n").Version())
	require.Greater(t, m.Score("I love this dress, it is beautiful").Compound, 0.7)
	require.Less(t, m.Score("Terrible, it arrived broken and I want my money back").Compound, -0.6)
}

// Whatever the text, there is a score within bounds, the same each time.
func FuzzScore(f *testing.F) {
	m, err := sentiment.Default()
	require.NoError(f, err)
	for _, text := range []string{"", "not good but VERY bad!!", "the bomb 😊😡 n't", "\xff\x00 so so so never this good", "kind of", "least least good"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := m.Score(text)
		if !(s.Compound >= -1 && s.Compound <= 1 && s.Negative >= 0 && s.Positive >= 0 && s.Neutral >= 0) {
			t.Fatalf("%q: %+v", text, s)
		}
		if m.Score(text) != s {
			t.Fatalf("%q: not the same twice", text)
		}
	})
}
