package cli

import (
	"fmt"
	"io/fs"
	"os"

	"meshwork.dev/pkg/governance"
	"meshwork.dev/schemas"
)

type lintCmd struct {
	output
	Dir string `placeholder:"DIR" help:"Folder of the contracts; default: ./schemas when there is one, else those built in."`
}

// Run prints what breaks a rule.
func (c *lintCmd) Run(a *app) error {
	var fsys fs.FS = schemas.Files
	switch {
	case c.Dir != "":
		if _, err := os.Stat(c.Dir); err != nil {
			return &notFound{"no folder " + c.Dir + ": name the folder of the contracts with --dir"}
		}
		fsys = os.DirFS(c.Dir)
	default:
		if info, err := os.Stat("schemas"); err == nil && info.IsDir() {
			fsys = os.DirFS("schemas")
		}
	}
	mesh, err := governance.Load(fsys)
	if err != nil {
		return fmt.Errorf("reading contracts: %w", err)
	}
	findings := governance.Lint(mesh)
	for _, f := range findings {
		if c.json() {
			if err := a.printJSON(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(a.out, f)
	}
	if len(findings) > 0 {
		fmt.Fprintf(a.err, "%d findings\n", len(findings))
		return quiet{}
	}
	if !c.json() {
		fmt.Fprintln(a.err, "no findings")
	}
	return nil
}
