package churn

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the churn service, for its own program and for the all-in-one. getenv gives the environment variables that
// set its rules.
func Service(getenv func(string) string) service.Definition {
	_ = getenv
	return service.Definition{
		Name:     "churn",
		Doc:      "It materialises Churn Detection: VIPs with negative sentiment, and the probability of being active.",
		Products: func(*service.Config) ([]stream.Definition, error) { return Products() },
	}
}
