// Command product runs the product domain: it materialises the Product state and Product Sales. See --help.
package main

import (
	"meshwork.dev/pkg/service"
	"meshwork.dev/services/product"
)

func main() { service.Main(product.Service()) }
