package recommendation

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the recommendation service, for its own program and for the all-in-one. getenv gives the environment variables that
// set its rules.
func Service(getenv func(string) string) service.Definition {
	_ = getenv
	return service.Definition{
		Name:     "recommendation",
		Doc:      "It materialises Recommendation: what each customer and visitor is likely to want next.",
		Products: func(*service.Config) ([]stream.Definition, error) { return Products() },
	}
}
