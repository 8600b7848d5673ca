package model

import "math"

// The features of the logistic regression. All are logarithms or shares, so that a model that was taught on a shorter
// history holds for a longer one.
var featureNames = []string{
	"log-recency",         // ln(days since the last purchase day + 1)
	"log-frequency",       // ln(purchase days)
	"log-value",           // ln(mean value of a purchase day + 1)
	"log-value-squared",   // the same, squared: very large buyers differ
	"frequency-and-value", // product of the two
	"sentiment",           // mean score of the interactions of the last half year, drawn towards 0 where there are few
	"complaining",         // ln(interactions with a score below 0 on balance in that time + 1)
}

const (
	featureCount  = 7
	sentimentDays = 182
	// sentimentPrior is the weight, in interactions, of "nothing said".
	sentimentPrior = 1.0
)

// features of a customer as of the end of the day end, which is not before any of the customer's days.
func features(dst []float64, c Customer, end int) []float64 {
	n := float64(len(c.Days))
	value := 0.0
	for _, d := range c.Days {
		value += d.Value
	}
	recency := math.Log(float64(end-c.Days[len(c.Days)-1].Day) + 1)
	often := math.Log(n)
	worth := math.Log1p(max(value/n, 0))
	mood, bad := recentMood(c, end)
	return append(dst, recency, often, worth, worth*worth, often*worth, mood, bad)
}

// recentMood is the sentiment of the last half year and how much of it was bad.
func recentMood(c Customer, end int) (mean, bad float64) {
	sum, count, negative := 0.0, 0.0, 0.0
	for _, k := range c.Contacts {
		if k.Day > end-sentimentDays {
			sum += k.Sentiment
			count += float64(k.Count)
			if k.Sentiment < 0 {
				negative += float64(k.Count)
			}
		}
	}
	return sum / (count + sentimentPrior), math.Log1p(negative)
}

// Sentiment is the mean score of the customer's interactions in the half year before the end of the day end; ok is false
// without any.
func (c Customer) Sentiment(end int) (mean float64, ok bool) {
	sum, count := 0.0, 0
	for _, k := range c.Contacts {
		if k.Day > end-sentimentDays && k.Day <= end {
			sum += k.Sentiment
			count += k.Count
		}
	}
	if count == 0 {
		return 0, false
	}
	return sum / float64(count), true
}
