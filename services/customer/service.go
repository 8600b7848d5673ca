package customer

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the customer service, for its own program and for the all-in-one. getenv gives the environment variables that
// set its rules.
func Service(getenv func(string) string) service.Definition {
	_ = getenv
	return service.Definition{
		Name:     "customer",
		Doc:      "It materialises Customer Data, Customer Segmentation and Customer Interactions.",
		Products: func(*service.Config) ([]stream.Definition, error) { return Products() },
	}
}
