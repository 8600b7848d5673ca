// Command orderprocessing runs the order domain: the REST API for orders, and the life cycle behind it. See --help.
package main

import (
	"os"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/orderprocessing"
)

func main() { service.Main(orderprocessing.Service(os.Getenv)) }
