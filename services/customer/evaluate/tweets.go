package evaluate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/customer/sentiment"
)

// linesPerStep is how many lines are read between two reports of progress.
const linesPerStep = 1000

// rated is a text that people or stars have judged.
type rated struct {
	score  float64 // of the model
	rating float64
}

// Tweets scores tweets that twenty people each rated from −4 to 4: lines of id, mean rating and text, separated by tabs.
// It gives Pearson's r between rating and score, and how well the sign of the rating is told with the thresholds ±0.05
// of the paper. lexicon and emoji are the files of the model; nil for both means the small lexicon of the service.
func Tweets(ctx context.Context, lexicon, emoji, tweets io.Reader, p report.Progress) ([]report.Table, error) {
	model, err := modelOf(lexicon, emoji)
	if err != nil {
		return nil, err
	}
	var all []rated
	lines := bufio.NewScanner(tweets)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if n%linesPerStep == 0 {
			p.Step("score tweets", n, 0)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		part := strings.SplitN(strings.TrimRight(lines.Text(), "\r"), "\t", 3)
		if len(part) == 1 && part[0] == "" {
			continue
		}
		if len(part) != 3 {
			return nil, fmt.Errorf("tweets: line %d: not id, rating and text", n)
		}
		rating, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return nil, fmt.Errorf("tweets: line %d: rating: %w", n, err)
		}
		all = append(all, rated{model.Score(part[2]).Compound, rating})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("tweets: %w", err)
	}
	if len(all) < 2 {
		return nil, errors.New("tweets: fewer than two")
	}
	c := confusion(all, func(r float64) int { return sign(r, 0, 0) }, -0.05, 0.05)
	precision, recall, f1 := c.weighted()
	return []report.Table{{
		Name:  "sentiment-tweets",
		Title: fmt.Sprintf("Sentiment of %d rated tweets, model %s", len(all), model.Version()),
		Columns: []string{
			"", "Pearson r", "accuracy", "precision", "recall", "F1",
		},
		Rows: [][]string{
			{"this model", fixed(pearson(all), 4), fixed(c.accuracy(), 4), fixed(precision, 3), fixed(recall, 3), fixed(f1, 3)},
			{"reference implementation, same file", "0.8722", "0.9210", "0.978", "0.921", "0.948"},
			{"published", "0.881", "-", "-", "-", "0.96"},
			{"one person, published", "0.888", "-", "-", "-", "0.84"},
		},
		Notes: []string{
			"Classes: the sign of the mean rating against a score from 0.05 on, up to -0.05, or between; precision, recall and F1 weighted by class.",
			"Published: Hutto and Gilbert, ICWSM 2014.",
		},
	}}, nil
}

func modelOf(lexicon, emoji io.Reader) (*sentiment.Model, error) {
	if lexicon == nil {
		return sentiment.Default()
	}
	return sentiment.New(lexicon, emoji)
}

// sign is the class of a value: 0 negative, 1 neutral, 2 positive. At low and below it is negative, from high on
// positive; where both are 0, only 0 itself is neutral.
func sign(v, low, high float64) int {
	switch {
	case low == 0 && high == 0 && v == 0:
		return 1
	case v <= low:
		return 0
	case v >= high:
		return 2
	}
	return 1
}

// matrix counts texts by true class and told class.
type matrix [3][3]int

// confusion counts texts with scores cut at low and high.
func confusion(all []rated, class func(rating float64) int, low, high float64) (m matrix) {
	for _, t := range all {
		m[class(t.rating)][sign(t.score, low, high)]++
	}
	return m
}

func (m *matrix) total() (n int) {
	for _, row := range m {
		n += row[0] + row[1] + row[2]
	}
	return n
}

func (m *matrix) accuracy() float64 {
	return float64(m[0][0]+m[1][1]+m[2][2]) / float64(m.total())
}

// class gives precision, recall, F1 and number of one class; 0 where there is nothing to count.
func (m *matrix) class(k int) (precision, recall, f1 float64, n int) {
	told := m[0][k] + m[1][k] + m[2][k]
	n = m[k][0] + m[k][1] + m[k][2]
	hit := float64(m[k][k])
	if told > 0 {
		precision = hit / float64(told)
	}
	if n > 0 {
		recall = hit / float64(n)
	}
	if hit > 0 {
		f1 = 2 * precision * recall / (precision + recall)
	}
	return precision, recall, f1, n
}

// weighted are the means over classes by their size.
func (m *matrix) weighted() (precision, recall, f1 float64) {
	for k := range m {
		p, r, f, n := m.class(k)
		w := float64(n) / float64(m.total())
		precision, recall, f1 = precision+w*p, recall+w*r, f1+w*f
	}
	return precision, recall, f1
}

// macro is the mean F1 of the classes that occur.
func (m *matrix) macro() float64 {
	sum, k := 0.0, 0
	for c := range m {
		if _, _, f, n := m.class(c); n > 0 {
			sum += f
			k++
		}
	}
	return sum / float64(max(k, 1))
}

func pearson(all []rated) float64 {
	var sx, sy float64
	for _, t := range all {
		sx += t.score
		sy += t.rating
	}
	n := float64(len(all))
	mx, my := sx/n, sy/n
	var xy, xx, yy float64
	for _, t := range all {
		xy += (t.score - mx) * (t.rating - my)
		xx += (t.score - mx) * (t.score - mx)
		yy += (t.rating - my) * (t.rating - my)
	}
	return xy / math.Sqrt(xx*yy)
}

func fixed(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
