package service

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"meshwork.dev/pkg/stream"
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
type Product = stream.Description

// Edge is a topic and what a product has to do with it.
type Edge = stream.Edge

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
				sd.Products = append(sd.Products, stream.Describe(p))
			}
		}
		d = append(d, sd)
	}
	return d, nil
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
			b.WriteString("\n")
			p.Fprint(&b)
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
