package governance

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"meshwork.dev/pkg/avro/schema"
)

// The endings of descriptor files. A contract and its schema share the name before them.
const (
	ContractSuffix = ".odcs.yaml"
	ProductSuffix  = ".odps.yaml"
	SchemaSuffix   = ".avsc"
)

// Mesh is everything a tree of descriptors says.
type Mesh struct {
	Contracts []*Contract // by file
	Products  []*Product  // by file
	Schemas   []*AvroFile // by file
}

// AvroFile is one .avsc file.
type AvroFile struct {
	File   string
	Text   string
	Schema *schema.Schema // nil where the text is faulty
	Err    error          // the fault
}

// Load reads every descriptor under fsys. What can be read is returned even where other files are faulty; the error
// then joins one error per faulty file, each naming it. Folders named testdata and those starting with a dot are
// left out.
func Load(fsys fs.FS) (*Mesh, error) {
	m := &Mesh{}
	schemas := make(map[string]*AvroFile)
	var errs []error
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != "." && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		switch {
		case strings.HasSuffix(file, ContractSuffix):
			c := &Contract{File: file}
			if err := readYAML(fsys, file, c); err != nil {
				errs = append(errs, err)
				return nil
			}
			m.Contracts = append(m.Contracts, c)
		case strings.HasSuffix(file, ProductSuffix):
			p := &Product{File: file}
			if err := readYAML(fsys, file, p); err != nil {
				errs = append(errs, err)
				return nil
			}
			m.Products = append(m.Products, p)
		case strings.HasSuffix(file, SchemaSuffix):
			text, err := fs.ReadFile(fsys, file)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			a := &AvroFile{File: file, Text: string(text)}
			if a.Schema, a.Err = schema.Parse(a.Text); a.Err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", file, a.Err))
			}
			schemas[file] = a
			m.Schemas = append(m.Schemas, a)
		}
		return nil
	})
	if err != nil {
		errs = append(errs, err)
	}
	for _, c := range m.Contracts {
		file := strings.TrimSuffix(c.File, ContractSuffix) + SchemaSuffix
		if a, ok := schemas[file]; ok {
			c.AvroFile, c.AvroText, c.Avro = a.File, a.Text, a.Schema
		}
	}
	return m, errors.Join(errs...)
}

func readYAML(fsys fs.FS, file string, into any) error {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path.Clean(file), err)
	}
	return nil
}

// Contract finds a contract by its id; nil where there is none.
func (m *Mesh) Contract(id string) *Contract {
	for _, c := range m.Contracts {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// Offering finds the product and the output port that offer a contract.
func (m *Mesh) Offering(contractID string) (*Product, *OutputPort) {
	for _, p := range m.Products {
		for i := range p.Outputs {
			if p.Outputs[i].ContractID == contractID {
				return p, &p.Outputs[i]
			}
		}
	}
	return nil, nil
}

// ProductByName finds a product by the name that contracts give in dataProduct; nil where there is none.
func (m *Mesh) ProductByName(name string) *Product {
	for _, p := range m.Products {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Personal reports whether a classification marks personal data: pii, or pii with a level (pii.low, …).
func Personal(classification string) bool {
	return classification == "pii" || strings.HasPrefix(classification, "pii.")
}

// Walk calls fn for every property of a contract with its path, such as lines[].productId, parents first.
func (c *Contract) Walk(fn func(path string, p *Property)) {
	for i := range c.Schema {
		walkProperties("", c.Schema[i].Properties, fn)
	}
}

func walkProperties(prefix string, ps []Property, fn func(string, *Property)) {
	for i := range ps {
		walkProperty(prefix+ps[i].Name, &ps[i], fn)
	}
}

func walkProperty(at string, p *Property, fn func(string, *Property)) {
	fn(at, p)
	walkProperties(at+".", p.Properties, fn)
	if p.Items != nil {
		// Items have no name: the properties of an object in an array stand right under the array.
		if len(p.Items.Properties) > 0 {
			walkProperties(at+"[].", p.Items.Properties, fn)
			return
		}
		walkProperty(at+"[]", p.Items, fn)
	}
}
