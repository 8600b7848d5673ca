package cli

import (
	"fmt"

	"meshwork.dev/pkg/telemetry"
)

type versionCmd struct{ output }

// Run prints what the program was built from.
func (c *versionCmd) Run(a *app) error {
	b := telemetry.ReadBuild()
	if c.json() {
		return a.printJSON(b)
	}
	_, err := fmt.Fprintf(a.out, "meshwork %s (%s, %s)\n", b.Version, b.Revision, b.Go)
	return err
}
