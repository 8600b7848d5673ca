package stream

import (
	"fmt"
	"strings"
)

// Description is the structure of a product, for catalogs, lineage and people.
type Description struct {
	Product   string           `json:"product"`
	Doc       string           `json:"doc,omitempty"`
	Group     string           `json:"group"`
	Output    string           `json:"output"`
	Inputs    []DescribedInput `json:"inputs"`
	Lookups   []string         `json:"lookups,omitempty"`
	Emits     []string         `json:"emits,omitempty"`
	Rekeyed   []string         `json:"rekeyed,omitempty"`     // topics that KeyBy goes through
	Changelog []string         `json:"changelog"`             // where state is restored from
	Dead      []string         `json:"deadLetters,omitempty"` // where failed records go
	Timers    []string         `json:"timers,omitempty"`
	Window    string           `json:"window"`
	Emit      string           `json:"emit"`
	Store     string           `json:"store"`
	OnError   string           `json:"onError"`
}

// DescribedInput is a consumed topic and what it is for.
type DescribedInput struct {
	Topic string   `json:"topic"`
	Roles []string `json:"roles"` // react, join, rekey to <topic>
}

// Describe tells the structure of a product.
func Describe(d Definition) Description {
	def := d.definition()
	out := Description{
		Product: def.name, Doc: def.doc, Group: def.group, Output: def.out.Name, Timers: def.timers,
		Window: def.spec.Window.String(), Emit: def.spec.Emit.String(), Store: def.spec.Store.String(), OnError: def.policy.String(),
	}
	for _, in := range def.inputs {
		di := DescribedInput{Topic: in.info.Name}
		if in.fold {
			di.Roles = append(di.Roles, "react")
		}
		if in.join >= 0 {
			di.Roles = append(di.Roles, "join")
		}
		for _, via := range in.via {
			di.Roles = append(di.Roles, "rekey to "+via)
		}
		out.Inputs = append(out.Inputs, di)
	}
	for _, l := range def.lookups {
		out.Lookups = append(out.Lookups, l.info.Name)
	}
	if def.ownChangelog {
		out.Changelog = append(out.Changelog, def.out.Name)
	}
	for _, o := range def.outputs {
		switch o.kind {
		case outTable: // it is the output
		case outEvent:
			out.Emits = append(out.Emits, o.info.Name)
		case outVia:
			out.Rekeyed = append(out.Rekeyed, o.info.Name)
		case outSide:
			out.Changelog = append(out.Changelog, o.info.Name)
		case outDead:
			out.Dead = append(out.Dead, o.info.Name)
		}
	}
	return out
}

// Text is the description for a terminal.
func (d Description) Text() string {
	var b strings.Builder
	line := func(name string, values ...string) {
		if len(values) > 0 {
			fmt.Fprintf(&b, "  %-13s %s\n", name, strings.Join(values, "\n                "))
		}
	}
	fmt.Fprintf(&b, "%s\n", d.Product)
	if d.Doc != "" {
		line("", d.Doc)
	}
	for i, in := range d.Inputs {
		name := "input"
		if i > 0 {
			name = ""
		}
		line(name, in.Topic+"  ("+strings.Join(in.Roles, ", ")+")")
	}
	line("lookup", d.Lookups...)
	line("re-keyed by", d.Rekeyed...)
	line("output", d.Output)
	line("emits", d.Emits...)
	line("changelog", d.Changelog...)
	line("dead letters", d.Dead...)
	line("timers", d.Timers...)
	line("window", d.Window)
	line("publishes", d.Emit)
	line("store", d.Store)
	line("on error", d.OnError)
	line("group", d.Group)
	return b.String()
}

// Mermaid is the description as a flowchart.
func (d Description) Mermaid() string {
	var b strings.Builder
	ids := map[string]string{}
	id := func(topic string) string {
		if ids[topic] == "" {
			ids[topic] = fmt.Sprintf("t%d", len(ids))
			fmt.Fprintf(&b, "  %s[(%q)]\n", ids[topic], topic)
		}
		return ids[topic]
	}
	b.WriteString("flowchart LR\n")
	fmt.Fprintf(&b, "  p{{%q}}\n", d.Product)
	for _, in := range d.Inputs {
		for _, r := range in.Roles {
			if via, ok := strings.CutPrefix(r, "rekey to "); ok {
				fmt.Fprintf(&b, "  %s -- rekey --> %s\n", id(in.Topic), id(via))
				continue
			}
			fmt.Fprintf(&b, "  %s -- %s --> p\n", id(in.Topic), r)
		}
	}
	for _, l := range d.Lookups {
		fmt.Fprintf(&b, "  %s -. lookup .-> p\n", id(l))
	}
	fmt.Fprintf(&b, "  p ==> %s\n", id(d.Output))
	for _, e := range d.Emits {
		fmt.Fprintf(&b, "  p --> %s\n", id(e))
	}
	return b.String()
}
