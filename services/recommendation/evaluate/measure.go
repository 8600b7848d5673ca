package evaluate

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

const listSize = 10

// figures are what is measured of a method's lists.
type figures struct {
	recall, hit, rank, gain float64
	n                       int
	shown                   map[int]bool
}

// judge adds a list.
func (f *figures) judge(list []int, truth map[int]bool) {
	if len(truth) == 0 {
		return
	}
	f.n++
	hits, first, dcg, ideal := 0, 0.0, 0.0, 0.0
	for i, id := range list[:min(len(list), listSize)] {
		if f.shown == nil {
			f.shown = map[int]bool{}
		}
		f.shown[id] = true
		if truth[id] {
			hits++
			dcg += 1 / math.Log2(float64(i)+2)
			if first == 0 {
				first = 1 / float64(i+1)
			}
		}
	}
	for i := range min(listSize, len(truth)) {
		ideal += 1 / math.Log2(float64(i)+2)
	}
	f.recall += float64(hits) / float64(len(truth))
	if hits > 0 {
		f.hit++
	}
	f.rank += first
	f.gain += dcg / ideal
}

// cells are recall, hit rate, reciprocal rank, gain.
func (f *figures) cells() []string {
	n := max(float64(f.n), 1)
	return []string{number(f.recall / n), number(f.hit / n), number(f.rank / n), number(f.gain / n)}
}

func (f *figures) coverage(items int) string {
	return strconv.FormatFloat(float64(len(f.shown))/float64(max(items, 1)), 'f', 3, 64)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }

// topOf lists the items with the highest scores above zero that are allowed; ties by number, which is by item code.
func topOf(scores []float64, allowed func(int) bool) []int {
	var out []int
	for i, v := range scores {
		if v <= 0 || (len(out) == listSize && v <= scores[out[listSize-1]]) || !allowed(i) {
			continue
		}
		at, _ := slices.BinarySearchFunc(out, i, func(a, b int) int {
			return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
		})
		out = slices.Insert(out, at, i)
		out = out[:min(len(out), listSize)]
	}
	return out
}

func anything(int) bool { return true }
