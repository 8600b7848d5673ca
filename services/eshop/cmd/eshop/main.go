// Command eshop runs the eshop domain: it takes what visitors do in the shop, and materialises Shopping Cart, Page Navigation and User Information. See --help.
package main

import (
	"os"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/eshop"
)

func main() { service.Main(eshop.Service(os.Getenv)) }
