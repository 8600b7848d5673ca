package cli

import (
	"context"
	"fmt"

	"meshwork.dev/pkg/service"
)

type describeCmd struct {
	Output  string `short:"o" enum:"text,json,mermaid" default:"text" help:"text, json or mermaid."`
	Product string `arg:"" optional:"" help:"Data product or output topic; default: all."`
}

// Run describes the products of the services built in. It connects to nothing.
func (c *describeCmd) Run(_ context.Context, a *app) error {
	d, err := service.Describe(&service.Config{}, services(a.getenv)...) //nolint:contextcheck // requests and the stop have contexts of their own
	if err != nil {
		return fmt.Errorf("describing: %w", err)
	}
	if c.Product != "" {
		found, ok := d.Find(c.Product)
		if !ok {
			return &notFound{"no service materialises a data product called " + c.Product + "; meshwork describe shows all"}
		}
		d = found
	}
	return d.Write(a.out, c.Output)
}
