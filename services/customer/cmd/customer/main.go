// Command customer runs the customer domain: it materialises Customer Data, Customer Segmentation and Customer Interactions. See --help.
package main

import (
	"os"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/customer"
)

func main() { service.Main(customer.Service(os.Getenv)) }
