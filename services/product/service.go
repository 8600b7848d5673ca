package product

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the product service, for its own program and for the all-in-one.
func Service() service.Definition {
	return service.Definition{
		Name:     "product",
		Doc:      "Product state and Product Sales: the product domain of the mesh.",
		Products: func(*service.Config) ([]stream.Definition, error) { return Products() },
	}
}
