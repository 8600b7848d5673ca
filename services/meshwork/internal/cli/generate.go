package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"meshwork.dev/pkg/avro/gen"
	"meshwork.dev/pkg/governance"
)

type generateCmd struct {
	output
	Dir   string `default:"schemas" placeholder:"DIR" help:"Folder of the contracts, the root of their Go module."`
	Check bool   `help:"Write nothing; fail when a generated file is stale."`

	New     string   `placeholder:"CONTEXT" help:"First write contracts and descriptor of a new data product, from the Avro schemas in the folder of this context that have none."`
	Product string   `placeholder:"NAME" help:"With --new: its name, such as CountrySales."`
	Key     []string `placeholder:"FIELD" help:"With --new: the fields that make the record key."`
	From    []string `placeholder:"TOPIC" help:"With --new: the topics it is made from."`
	Domain  string   `placeholder:"NAME" help:"With --new: the domain that owns it, the name of its service. Default: the context."`
}

// Help is the long help of the command.
func (generateCmd) Help() string {
	return `With --new, <name>.state.v1.avsc becomes a public port, <name>.event.v1.avsc a private step. Read what was written and
correct it: where a field comes from, how sensitive it is, what the product is for. docs/guide-data-product.md shows one.`
}

// Run generates, or says what is stale.
func (c *generateCmd) Run(a *app) error {
	written, err := c.scaffold()
	if err != nil {
		return err
	}
	changed, err := gen.Run(c.Dir, c.Check)
	if err != nil {
		return fmt.Errorf("generating from %s: %w", c.Dir, err)
	}
	changed = append(written, changed...)
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

// scaffold writes the descriptors of a new product.
func (c *generateCmd) scaffold() (written []string, err error) {
	if c.New == "" {
		return nil, nil
	}
	if c.Check {
		return nil, usagef("--new writes files, --check writes none: choose one")
	}
	mesh, err := governance.Load(os.DirFS(c.Dir))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.Dir, err)
	}
	n := governance.NewProduct{Context: c.New, Domain: c.Domain, Name: c.Product, Key: c.Key}
	for _, name := range c.From {
		topic, err := resolve(name)
		if err != nil {
			return nil, err
		}
		n.From = append(n.From, topic)
	}
	files, err := governance.Scaffold(mesh, n)
	if err != nil {
		return nil, fmt.Errorf("new data product: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(c.Dir, filepath.FromSlash(name))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // descriptors are for everybody to read
		if err != nil {
			return written, fmt.Errorf("writing: %w", err)
		}
		_, err = f.Write(files[name])
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return written, fmt.Errorf("writing %s: %w", path, err)
		}
		written = append(written, path)
	}
	return written, nil
}
