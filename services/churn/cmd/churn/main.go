// Command churn runs the churn domain: it materialises Churn Detection: VIPs with negative sentiment, and the probability of being active. See --help.
package main

import (
	"os"

	"meshwork.dev/pkg/service"
	"meshwork.dev/services/churn"
)

func main() { service.Main(churn.Service(os.Getenv)) }
