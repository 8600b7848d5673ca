package governance

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// inputs checks R7.
func (l *linter) inputs() {
	for _, p := range l.m.Products {
		for i := range p.Inputs {
			in := &p.Inputs[i]
			at := "inputPorts." + in.Name
			c := l.byID[in.ContractID]
			if c == nil {
				l.add("R7", p.File, at+".contractId", "correct the id or add the contract", "there is no contract %q", in.ContractID)
				continue
			}
			name, version := c.Name, c.Version
			if _, o := l.m.Offering(c.ID); o != nil {
				name, version = o.Name, o.Version
			} else if !l.ownInput(c, p) {
				l.add("R7", p.File, at, "name an output port of a product, or a command or private feed of the own domain", "no product offers %s", c.ID)
				continue
			}
			if in.Name != name {
				l.add("R7", p.File, at, "call it "+name, "the port it names is called %s", name)
			}
			if in.Version != version {
				l.add("R7", p.File, at+".version", "name the version in use", "%q, but the port has version %s", in.Version, version)
			}
		}
	}
	l.outputs(func(p *Product, o *OutputPort) {
		for _, in := range o.InputContracts {
			if l.byID[in.ID] == nil {
				l.add("R7", p.File, portPath(o, ".inputContracts"), "correct the id or add the contract", "there is no contract %q", in.ID)
			}
		}
	})
}

// ownInput reports whether a contract is a command to the product's domain or a private feed of it. These belong to
// who reads them, so no product need offer them.
func (l *linter) ownInput(c *Contract, p *Product) bool {
	t := l.topics[c]
	return t != nil && c.Domain == p.Domain && (t.Kind == "command" || strings.HasPrefix(t.Name, "priv."))
}

// domains checks R9.
func (l *linter) domains() {
	alias := make(map[string]string)   // alias → domain
	context := make(map[string]string) // bounded context → domain
	known := make(map[string]bool)
	for _, p := range l.m.Products {
		known[p.Domain] = true
	}
	for _, p := range l.m.Products {
		for _, a := range p.Custom.Texts("domainAliases") {
			if other, ok := alias[a]; ok && other != p.Domain || known[a] && a != p.Domain {
				l.add("R9", p.File, "customProperties.domainAliases", "let each alias mean one domain", "%q also means the domain %s", a, otherDomain(other, a))
			}
			alias[a] = p.Domain
		}
	}
	claim := func(file, at, ctx, domain string) {
		if other, ok := context[ctx]; ok && other != domain {
			l.add("R9", file, at, "use one id for the domain", "the context %s belongs to the domain %q elsewhere, here to %q", ctx, other, domain)
			return
		}
		context[ctx] = domain
	}
	for _, p := range l.m.Products {
		ctx := p.Custom.Text("boundedContext")
		if ctx == "" {
			l.add("R9", p.File, "customProperties.boundedContext", "name the bounded context", "the product has no bounded context")
			continue
		}
		claim(p.File, "domain", ctx, p.Domain)
	}
	for _, c := range l.m.Contracts {
		switch {
		case known[c.Domain]:
		case alias[c.Domain] != "":
			l.add("R9", c.File, "domain", "write "+alias[c.Domain], "%q is an alias, not the id of a domain", c.Domain)
			continue
		case c.Domain != "":
			l.add("R9", c.File, "domain", "use the id of a domain that has a product", "there is no domain %q", c.Domain)
			continue
		}
		if t := l.topics[c]; t != nil {
			name, _ := ParseTopicName(t.Name)
			claim(c.File, "domain", name.Context, c.Domain)
		}
	}
}

func otherDomain(other, alias string) string {
	if other != "" {
		return other
	}
	return alias
}

// topicNames checks R10.
func (l *linter) topicNames() {
	for _, c := range l.m.Contracts {
		if len(c.Schema) == 1 && (c.Schema[0].PhysicalType == "topic" || c.Schema[0].PhysicalType == "") {
			if _, err := c.Topic(); err != nil {
				l.add("R10", c.File, "schema[0]", "name the topic by the scheme and correct its custom properties", "%s", strings.TrimPrefix(err.Error(), c.File+": "))
			}
		}
		t := l.topics[c]
		if t == nil {
			continue
		}
		name, err := ParseTopicName(t.Name)
		if err != nil {
			continue
		}
		stem := name.Name + "." + name.Kind + ".v" + strconv.Itoa(name.Major)
		if base := strings.TrimSuffix(path.Base(c.File), ContractSuffix); base != stem {
			l.add("R10", c.File, "", "name the file "+stem+ContractSuffix, "the file is not named after the topic %s", t.Name)
		}
		if folder := path.Base(path.Dir(c.File)); folder != name.Context {
			l.add("R10", c.File, "schema[0].physicalName", "keep contracts in the folder of their context", "context %s in the folder %s", name.Context, folder)
		}
		if t.Subject != t.Name+"-value" {
			l.add("R10", c.File, "schema[0].customProperties.schemaSubject", "write "+t.Name+"-value", "%q is not the topic's subject", t.Subject)
		}
		if major, _, _ := strings.Cut(c.Version, "."); major != strconv.Itoa(name.Major) {
			l.add("R10", c.File, "version", "give topic and contract the same major version", "version %s of a topic of major %d", c.Version, name.Major)
		}
		if !slices.Contains(levels, t.Compatibility) {
			l.add("R10", c.File, "schema[0].customProperties.compatibility", "use one of "+strings.Join(levels, ", "), "%q is not a compatibility level", t.Compatibility)
		}
	}
}

var levels = []string{"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}
