package sentiment_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/services/customer/sentiment"
)

// data is the folder of real data, which is no part of the project.
const data = "../../../../shared/data/vader/"

// vader is the model with the published lexicon. The test is skipped where that is not at hand.
func vader(t testing.TB) *sentiment.Model {
	t.Helper()
	words, err := os.Open(data + "vader_lexicon.txt")
	if err != nil {
		t.Skipf("the published lexicon is not here: %v", err)
	}
	defer words.Close()
	emoji, err := os.Open(data + "emoji_utf8_lexicon.txt")
	require.NoError(t, err)
	defer emoji.Close()
	m, err := sentiment.New(words, emoji)
	require.NoError(t, err)
	return m
}

// tweets are the rated tweets by id.
func tweets(t testing.TB) map[string]string {
	t.Helper()
	b, err := os.ReadFile(data + "tweets_GroundTruth.txt")
	require.NoError(t, err)
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		part := strings.SplitN(strings.TrimRight(line, "\r\n"), "\t", 3)
		if len(part) == 3 {
			out[part[0]] = part[2]
		}
	}
	return out
}

// Every rated tweet has the scores of the reference implementation, to the last of their decimals.
func TestGolden(t *testing.T) {
	m := vader(t)
	texts := tweets(t)
	f, err := os.Open(data + "golden-tweets.tsv.gz")
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	n, bad := 0, 0
	for lines := bufio.NewScanner(unzipped); lines.Scan(); {
		part := strings.Split(lines.Text(), "\t")
		require.Len(t, part, 5)
		var want [4]float64
		for i := range want {
			want[i], err = strconv.ParseFloat(part[1+i], 64)
			require.NoError(t, err)
		}
		text, ok := texts[part[0]]
		require.True(t, ok, "tweet %s", part[0])
		s := m.Score(text)
		if got := [4]float64{s.Negative, s.Neutral, s.Positive, s.Compound}; got != want {
			t.Errorf("tweet %s: %v, want %v: %s", part[0], got, want, text)
			if bad++; bad > 10 {
				t.FailNow()
			}
		}
		n++
	}
	require.Equal(t, 4200, n)
}

func BenchmarkScore(b *testing.B) {
	m := vader(b)
	var texts []string
	size := 0
	for _, text := range tweets(b) {
		texts = append(texts, text)
		size += len(text)
	}
	b.SetBytes(int64(size / len(texts)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Score(texts[i%len(texts)])
		i++
	}
}
