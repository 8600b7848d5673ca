package eshop

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
)

// Service is the eshop service, for its own program and for the all-in-one. getenv gives the environment variables that
// set its rules.
func Service(getenv func(string) string) service.Definition {
	return service.Definition{
		Name: "eshop",
		Doc:  "It takes what visitors do in the shop, and materialises Shopping Cart, Page Navigation and User Information.",
		Products: func(*service.Config) ([]stream.Definition, error) {
			rules, err := RulesFrom(getenv)
			if err != nil {
				return nil, err
			}
			return Products(rules)
		},
	}
}
