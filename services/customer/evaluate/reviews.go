package evaluate

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"meshwork.dev/pkg/report"
	"meshwork.dev/services/customer/sentiment"
)

// Review is one review of a file.
type Review struct {
	Row         int // of the file, the first after the header is 0
	ProductID   string
	Title, Text string
	Rating      int // 1 to 5
	Recommended bool
	Helpful     int
}

// ReadReviews reads a CSV file with the columns Clothing ID, Title, Review Text, Rating, Recommended IND and Positive
// Feedback Count, in any order and among others.
func ReadReviews(in io.Reader) ([]Review, error) {
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("reviews: header: %w", err)
	}
	columns := [6]int{}
	for i, name := range [...]string{"Clothing ID", "Title", "Review Text", "Rating", "Recommended IND", "Positive Feedback Count"} {
		if columns[i] = slices.Index(head, name); columns[i] < 0 {
			return nil, fmt.Errorf("reviews: no column %q", name)
		}
	}
	var out []Review
	for row := 0; ; row++ {
		f, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(f) < len(head) {
			return nil, fmt.Errorf("reviews: row %d: %w", row, cmp.Or(err, csv.ErrFieldCount))
		}
		v := Review{Row: row, ProductID: f[columns[0]], Title: f[columns[1]], Text: f[columns[2]], Recommended: f[columns[4]] == "1"}
		if v.Rating, err = strconv.Atoi(f[columns[3]]); err != nil || v.Rating < 1 || v.Rating > 5 {
			return nil, fmt.Errorf("reviews: row %d: %q is not a rating from 1 to 5", row, f[columns[3]])
		}
		v.Helpful, _ = strconv.Atoi(f[columns[5]]) // absent means none
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, errors.New("reviews: none")
	}
	return out, nil
}

// Reviews scores reviews and fits the thresholds of the three classes on their stars: up to two stars are negative, three
// neutral, four and five positive. It fits on the even rows and measures on the odd ones. lexicon and emoji are the
// files of the model; nil for both means the small lexicon of the service.
func Reviews(ctx context.Context, lexicon, emoji, reviews io.Reader, p report.Progress) ([]report.Table, error) {
	model, err := modelOf(lexicon, emoji)
	if err != nil {
		return nil, err
	}
	list, err := ReadReviews(reviews)
	if err != nil {
		return nil, err
	}
	var fit, test []rated
	empty := 0
	for i := range list {
		if i%linesPerStep == 0 {
			p.Step("score reviews", i, len(list))
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		said := sentiment.Text(list[i].Title, list[i].Text)
		if said == "" {
			empty++
			continue
		}
		t := rated{model.Score(said).Compound, float64(list[i].Rating)}
		if list[i].Row%2 == 0 {
			fit = append(fit, t)
		} else {
			test = append(test, t)
		}
	}
	if len(fit) == 0 || len(test) == 0 {
		return nil, errors.New("reviews: too few with text")
	}
	p.Step("fit thresholds", 0, 1)
	low, high := FitThresholds(fit)
	p.Step("fit thresholds", 1, 1)
	return []report.Table{
		classes(model.Version(), len(list), empty, test, low, high),
		perStar(append(fit, test...), low, high),
	}, nil
}

func stars(rating float64) int {
	switch {
	case rating <= 2:
		return 0
	case rating < 4:
		return 1
	}
	return 2
}

// FitThresholds finds the two thresholds, multiples of 0.05, that tell the classes of the stars best: with the highest
// mean F1 of the three classes. Of equal pairs it is the lowest.
func FitThresholds(all []rated) (low, high float64) {
	const steps = 40 // from −1 to 1
	var at [3][steps + 2]int
	for _, t := range all {
		// The first multiple that the score does not exceed, so that at[k][:i+1] are those at or below the i-th.
		i := 0
		for i <= steps && t.score > grid(i) {
			i++
		}
		at[stars(t.rating)][i]++
	}
	best := -1.0
	for i := range steps {
		for j := i + 1; j <= steps; j++ {
			var m matrix
			for k := range m {
				for g, n := range at[k] {
					switch {
					case g <= i:
						m[k][0] += n
					case g <= j: // a score of just high counts here too; there are few
						m[k][1] += n
					default:
						m[k][2] += n
					}
				}
			}
			if f := m.macro(); f > best {
				best, low, high = f, grid(i), grid(j)
			}
		}
	}
	return low, high
}

func grid(i int) float64 { return float64(5*i-100) / 100 }

func classes(version string, n, empty int, test []rated, low, high float64) report.Table {
	t := report.Table{
		Name:    "sentiment-reviews",
		Title:   fmt.Sprintf("Classes of %d reviews by stars, model %s", len(test), version),
		Columns: []string{"thresholds", "accuracy", "mean F1", "negative P / R", "neutral P / R", "positive P / R"},
		Notes: []string{
			fmt.Sprintf("%d reviews, %d without text. Fitted on even rows for the highest mean F1 of the three classes, measured on odd rows.", n, empty),
			"Stars 1 and 2 are negative, 3 neutral, 4 and 5 positive. AUC: that a review of at least 4 stars scores higher than one of at most 2.",
			"AUC " + fixed(auc(test), 4) + ", Pearson r " + fixed(pearson(test), 4) + ".",
		},
	}
	row := func(name string, m matrix) {
		cells := []string{name, fixed(m.accuracy(), 4), fixed(m.macro(), 4)}
		for k := range m {
			p, r, _, _ := m.class(k)
			cells = append(cells, fixed(p, 3)+" / "+fixed(r, 3))
		}
		t.Rows = append(t.Rows, cells)
	}
	row("all positive", confusion(test, stars, -2, -1.5))
	row("-0.05 .. 0.05 (the paper's)", confusion(test, stars, -0.05, 0.05))
	row(fixed(low, 2)+" .. "+fixed(high, 2)+" (fitted)", confusion(test, stars, low, high))
	return t
}

// perStar tells what scores mean.
func perStar(all []rated, low, high float64) report.Table {
	t := report.Table{
		Name: "sentiment-stars", Title: "Scores of reviews by stars",
		Columns: []string{"stars", "reviews", "mean score", "negative", "neutral", "positive"},
		Notes:   []string{"Shares by the fitted thresholds, " + fixed(low, 2) + " and " + fixed(high, 2) + "."},
	}
	for star := 1; star <= 5; star++ {
		var sum float64
		var n int
		var told [3]int
		for _, r := range all {
			if int(r.rating) == star {
				sum += r.score
				n++
				told[sign(r.score, low, high)]++
			}
		}
		if n == 0 {
			continue
		}
		cells := []string{strconv.Itoa(star), strconv.Itoa(n), fixed(sum/float64(n), 3)}
		for _, k := range told {
			cells = append(cells, fixed(float64(k)/float64(n), 3))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// auc is the chance that a positive review scores higher than a negative one; equal scores count half.
func auc(all []rated) float64 {
	var list []rated
	for _, t := range all {
		if stars(t.rating) != 1 {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b rated) int { return cmp.Compare(a.score, b.score) })
	var wins, positives, below float64
	for i := 0; i < len(list); {
		k, pos, neg := i, 0.0, 0.0
		for ; k < len(list) && list[k].score == list[i].score; k++ {
			if stars(list[k].rating) == 2 {
				pos++
			} else {
				neg++
			}
		}
		wins += pos * (below + neg/2)
		positives += pos
		below += neg
		i = k
	}
	return wins / (positives * below)
}
