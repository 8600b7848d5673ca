package cli

import (
	"fmt"

	"meshwork.dev/pkg/avro/gen"
)

type generateCmd struct {
	output
	Dir   string `default:"schemas" placeholder:"DIR" help:"Folder of the contracts, the root of their Go module."`
	Check bool   `help:"Write nothing; fail when a generated file is stale."`
}

// Run generates, or says what is stale.
func (c *generateCmd) Run(a *app) error {
	changed, err := gen.Run(c.Dir, c.Check)
	if err != nil {
		return fmt.Errorf("generating from %s: %w", c.Dir, err)
	}
	if c.json() {
		if changed == nil {
			changed = []string{}
		}
		if err := a.printJSON(map[string]any{"changed": changed, "written": !c.Check}); err != nil {
			return err
		}
	} else {
		for _, f := range changed {
			fmt.Fprintln(a.out, f)
		}
	}
	if c.Check && len(changed) > 0 {
		return fmt.Errorf("%d generated files are stale: run meshwork generate", len(changed))
	}
	return nil
}
