package cli

import (
	"slices"
	"strings"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/churn"
	"meshwork.dev/services/customer"
	"meshwork.dev/services/eshop"
	"meshwork.dev/services/orderprocessing"
	"meshwork.dev/services/product"
	"meshwork.dev/services/recommendation"
)

// services are the domain services of the mesh. getenv gives the environment
// variables that set their rules.
func services(getenv func(string) string) []service.Definition {
	return []service.Definition{
		eshop.Service(getenv), customer.Service(getenv), product.Service(), orderprocessing.Service(getenv),
		recommendation.Service(getenv), churn.Service(getenv),
	}
}

// quickly shortens the life of orders, where the environment does not say
// otherwise: who watches a generated shop does not want to wait a day for an
// order to complete.
func quickly(getenv func(string) string) func(string) string {
	quick := map[string]string{orderprocessing.EnvScheduleAfter: "2s", orderprocessing.EnvCompleteAfter: "5s"}
	return func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return quick[name]
	}
}

// pick returns the services of those names, all when there are none.
func pick(names []string, getenv func(string) string) ([]service.Definition, error) {
	all := services(getenv)
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
