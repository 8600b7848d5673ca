package btyd

import (
	"cmp"
	"slices"
)

// DaysPerWeek turns days into the unit of time of this package.
const DaysPerWeek = 7

// Summary is what the models know of a customer; they need no more than this.
type Summary struct {
	Repeats float64 // purchase days after the first
	Last    float64 // weeks from the first to the last purchase day; 0 without repeats
	Age     float64 // weeks from the first purchase day to the end of the observation
	Count   int     // customers of whom this is true; 0 counts as 1
}

func (s Summary) weight() float64 { return float64(max(s.Count, 1)) }

// History sums up a customer's purchase days (ascending, each once) as of the date end: days later than end do not
// count. ok is false when none is left.
func History(days []int, end int) (s Summary, ok bool) {
	n, found := slices.BinarySearch(days, end)
	if found {
		n++
	}
	if n == 0 {
		return Summary{}, false
	}
	return Summary{
		Repeats: float64(n - 1),
		Last:    float64(days[n-1]-days[0]) / DaysPerWeek,
		Age:     float64(end-days[0]) / DaysPerWeek,
		Count:   1,
	}, true
}

// Collapse makes one row of equal customers, sorted. It leaves its argument as it is.
func Collapse(in []Summary) []Summary {
	rows := slices.Clone(in)
	slices.SortFunc(rows, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.Repeats, b.Repeats), cmp.Compare(a.Last, b.Last), cmp.Compare(a.Age, b.Age))
	})
	out := rows[:0]
	for _, r := range rows {
		r.Count = max(r.Count, 1)
		if n := len(out); n > 0 && out[n-1].Repeats == r.Repeats && out[n-1].Last == r.Last && out[n-1].Age == r.Age {
			out[n-1].Count += r.Count
			continue
		}
		out = append(out, r)
	}
	return out
}

// customersOf is how many customers rows stand for.
func customersOf(rows []Summary) (n int) {
	for _, r := range rows {
		n += max(r.Count, 1)
	}
	return n
}
