package cli

import (
	"os"
	"slices"
	"strings"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/orderprocessing"
	"meshwork.dev/services/product"
)

// services are the domain services of the mesh.
func services() []service.Definition {
	return []service.Definition{orderprocessing.Service(os.Getenv), product.Service()}
}

// pick returns the services of those names, all when there are none.
func pick(names []string) ([]service.Definition, error) {
	all := services()
	if len(names) == 0 {
		return all, nil
	}
	var valid []string
	for _, s := range all {
		valid = append(valid, s.Name)
	}
	var picked []service.Definition
	for _, n := range names {
		i := slices.Index(valid, strings.TrimSpace(n))
		if i < 0 {
			return nil, usagef("--only: there is no service %s; there are %s", n, strings.Join(valid, ", "))
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}
