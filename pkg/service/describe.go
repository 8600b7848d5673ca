package service

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
)

// Description is what services materialise, as their declarations say. It
// prints as text, JSON or a Mermaid flow chart.
type Description []Service

// Service is one service of a Description.
type Service struct {
	Service  string    `json:"service"`
	Doc      string    `json:"doc,omitempty"`
	Products []Product `json:"products"`
}

// Product is one data product of a Service.
type Product struct {
	Name    string `json:"name"`
	Group   string `json:"group"`
	Doc     string `json:"doc,omitempty"`
	Output  string `json:"output"`
	Inputs  []Edge `json:"inputs"`
	Outputs []Edge `json:"outputs"`
}

// Edge is a topic and what the product has to do with it.
type Edge struct {
	Topic      string `json:"topic"`
	Role       string `json:"role"` // inputs: reacts, joins, looks up, re-keyed; outputs: table, event, re-keyed, changelog, dead letter
	Partitions int    `json:"partitions,omitempty"`
	Owner      string `json:"owner,omitempty"`
}

// Describe describes services without connecting to anything.
func Describe(cfg *Config, services ...Definition) (Description, error) {
	var d Description
	for _, s := range services {
		sd := Service{Service: s.Name, Doc: s.Doc, Products: []Product{}}
		if s.Products != nil {
			products, err := s.Products(cfg)
			if err != nil {
				return nil, fmt.Errorf("service %s: %w", s.Name, err)
			}
			for _, p := range products {
				if err := stream.Err(p); err != nil {
					return nil, fmt.Errorf("service %s: %w", s.Name, err)
				}
				sd.Products = append(sd.Products, describeProduct(p))
			}
		}
		d = append(d, sd)
	}
	return d, nil
}

func describeProduct(p stream.Definition) Product {
	pd := Product{Name: stream.Name(p), Group: stream.Group(p)}
	for _, in := range stream.Inputs(p) {
		role := "reacts"
		switch {
		case in.Internal:
			role = "re-keyed"
		case in.Join && in.Clock:
			role = "reacts, joins"
		case in.Join:
			role = "joins"
		}
		pd.Inputs = append(pd.Inputs, edge(in.Info, role))
	}
	for _, l := range stream.Lookups(p) {
		pd.Inputs = append(pd.Inputs, edge(l.TopicInfo(), "looks up"))
	}
	for _, out := range stream.Outputs(p) {
		if pd.Output == "" {
			pd.Output, pd.Doc = out.Info.Name, out.Info.Doc
		}
		pd.Outputs = append(pd.Outputs, edge(out.Info, out.Kind))
	}
	return pd
}

func edge(info *schemas.Info, role string) Edge {
	return Edge{Topic: info.Name, Role: role, Partitions: info.Partitions, Owner: info.Owner}
}

// Find returns the description that holds only the product of that name, or
// whose output is that topic; ok is false when there is none.
func (d Description) Find(name string) (found Description, ok bool) {
	for _, s := range d {
		for _, p := range s.Products {
			if p.Name == name || p.Output == name {
				s.Products = []Product{p}
				return Description{s}, true
			}
		}
	}
	return nil, false
}

// Write prints d as text, json or mermaid.
func (d Description) Write(w io.Writer, format string) error {
	var text string
	switch format {
	case "json":
		b, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return fmt.Errorf("describing: %w", err)
		}
		text = string(b) + "\n"
	case "mermaid":
		text = d.mermaid()
	case "", "text":
		text = d.text()
	default:
		return fmt.Errorf("format %q: want text, json or mermaid", format)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("describing: %w", err)
	}
	return nil
}

func (d Description) text() string {
	var b strings.Builder
	for _, s := range d {
		fmt.Fprintf(&b, "%s: %s\n", s.Service, s.Doc)
		for _, p := range s.Products {
			fmt.Fprintf(&b, "\n  %s\n    %s\n    group  %s\n", p.Name, p.Doc, p.Group)
			for _, in := range p.Inputs {
				fmt.Fprintf(&b, "    <-     %-52s %s\n", in.Topic, in.Role)
			}
			for _, out := range p.Outputs {
				fmt.Fprintf(&b, "    ->     %-52s %s\n", out.Topic, out.Role)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// mermaid draws topics and products; dead letters and changelogs are left out,
// for they say nothing about the flow.
func (d Description) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	id := func(topic string) string {
		if ids[topic] == "" {
			ids[topic] = fmt.Sprintf("t%d", len(ids))
			fmt.Fprintf(&b, "  %s([%s])\n", ids[topic], topic)
		}
		return ids[topic]
	}
	n := 0
	for _, s := range d {
		fmt.Fprintf(&b, "  subgraph %s\n", s.Service)
		for i, p := range s.Products {
			fmt.Fprintf(&b, "    p%d[%s]\n", n+i, p.Name)
		}
		b.WriteString("  end\n")
		for i, p := range s.Products {
			for _, in := range p.Inputs {
				line := map[bool]string{true: "-->", false: "-.->"}[strings.HasPrefix(in.Role, "reacts") || in.Role == "re-keyed"]
				fmt.Fprintf(&b, "  %s %s p%d\n", id(in.Topic), line, n+i)
			}
			for _, out := range p.Outputs {
				if slices.Contains([]string{"changelog", "dead letter"}, out.Role) {
					continue
				}
				fmt.Fprintf(&b, "  p%d --> %s\n", n+i, id(out.Topic))
			}
		}
		n += len(s.Products)
	}
	return b.String()
}

// serve answers GET /describe.
func (d Description) serve(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	switch format {
	case "", "json":
		format = "json"
		w.Header().Set("Content-Type", "application/json")
	case "text", "mermaid":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	default:
		http.Error(w, "format: want text, json or mermaid", http.StatusBadRequest)
		return
	}
	_ = d.Write(w, format)
}

func printDescription(w io.Writer, def Definition, cfg *Config, format string) error {
	d, err := Describe(cfg, def)
	if err != nil {
		return err
	}
	return d.Write(w, format)
}
