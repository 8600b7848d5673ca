package governance

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"meshwork.dev/pkg/avro/schema"
)

// NewProduct is what nobody can work out of the Avro schemas of a new data product.
type NewProduct struct {
	Context string   // bounded context and folder: market
	Domain  string   // who owns it, the name of the service; default: the context
	Name    string   // CountrySales
	Key     []string // fields of every record that make the record key
	From    []string // topics it is made from
}

// Scaffold writes the contracts and the descriptor of a new data product from its Avro schemas, which are those in
// the folder of its context that have no contract yet. A state becomes a public port, an event or command a private
// step on the way there. What a file has to say beyond that is filled in from the schemas and their docs, and from the
// contracts of the inputs: a field comes from the field of the same name, its classification with it; one that has no
// such field counts records, and comes from their key.
//
// The result is by file name. It passes the linter; people refine it. Scaffold changes nothing.
func Scaffold(m *Mesh, n NewProduct) (map[string][]byte, error) {
	if n.Domain == "" {
		n.Domain = n.Context
	}
	if n.Context == "" || n.Name == "" || len(n.Key) == 0 || len(n.From) == 0 {
		return nil, errors.New("a new product needs a context, a name, a key and at least one input")
	}
	if m.ProductByName(n.Name) != nil {
		return nil, fmt.Errorf("there is a product %s already", n.Name)
	}
	s := &scaffold{NewProduct: n, m: m, l: newLinter(m), files: map[string][]byte{}}
	for _, topic := range n.From {
		c := s.l.byTopic[topic]
		if c == nil {
			return nil, fmt.Errorf("no contract is about the topic %s", topic)
		}
		s.inputs = append(s.inputs, c)
	}
	var states []*AvroFile
	for _, a := range m.Schemas {
		if path.Dir(a.File) != n.Context || slices.ContainsFunc(m.Contracts, func(c *Contract) bool { return c.AvroFile == a.File }) {
			continue
		}
		if a.Err != nil {
			return nil, a.Err
		}
		if strings.Contains(a.File, ".state.v") {
			states = append(states, a)
			continue
		}
		c, err := s.contract(a, "priv", s.inputs)
		if err != nil {
			return nil, err
		}
		s.steps = append(s.steps, c)
	}
	if len(states) == 0 {
		return nil, fmt.Errorf("%s: no Avro schema of a state without a contract, such as %s/country-sales.state.v1.avsc", n.Context, n.Context)
	}
	sources := s.inputs
	if len(s.steps) > 0 {
		sources = s.steps
	}
	for _, a := range states {
		c, err := s.contract(a, "pub", sources)
		if err != nil {
			return nil, err
		}
		s.ports = append(s.ports, c)
	}
	s.product()
	return s.files, nil
}

type scaffold struct {
	NewProduct
	m                    *Mesh
	l                    *linter
	inputs, steps, ports []*Contract
	files                map[string][]byte
}

// contract writes the contract of a schema, and makes it known.
func (s *scaffold) contract(a *AvroFile, visibility string, sources []*Contract) (*Contract, error) {
	record := a.Schema
	if record.Kind != schema.Record {
		return nil, fmt.Errorf("%s: not a record", a.File)
	}
	for _, k := range s.Key {
		if record.FieldByName(k) == nil {
			return nil, fmt.Errorf("%s: no field %s, which is to be the key", a.File, k)
		}
	}
	parts := strings.Split(strings.TrimSuffix(path.Base(a.File), SchemaSuffix), ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%s: want a name such as country-sales.state.v1%s", a.File, SchemaSuffix)
	}
	topic := fmt.Sprintf("%s.ecomm.%s.%s", visibility, s.Context, strings.Join(parts, "."))
	if _, err := ParseTopicName(topic); err != nil {
		return nil, err
	}
	cleanup, retention, grain, rest := "delete", "P7D", "One record per event.", "An internal step; it may change with any release."
	usage := "Private to " + s.Name + "."
	if visibility == "priv" {
		retention = "FE" // re-keyed records keep their event time; the engine deletes what has been read
	}
	if parts[1] == "state" {
		cleanup, retention, grain, rest = "compact", "LC", "One record per change of one key; the latest one counts.", "It holds what happened since the product first ran."
		usage = "Compacted: the last record of a key is its row, a null value means the row is gone."
	}
	w := &yamlText{}
	w.line(0, "# Data contract (ODCS 3.1). The Avro schema beside it is the authority on types; this file adds what Avro cannot say.")
	w.line(0, "apiVersion: v3.1.0")
	w.line(0, "kind: DataContract")
	w.line(0, "id: urn:meshwork:contract:%s.%s.%s", s.Context, parts[0], parts[1])
	w.line(0, "name: %s", schema.ShortName(record.Name))
	w.line(0, "version: %s.0.0", strings.TrimPrefix(parts[2], "v"))
	w.line(0, "status: active")
	w.line(0, "domain: %s", s.Domain)
	w.line(0, "dataProduct: %s", s.Name)
	w.line(0, "description: {purpose: %s, usage: %s, limitations: %s}", quoted(record.Doc), quoted(usage), quoted(rest))
	w.line(0, "servers:")
	w.line(0, "  - {server: mesh, type: kafka, host: \"kafka:9092\", format: avro, customProperties: [{property: schemaRegistryUrl, value: \"http://schema-registry:8081\"}]}")
	w.line(0, "schema:")
	w.line(2, "- name: %s", schema.ShortName(record.Name))
	w.line(4, "description: %s", quoted(record.Doc))
	w.line(4, "physicalName: %s", topic)
	w.line(4, "physicalType: topic")
	w.line(4, "logicalType: object")
	w.line(4, "dataGranularityDescription: %s", quoted(grain))
	w.line(4, "customProperties:")
	for _, p := range [][2]string{
		{"kind", parts[1]},
		{"kafkaKey", "[" + strings.Join(s.Key, ", ") + "]"},
		{"partitions", strconv.Itoa(DefaultPartitions)},
		{"cleanupPolicy", cleanup},
		{"retention", retention},
		{"schemaSubject", topic + "-value"},
		{"compatibility", "FULL_TRANSITIVE"},
	} {
		w.line(6, "- {property: %s, value: %s}", p[0], p[1])
	}
	w.line(4, "properties:")
	for _, f := range record.Fields {
		s.property(w, 6, f, sources, slices.Index(s.Key, f.Name)+1)
	}
	w.line(0, "slaProperties:")
	w.line(0, "  - {property: latency, value: 5000, unit: ms}")
	w.line(0, "  - {property: frequency, value: ES}")
	w.line(0, "  - {property: retention, value: %s}", retention)
	w.line(0, "support: [{channel: \"#team-%s\", tool: slack, scope: interactive}]", s.Domain)
	w.line(0, "team: {name: %s, members: [{username: team-%s, role: owner}]}", s.Domain, s.Domain)

	file := strings.TrimSuffix(a.File, SchemaSuffix) + ContractSuffix
	c := &Contract{File: file, AvroFile: a.File, AvroText: a.Text, Avro: record}
	if err := yaml.Unmarshal(w.bytes(), c); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.files[file] = w.bytes()
	s.m = &Mesh{Contracts: append(slices.Clone(s.m.Contracts), c), Products: s.m.Products, Schemas: s.m.Schemas}
	s.l = newLinter(s.m)
	return c, nil
}

// property writes one field; key is its place in the record key, 0 for none.
func (s *scaffold) property(w *yamlText, at int, f *schema.Field, sources []*Contract, key int) {
	w.line(at, "- name: %s", f.Name)
	w.line(at+2, "description: %s", quoted(f.Doc))
	from, class := s.origin(f.Name, sources)
	s.typed(w, at+2, f.Type, true, sources)
	if key > 0 {
		w.line(at+2, "primaryKey: true")
		w.line(at+2, "primaryKeyPosition: %d", key)
		w.line(at+2, "partitioned: true")
		w.line(at+2, "partitionKeyPosition: %d", key)
	}
	if value := optional(f.Type); value.Kind != schema.Record && value.Kind != schema.Array {
		w.line(at+2, "classification: %s", class)
		w.line(at+2, "transformSourceObjects: [%s]", strings.Join(from, ", "))
	}
}

// typed writes the type of a field or item.
func (s *scaffold) typed(w *yamlText, at int, t *schema.Schema, field bool, sources []*Contract) {
	value := optional(t)
	w.line(at, "logicalType: %s", logicalType(value))
	nested := value.Kind == schema.Record || value.Kind == schema.Array
	if !nested {
		physical := physicalText(physicalOf(t))
		if text := strings.Trim(physical, `"`); !strings.ContainsAny(text, `{["`) {
			physical = text
		} else {
			physical = "'" + physical + "'"
		}
		w.line(at, "physicalType: %s", physical)
	}
	if field {
		w.line(at, "required: %t", value == t)
	}
	switch value.Kind {
	case schema.Record:
		w.line(at, "properties:")
		for _, f := range value.Fields {
			s.property(w, at+2, f, sources, 0)
		}
	case schema.Array:
		w.line(at, "items:")
		s.typed(w, at+2, value.Items, false, sources)
		if item := optional(value.Items); item.Kind != schema.Record && item.Kind != schema.Array {
			w.line(at+2, "classification: internal")
		}
	default: // said already
	}
}

func optional(t *schema.Schema) *schema.Schema {
	if value, ok := t.Optional(); ok {
		return value
	}
	return t
}

// origin finds the fields that one of this name comes from, and how sensitive they are.
func (s *scaffold) origin(name string, sources []*Contract) (from []string, class string) {
	class = "internal"
	for _, c := range sources {
		best := ""
		c.Walk(func(at string, p *Property) {
			leaf := len(p.Properties) == 0 && p.Items == nil
			if leaf && p.Name == name && (best == "" || strings.Count(at, ".") < strings.Count(best, ".")) {
				best = at
				if Personal(p.Classification) {
					class = p.Classification
				}
			}
		})
		if best != "" {
			from = append(from, c.Schema[0].PhysicalName+"/"+strings.ReplaceAll(best, "[]", ""))
		}
	}
	if len(from) > 0 {
		return from, class
	}
	for _, c := range sources {
		if t := s.l.topics[c]; t != nil && len(t.Key) > 0 {
			from = append(from, t.Name+"/"+strings.ReplaceAll(t.Key[0], "[]", ""))
		}
	}
	return from, class
}

// product writes the descriptor.
func (s *scaffold) product() {
	id := fmt.Sprintf("urn:meshwork:product:%s.%s", s.Context, kebab(s.Name))
	purpose := s.ports[0].Description.Purpose
	gdpr := gdprNo
	for _, c := range s.ports {
		gdpr = max(gdpr, s.personal(c))
	}
	w := &yamlText{}
	w.line(0, "# Data product (ODPS 1.0) with its canvas.")
	w.line(0, "apiVersion: v1.0.0")
	w.line(0, "kind: DataProduct")
	w.line(0, "id: %s", id)
	w.line(0, "name: %s", s.Name)
	w.line(0, "version: 1.0.0")
	w.line(0, "status: active")
	w.line(0, "domain: %s", s.Domain)
	w.line(0, "description: {purpose: %s, usage: %s}", quoted(purpose), quoted("Fold the state: the last record of a key counts."))
	w.line(0, "customProperties:")
	w.line(2, "- {property: boundedContext, value: %s}", s.Context)
	w.line(2, "- {property: gdpr, value: %q}", gdprWords[gdpr])
	w.line(2, "- property: informationModel")
	w.line(2, "  value:")
	for _, c := range s.ports {
		var fields []string
		for _, f := range c.Avro.Fields {
			fields = append(fields, f.Name)
		}
		w.line(6, "- %s", quoted(c.Name+": "+strings.Join(fields, ", ")))
	}
	w.line(2, "- property: transformation")
	w.line(2, "  value:")
	for _, c := range append(slices.Clone(s.steps), s.ports...) {
		w.line(6, "- %s", quoted(c.Description.Purpose))
	}
	if len(s.steps) > 0 {
		w.line(2, "- property: internalContracts")
		w.line(2, "  value:")
		for _, c := range s.steps {
			w.line(6, "- %s", c.ID)
		}
	}
	w.line(0, "inputPorts:")
	for _, c := range s.inputs {
		name := c.Name
		version := c.Version
		if _, port := s.m.Offering(c.ID); port != nil {
			name, version = port.Name, port.Version
		}
		w.line(2, "- {name: %s, version: %s, contractId: %q}", name, version, c.ID)
	}
	w.line(0, "outputPorts:")
	for _, c := range s.ports {
		w.line(2, "- name: %sState", c.Name)
		w.line(4, "description: %s", quoted(c.Description.Purpose))
		w.line(4, "type: kafka")
		w.line(4, "version: %s", c.Version)
		w.line(4, "contractId: %s", c.ID)
		w.line(4, "inputContracts:")
		for _, in := range s.inputs {
			w.line(6, "- {id: %q, version: %s}", in.ID, in.Version)
		}
		w.line(4, "customProperties:")
		w.line(6, "- {property: physicalName, value: %s}", c.Schema[0].PhysicalName)
		w.line(6, "- {property: status, value: active}")
		w.line(6, "- property: canvas")
		w.line(6, "  value: {type: KA, rateOfUpdates: ES, format: Avro, historyCompleteness: current state, retention: LC, accessLatency: ES, deliveryLatency: ES, pushPull: push, backPressure: \"yes\", queryable: \"no\", volume: medium, gdpr: %q}",
			gdprWords[s.personal(c)])
	}
	w.line(0, "managementPorts:")
	w.line(2, "- {name: observability, content: observability, type: rest, url: \"http://%s:8080/metrics\", description: Prometheus metrics}", s.Domain)
	w.line(0, "support: [{channel: \"#team-%s\", url: \"https://meshwork.dev/teams/%s\"}]", s.Domain, s.Domain)
	w.line(0, "team: {name: %s, members: [{username: team-%s, role: owner}]}", s.Domain, s.Domain)
	s.files[path.Join(s.Context, kebab(s.Name)+ProductSuffix)] = w.bytes()
}

// personal derives what a port says of personal data; the inputs count although the descriptor is not there yet.
func (s *scaffold) personal(c *Contract) int {
	answer := s.l.personal(c, nil)
	for _, in := range s.inputs {
		if answer == gdprNo && s.l.personal(in, nil) > gdprNo {
			answer = gdprDerived
		}
	}
	return answer
}

// kebab writes CountrySales as country-sales.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// yamlText is a file being written.
type yamlText struct{ strings.Builder }

func (w *yamlText) line(indent int, format string, args ...any) {
	w.WriteString(strings.Repeat(" ", indent))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

func (w *yamlText) bytes() []byte { return []byte(w.String()) }

// quoted is text in double quotes, which YAML reads like Go as far as text goes.
func quoted(s string) string { return fmt.Sprintf("%q", s) }
