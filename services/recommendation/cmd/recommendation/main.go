// Command recommendation runs the recommendation domain: it materialises Recommendation: what each customer and visitor is likely to want next. See --help.
package main

import (
	"os"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/recommendation"
)

func main() { service.Main(recommendation.Service(os.Getenv)) }
