package churn

import "meshwork.dev/pkg/stream"

// Products declares the data products of the domain.
func Products() ([]stream.Definition, error) { return nil, nil }
