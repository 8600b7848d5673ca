package churn

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the churn service, for its own program and for the all-in-one. getenv gives the environment variables that
// set its Rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "churn",
		Doc:  "Churn Detection: VIPs with negative sentiment within seconds, and the probability of buying again.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
	}
}
