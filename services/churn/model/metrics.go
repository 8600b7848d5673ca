package model

import (
	"cmp"
	"math"
	"slices"
)

// Quality is how well probabilities foretold what came.
type Quality struct {
	Customers, Active int
	// AUC is the probability that somebody who came was given a higher score than somebody who did not, ties counting
	// half; NaN when all did the same.
	AUC float64
	// Brier is the mean squared error of the probability.
	Brier float64
	// ECE is the expected calibration error over ten bins of equal width.
	ECE float64
}

// Judge compares probabilities with what came.
func Judge(p []float64, came []bool) Quality {
	q := Quality{Customers: len(p), AUC: AUC(p, came), Brier: Brier(p, came), ECE: ECE(p, came, 10)}
	for _, c := range came {
		if c {
			q.Active++
		}
	}
	return q
}

// AUC is the area under the ROC curve of scores of any scale; NaN when all did the same.
func AUC(score []float64, came []bool) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	ranks, yes := 0.0, 0.0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && score[order[j]] == score[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			if came[order[k]] {
				ranks += float64(i+j+1) / 2
				yes++
			}
		}
		i = j
	}
	no := float64(len(score)) - yes
	if yes == 0 || no == 0 {
		return math.NaN()
	}
	return (ranks - yes*(yes+1)/2) / (yes * no)
}

// Brier is the mean squared error of probabilities.
func Brier(p []float64, came []bool) float64 {
	sum := 0.0
	for i, v := range p {
		d := v - indicator(came[i])
		sum += d * d
	}
	return sum / float64(len(p))
}

// ECE is the expected calibration error: over bins of equal width, the mean distance between the mean probability and
// the share that came, by the number of customers in the bin.
func ECE(p []float64, came []bool, bins int) float64 {
	sum := make([]float64, bins)
	for i, v := range p {
		b := min(max(int(v*float64(bins)), 0), bins-1)
		sum[b] += v - indicator(came[i])
	}
	e := 0.0
	for _, s := range sum {
		e += math.Abs(s)
	}
	return e / float64(len(p))
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
