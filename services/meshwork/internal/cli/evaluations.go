package cli

import (
	"context"
	"io"

	"meshwork.dev/pkg/report"
	churn "meshwork.dev/services/churn/evaluate"
	customer "meshwork.dev/services/customer/evaluate"
	recommendation "meshwork.dev/services/recommendation/evaluate"
)

// evaluation is one entry of meshwork evaluate.
type evaluation struct {
	kind   string
	inputs []input
	// run gets the inputs in their order.
	run func(ctx context.Context, in []io.Reader, p report.Progress) ([]report.Table, error)
}

// input is a file that an evaluation reads.
type input struct {
	name string // for --file
	path string // inside the folder of the data sets
}

// evaluations are all there are, in the order in which they are printed. Each lives beside the model that it measures.
func evaluations() []evaluation {
	cdnow := input{"cdnow", "cdnow/CDNOW_sample.txt"}
	retail := input{"online-retail", "online_retail/online_retail.csv.gz"}
	lexicon := input{"lexicon", "vader/vader_lexicon.txt"}
	emoji := input{"emoji", "vader/emoji_utf8_lexicon.txt"}
	tweets := input{"tweets", "vader/tweets_GroundTruth.txt"}
	reviews := input{"reviews", "womens_reviews/womens-clothing-reviews.csv.gz"}
	clicks := input{"clickstream", "eshop_clickstream/e-shop-clothing-2008.csv.gz"}
	return []evaluation{
		{"clv", []input{cdnow}, one(churn.CDNOW)},
		{"churn", []input{retail}, one(churn.OnlineRetail)},
		{"recommendation", []input{retail}, one(recommendation.OnlineRetail)},
		{"recommendation", []input{clicks}, one(recommendation.Clickstream)},
		{"sentiment", []input{lexicon, emoji, tweets}, three(customer.Tweets)},
		{"sentiment", []input{lexicon, emoji, reviews}, three(customer.Reviews)},
		{"rfm", []input{retail}, one(customer.RFM)},
	}
}

// three makes a run of an evaluation that reads three files.
func three(fn func(ctx context.Context, a, b, c io.Reader, p report.Progress) ([]report.Table, error)) func(context.Context, []io.Reader, report.Progress) ([]report.Table, error) {
	return func(ctx context.Context, in []io.Reader, p report.Progress) ([]report.Table, error) {
		return fn(ctx, in[0], in[1], in[2], p)
	}
}

// one makes a run of an evaluation that reads one file.
func one(fn func(context.Context, io.Reader, report.Progress) ([]report.Table, error)) func(context.Context, []io.Reader, report.Progress) ([]report.Table, error) {
	return func(ctx context.Context, in []io.Reader, p report.Progress) ([]report.Table, error) {
		return fn(ctx, in[0], p)
	}
}
