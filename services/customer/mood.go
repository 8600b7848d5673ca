package customer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"meshwork.dev/schemas/customerint"
)

// Thresholds turn a score into a class: at or below Negative it is negative, at or above Positive positive, and
// between them neutral.
type Thresholds struct{ Negative, Positive float64 }

// Class is the class of a score.
func (t Thresholds) Class(score float64) customerint.Mood {
	switch {
	case score <= t.Negative:
		return customerint.MoodNegative
	case score >= t.Positive:
		return customerint.MoodPositive
	default:
		return customerint.MoodNeutral
	}
}

func (t Thresholds) String() string { return fmt.Sprintf("%g..%g", t.Negative, t.Positive) }

// errThresholds is returned for text that is not a pair of thresholds.
var errThresholds = errors.New("not two thresholds such as -0.05..0.05, −1 ≤ negative < positive ≤ 1")

// ParseThresholds reads what String writes.
func ParseThresholds(text string) (Thresholds, error) {
	low, high, _ := strings.Cut(text, "..")
	var t Thresholds
	var err1, err2 error
	t.Negative, err1 = strconv.ParseFloat(strings.TrimSpace(low), 64)
	t.Positive, err2 = strconv.ParseFloat(strings.TrimSpace(high), 64)
	if err1 != nil || err2 != nil || !t.valid() {
		return t, fmt.Errorf("%q: %w", text, errThresholds)
	}
	return t, nil
}

// valid is false also where one is no number.
func (t Thresholds) valid() bool {
	return t.Negative >= -1 && t.Positive <= 1 && t.Negative < t.Positive
}
