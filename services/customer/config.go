package customer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"meshwork.dev/services/customer/sentiment"
)

// Rules are the choices an operator makes about the customer domain. The zero value is not usable; start from
// DefaultRules.
type Rules struct {
	// Lexicon and Emoji are the files of the sentiment model, in the format of the published lexicon; empty means the
	// small one of package sentiment.
	Lexicon, Emoji string
	// Reviews and Others turn scores into classes: for reviews, and for all other interactions.
	Reviews, Others Thresholds
	// RankGrace is how long after the beginning of a day, in event time, customers are ranked as of it.
	RankGrace time.Duration
	// RankSoon is how long after something late the ranking is repeated, by the time of day.
	RankSoon time.Duration
}

// DefaultRules are the small lexicon, with thresholds for reviews that were fitted on reviews with stars (package
// evaluate; the ±0.05 of the paper calls nearly every review positive), and those of the paper for what is no review;
// rankings an hour after midnight, repetitions after half a minute.
func DefaultRules() Rules {
	return Rules{
		Reviews: Thresholds{Negative: 0.15, Positive: 0.75}, Others: Thresholds{Negative: -0.05, Positive: 0.05},
		RankGrace: time.Hour, RankSoon: 30 * time.Second,
	}
}

// publishedReviews are the thresholds for reviews fitted with the published lexicon.
func publishedReviews() Thresholds { return Thresholds{Negative: 0.25, Positive: 0.75} }

// The environment variables that set the rules.
const (
	EnvLexicon   = "MESHWORK_CUSTOMER_LEXICON"           // file of the published lexicon's format; the small one
	EnvEmoji     = "MESHWORK_CUSTOMER_EMOJI"             // file of descriptions of emoji; the small one
	EnvReviews   = "MESHWORK_CUSTOMER_SENTIMENT_REVIEWS" // thresholds of reviews; those fitted with the lexicon
	EnvOthers    = "MESHWORK_CUSTOMER_SENTIMENT_OTHERS"  // thresholds of all else; -0.05..0.05
	EnvRankGrace = "MESHWORK_CUSTOMER_RANK_GRACE"        // such as 2h; 1h
	EnvRankSoon  = "MESHWORK_CUSTOMER_RANK_SOON"         // such as 10s; 30s
)

// RulesFrom reads the rules from environment variables; those that are not set take the default.
func RulesFrom(getenv func(string) string) (Rules, error) {
	r := DefaultRules()
	if r.Lexicon, r.Emoji = getenv(EnvLexicon), getenv(EnvEmoji); r.Lexicon != "" {
		r.Reviews = publishedReviews()
	}
	var faults []error
	for _, v := range []struct {
		name string
		into *Thresholds
	}{{EnvReviews, &r.Reviews}, {EnvOthers, &r.Others}} {
		if text := getenv(v.name); text != "" {
			t, err := ParseThresholds(text)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", v.name, err))
				continue
			}
			*v.into = t
		}
	}
	for _, v := range []struct {
		name string
		into *time.Duration
	}{{EnvRankGrace, &r.RankGrace}, {EnvRankSoon, &r.RankSoon}} {
		if text := getenv(v.name); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %q is not a duration such as 90m", v.name, text))
				continue
			}
			*v.into = d
		}
	}
	faults = append(faults, r.validate())
	return r, errors.Join(faults...)
}

// validate tells why rules cannot be worked by.
func (r Rules) validate() error {
	switch {
	case !r.Reviews.valid() || !r.Others.valid():
		return fmt.Errorf("customer rules: %v and %v: %w", r.Reviews, r.Others, errThresholds)
	case r.RankGrace < 0 || r.RankGrace > 24*time.Hour:
		return fmt.Errorf("customer rules: a grace of %v is not within a day", r.RankGrace)
	case r.RankSoon <= 0:
		return fmt.Errorf("customer rules: repeating after %v would never end", r.RankSoon)
	}
	return nil
}

// model reads the sentiment model.
func (r Rules) model() (*sentiment.Model, error) {
	if r.Lexicon == "" && r.Emoji == "" {
		return sentiment.Default()
	}
	lexicon, err := os.Open(r.Lexicon)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvLexicon, err)
	}
	defer lexicon.Close()
	var emoji io.Reader
	if r.Emoji != "" {
		f, err := os.Open(r.Emoji)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvEmoji, err)
		}
		defer f.Close()
		emoji = f
	}
	m, err := sentiment.New(lexicon, emoji)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", EnvLexicon, EnvEmoji, err)
	}
	return m, nil
}
