package evaluate

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// sets are groups of items: baskets, or all a customer bought.
type sets [][]int

func (s *split) basketSets(since time.Time) sets {
	var out sets
	for _, b := range s.train {
		if b.at.Before(since) {
			continue
		}
		ids := make([]int, len(b.items))
		for i, id := range b.items {
			ids[i] = s.number[id]
		}
		out = append(out, ids)
	}
	return out
}

func (s *split) customerSets() sets {
	var out sets
	for _, p := range s.customers {
		ids := make([]int, 0, len(p.counts))
		for i := range p.counts {
			ids = append(ids, i)
		}
		out = append(out, ids)
	}
	return out
}

// counts is in how many sets each of n items is.
func (g sets) counts(n int) []float64 {
	out := make([]float64, n)
	for _, ids := range g {
		for _, i := range ids {
			out[i]++
		}
	}
	return out
}

// together counts for each pair of n items the sets with both, the diagonal the sets with one: row by row.
func (g sets) together(n int) [][]float32 {
	flat := make([]float32, n*n)
	out := make([][]float32, n)
	for i := range out {
		out[i] = flat[i*n : (i+1)*n]
	}
	for _, ids := range g {
		for _, i := range ids {
			row := out[i]
			for _, j := range ids {
				row[j]++
			}
		}
	}
	return out
}

// cosine turns counts into cosines, in place; the diagonal becomes 0.
func cosine(t [][]float32) [][]float32 {
	norm := make([]float32, len(t))
	for i := range t {
		norm[i] = float32(math.Sqrt(float64(t[i][i])))
	}
	for i, row := range t {
		for j := range row {
			if i == j || row[j] == 0 {
				row[j] = 0
			} else {
				row[j] /= norm[i] * norm[j]
			}
		}
	}
	return t
}

// neighbour is an item like another one.
type neighbour struct {
	item   int
	weight float64
}

// nearest are the k highest of each row; all of them where k is 0.
func nearest(t [][]float32, k int) [][]neighbour {
	out := make([][]neighbour, len(t))
	for i, row := range t {
		var list []neighbour
		for j, v := range row {
			if v != 0 {
				list = append(list, neighbour{j, float64(v)})
			}
		}
		if k > 0 && len(list) > k {
			slices.SortFunc(list, func(a, b neighbour) int {
				return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.item, b.item))
			})
			list = list[:k]
		}
		out[i] = list
	}
	return out
}

// byNeighbours scores items by the sum of their similarities to those that are given.
func byNeighbours(like [][]neighbour, given func(yield func(int) bool)) []float64 {
	out := make([]float64, len(like))
	for i := range given {
		for _, n := range like[i] {
			out[n.item] += n.weight
		}
	}
	return out
}
