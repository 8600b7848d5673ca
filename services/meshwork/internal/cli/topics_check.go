package cli

import (
	"context"
	"fmt"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/all"
	"meshwork.dev/services/meshwork/internal/drift"
)

// expected is what a mesh of these services should be; none means all of them.
func (a *app) expected(only []string) (*drift.Expected, error) {
	if _, err := pick(only, a.getenv); err != nil {
		return nil, err
	}
	return drift.Expect(drift.Config{Contracts: all.Topics(), Descriptors: schemas.Files, Services: services(a.getenv), Only: only})
}

// checkedRow is one difference as printed with -o json.
type checkedRow struct {
	drift.Difference
	Applied bool `json:"applied"`
}

// compare compares the running mesh with its descriptors, and with --apply puts right what it can.
func (c *topicsCmd) compare(ctx context.Context, a *app, cl *kafka.Client) error {
	want, err := a.expected(c.Only) //nolint:contextcheck // requests and the stop have contexts of their own
	if err != nil {
		return err
	}
	rc, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
	differences, err := want.Check(ctx, drift.Mesh{Kafka: cl, Registry: rc})
	if err != nil {
		return fmt.Errorf("checking: %w", err)
	}
	left := len(differences)
	if c.Apply {
		done, err := drift.Apply(ctx, differences)
		if err != nil {
			return fmt.Errorf("putting right: %w", err)
		}
		left -= len(done)
	}
	if err := c.printDifferences(a, differences); err != nil {
		return err
	}
	if n := len(differences) - left; n > 0 {
		fmt.Fprintf(a.err, "%d differences put right\n", n)
	}
	if left > 0 {
		fmt.Fprintf(a.err, "%d differences\n", left)
		return quiet{}
	}
	if len(differences) == 0 {
		fmt.Fprintln(a.err, "the mesh is as its descriptors say")
	}
	return nil
}

func (c *topicsCmd) printDifferences(a *app, differences []drift.Difference) error {
	table := [][]string{{"DIFFERS", "NAME", "WANT", "HAVE", ""}}
	for _, d := range differences {
		applied := c.Apply && d.Fixable
		if c.json() {
			if err := a.printJSON(checkedRow{d, applied}); err != nil {
				return err
			}
			continue
		}
		note := ""
		switch {
		case applied:
			note = "put right"
		case d.Fixable:
			note = "--apply puts it right"
		}
		table = append(table, []string{string(d.Kind), d.Name, d.Want, d.Have, note})
	}
	if len(table) > 1 {
		a.table(table)
	}
	return nil
}
