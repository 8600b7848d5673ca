package stream

import (
	"fmt"
	"io"
	"strings"

	"meshwork.dev/schemas"
)

// Description is the structure of a product as its declaration says it, for
// catalogs, lineage and people. Package service gathers those of a service.
type Description struct {
	Name    string   `json:"name"`
	Group   string   `json:"group"`
	Doc     string   `json:"doc,omitempty"`
	Output  string   `json:"output"`
	Inputs  []Edge   `json:"inputs"`
	Outputs []Edge   `json:"outputs"`
	Timers  []string `json:"timers,omitempty"`
	Window  string   `json:"window"`  // none, or how event time is cut
	Emit    string   `json:"emit"`    // when rows are published
	Store   string   `json:"store"`   // where state lives
	OnError string   `json:"onError"` // what happens to records that fail
}

// Edge is a topic and what the product has to do with it.
type Edge struct {
	Topic      string   `json:"topic"`
	Role       string   `json:"role"`                // inputs: reacts, joins, looks up, re-keyed; outputs: table, event, re-keyed, changelog, dead letter
	RekeyedTo  []string `json:"rekeyedTo,omitempty"` // the topics that KeyBy sends an input's records to
	Partitions int      `json:"partitions,omitempty"`
	Owner      string   `json:"owner,omitempty"`
	Part       bool     `json:"part,omitempty"` // of a topic that is looked into, only what the product needs is kept
}

// Describe tells the structure of a product.
func Describe(d Definition) Description {
	def := d.definition()
	out := Description{
		Name: def.name, Doc: def.doc, Group: def.group, Output: def.out.Name, Timers: def.timers,
		Window: def.spec.Window.String(), Emit: def.spec.Emit.String(), Store: def.spec.Store.String(), OnError: def.policy.String(),
	}
	for _, in := range def.inputs {
		role := "reacts"
		switch {
		case in.internal:
			role = "re-keyed"
		case in.join >= 0 && in.fold:
			role = "reacts, joins"
		case in.join >= 0:
			role = "joins"
		}
		e := edge(in.info, role)
		e.RekeyedTo = in.via
		out.Inputs = append(out.Inputs, e)
	}
	for _, l := range def.lookups {
		e := edge(l.info, "looks up")
		e.Part = l.reducer != nil
		out.Inputs = append(out.Inputs, e)
	}
	for _, o := range def.outputs {
		out.Outputs = append(out.Outputs, edge(o.info, o.kind.String()))
	}
	return out
}

func edge(info *schemas.Info, role string) Edge {
	return Edge{Topic: info.Name, Role: role, Partitions: info.Partitions, Owner: info.Owner}
}

// Fprint writes the description for a terminal, indented by two.
func (d *Description) Fprint(w io.Writer) {
	fmt.Fprintf(w, "  %s\n    %s\n    group  %s\n", d.Name, d.Doc, d.Group)
	for _, in := range d.Inputs {
		role := in.Role
		if in.Part {
			role += " (part of each row)"
		}
		fmt.Fprintf(w, "    <-     %-52s %s\n", in.Topic, role)
	}
	for _, out := range d.Outputs {
		fmt.Fprintf(w, "    ->     %-52s %s\n", out.Topic, out.Role)
	}
	if len(d.Timers) > 0 {
		fmt.Fprintf(w, "    timers %s\n", strings.Join(d.Timers, ", "))
	}
	if d.Window != "none" {
		fmt.Fprintf(w, "    window %s\n", d.Window)
	}
	fmt.Fprintf(w, "    rows   published %s, kept in %s; on error: %s\n", d.Emit, d.Store, d.OnError)
}
