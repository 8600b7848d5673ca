package customer

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the customer service, for its own program and for the all-in-one. getenv gives the environment variables
// that set its Rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "customer",
		Doc:  "Customers, their segments and what they say: the customer domain of the mesh.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
	}
}
