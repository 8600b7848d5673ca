package drift

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"meshwork.dev/pkg/governance"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// Expected is what a mesh should be.
type Expected struct {
	topics   map[string]*schemas.Info // by name: those that should be there
	known    map[string]bool          // names that are no surplus, though they need not be there
	typed    map[string]bool          // topics that have a subject
	products []product
	ports    []Difference // found without asking anybody
}

// product is a declared product, as the engine runs it.
type product struct {
	service, name, group string
	inputs               []string
	outputs              []string // tables and events
}

// Config says what to expect.
type Config struct {
	Contracts   []*schemas.Info      // every contract of the mesh
	Descriptors fs.FS                // the tree of descriptor files
	Services    []service.Definition // every service of the mesh
	Only        []string             // services to expect; none: all, and every contract
}

// Expect works out what a mesh of these services should be.
func Expect(c Config) (*Expected, error) {
	e := &Expected{topics: map[string]*schemas.Info{}, known: map[string]bool{}, typed: map[string]bool{}}
	for _, info := range c.Contracts {
		e.known[info.Name], e.typed[info.Name] = true, true
		if len(c.Only) == 0 {
			e.topics[info.Name] = info
		}
	}
	for _, s := range c.Services {
		if s.Products == nil {
			continue
		}
		defs, err := s.Products(&service.Config{})
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.Name, err)
		}
		wanted := len(c.Only) == 0 || slices.Contains(c.Only, s.Name)
		for _, d := range defs {
			if err := stream.Err(d); err != nil {
				return nil, fmt.Errorf("service %s: %w", s.Name, err)
			}
			e.addProduct(s.Name, d, wanted)
		}
	}
	mesh, err := governance.Load(c.Descriptors)
	if err != nil {
		return nil, fmt.Errorf("reading descriptors: %w", err)
	}
	e.comparePorts(mesh, c)
	if len(c.Only) > 0 {
		e.products = slices.DeleteFunc(e.products, func(p product) bool { return !slices.Contains(c.Only, p.service) })
	}
	return e, nil
}

func (e *Expected) addProduct(service string, d stream.Definition, wanted bool) {
	p := product{service: service, name: stream.Name(d), group: stream.Group(d)}
	add := func(info *schemas.Info) {
		e.known[info.Name] = true
		if wanted && e.topics[info.Name] == nil {
			e.topics[info.Name] = info
		}
	}
	for _, in := range stream.Inputs(d) {
		p.inputs = append(p.inputs, in.Info.Name)
		add(in.Info)
	}
	for _, l := range stream.Lookups(d) {
		add(l.TopicInfo())
	}
	for _, out := range stream.Outputs(d) {
		add(out.Info)
		if out.Kind == "table" || out.Kind == "event" {
			p.outputs = append(p.outputs, out.Info.Name)
		}
	}
	e.products = append(e.products, p)
}

// comparePorts compares descriptors with declarations.
func (e *Expected) comparePorts(mesh *governance.Mesh, c Config) {
	publishers := map[string][]product{}
	for _, p := range e.products {
		for _, t := range p.outputs {
			publishers[t] = append(publishers[t], p)
		}
	}
	infos := map[string]*schemas.Info{}
	for _, info := range c.Contracts {
		infos[info.Name] = info
	}
	expected := func(service string) bool { return len(c.Only) == 0 || slices.Contains(c.Only, service) }
	ports := map[string]bool{}
	for _, d := range mesh.Products {
		for _, port := range d.Outputs {
			topic := port.PhysicalName()
			if port.Type != "kafka" {
				continue
			}
			ports[topic] = true
			if !expected(d.Domain) {
				continue
			}
			info, by := infos[topic], publishers[topic]
			switch {
			case info == nil:
				e.port(topic, "a contract for port "+port.Name+" of "+d.Name, "none")
			case info.Owner != d.Domain:
				e.port(topic, "owner "+d.Domain+", of "+d.Name, "owner "+info.Owner)
			case info.Product != d.ID:
				e.port(topic, "product "+d.ID, "product "+info.Product)
			case len(by) == 0:
				e.port(topic, "a product of service "+d.Domain+" that publishes it", "none")
			case len(by) > 1:
				e.port(topic, "one product that publishes it", by[0].name+" and "+by[1].name)
			case by[0].service != d.Domain:
				e.port(topic, "published by service "+d.Domain, "published by service "+by[0].service)
			}
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(publishers)) {
		if strings.Contains(topic, ".command.") {
			continue // an input port of whoever takes the command; anybody may send one
		}
		if strings.HasPrefix(topic, "pub.") && !ports[topic] && expected(publishers[topic][0].service) {
			e.port(topic, "an output port of a descriptor", "published by "+publishers[topic][0].name+" alone")
		}
	}
}

func (e *Expected) port(topic, want, have string) {
	e.ports = append(e.ports, Difference{Kind: Port, Name: topic, Want: want, Have: have})
}

// own is the form of names that belong to the mesh, dead letters included.
var own = regexp.MustCompile(`^(pub|priv)\.(ecomm|mesh)\.[a-z0-9-]+\.[a-z0-9-]+\.(event|state|command|cdc)\.v[0-9]+(\.dlq)?(-value)?$`)
