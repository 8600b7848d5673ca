package governance

import (
	"regexp"
	"slices"
	"strings"
)

// roles are pairs of words that must not be mixed up on the way from a source field to its target.
var roles = [][2]*regexp.Regexp{
	{regexp.MustCompile(`(?i)ship`), regexp.MustCompile(`(?i)bill`)},
	{regexp.MustCompile(`(?i)first_?name`), regexp.MustCompile(`(?i)last_?name`)},
}

// columns checks R12.
func (l *linter) columns() {
	for _, c := range l.m.Contracts {
		c.Walk(func(at string, p *Property) {
			path := "schema[0].properties." + at + ".transformSourceObjects"
			for _, s := range p.TransformSourceObjects {
				topic, field, ok := strings.Cut(s, "/")
				if !ok {
					l.add("R12", c.File, path, "write <topic>/<field>, such as pub.ecomm.shop.cart.state.v1/items.price", "%q names no field", s)
					continue
				}
				source := l.byTopic[topic]
				if source == nil {
					l.add("R12", c.File, path, "correct the topic or add its contract", "there is no topic %s", topic)
					continue
				}
				if !hasField(source, field) {
					l.add("R12", c.File, path, "correct the field", "%s has no field %s", topic, field)
				}
				for _, r := range roles {
					for i, mine := range r {
						other := r[1-i]
						if mine.MatchString(at) && !other.MatchString(at) && other.MatchString(field) && !mine.MatchString(field) {
							l.add("R12", c.File, path, "take it from the field of the same meaning", "%s comes from %s", at, field)
						}
					}
				}
			}
		})
	}
}

func hasField(c *Contract, field string) (found bool) {
	field = strings.ReplaceAll(field, "[]", "")
	c.Walk(func(at string, _ *Property) { found = found || strings.ReplaceAll(at, "[]", "") == field })
	return found
}

// sources are the contracts that a contract's fields come from. Steps inside the product are replaced by what
// they come from themselves.
func (l *linter) sources(c *Contract, p *Product, open []*Contract) []*Contract {
	var out []*Contract
	if slices.Contains(open, c) {
		return nil
	}
	open = append(open, c)
	c.Walk(func(_ string, prop *Property) {
		for _, s := range prop.TransformSourceObjects {
			topic, _, _ := strings.Cut(s, "/")
			source := l.byTopic[topic]
			switch {
			case source == nil || source == c:
			case internal(source, p):
				out = append(out, l.sources(source, p, open)...)
			default:
				out = append(out, source)
			}
		}
	})
	return out
}

// internal reports whether a contract is a step inside a product: one of its own that it neither offers nor reads
// as an input port.
func internal(c *Contract, p *Product) bool {
	return c.DataProduct == p.Name &&
		!slices.ContainsFunc(p.Outputs, func(o OutputPort) bool { return o.ContractID == c.ID }) &&
		!slices.ContainsFunc(p.Inputs, func(in InputPort) bool { return in.ContractID == c.ID })
}

// lineage checks R13.
func (l *linter) lineage() {
	for _, p := range l.m.Products {
		used := make(map[string]bool)
		for i := range p.Outputs {
			o := &p.Outputs[i]
			for _, in := range o.InputContracts {
				used[in.ID] = true
				own := slices.ContainsFunc(p.Outputs, func(o OutputPort) bool { return o.ContractID == in.ID })
				declared := slices.ContainsFunc(p.Inputs, func(port InputPort) bool { return port.ContractID == in.ID })
				if c := l.byID[in.ID]; c != nil && !own && !declared && !internal(c, p) {
					l.add("R13", p.File, portPath(o, ".inputContracts"), "declare it as an input port", "made from %s, which is no input port of the product", in.ID)
				}
			}
			c := l.byID[o.ContractID]
			if c == nil {
				if len(o.InputContracts) == 0 {
					l.add("R13", p.File, portPath(o, ".inputContracts"), "name the contracts it is made from", "nothing says where its data comes from")
				}
				continue
			}
			for _, source := range l.sources(c, p, nil) {
				if !slices.ContainsFunc(o.InputContracts, func(in InputContract) bool { return in.ID == source.ID }) {
					l.add("R13", p.File, portPath(o, ".inputContracts"), "add "+source.ID, "fields of %s come from %s, which is not declared", c.Name, source.ID)
				}
			}
		}
		for _, in := range p.Inputs {
			if !used[in.ContractID] {
				l.add("R13", p.File, "inputPorts."+in.Name, "name it in the inputContracts of the ports made from it, or drop it", "no output port is made from it")
			}
		}
	}
}
