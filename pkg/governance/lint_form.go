package governance

import (
	"regexp"
	"slices"
	"strings"
)

var versionRegexp = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// statuses are the words for a descriptor's life.
var statuses = []string{"proposed", "draft", "active", "deprecated", "retired"}

// form checks F1 and F2.
func (l *linter) form() {
	owner := make(map[string]string)
	header := func(file, apiVersion, wantAPI, kind, wantKind, id, name, version, status, domain string) {
		missing := func(path, value string) {
			if value == "" {
				l.add("F1", file, path, "add it", "%s is missing", path)
			}
		}
		missing("id", id)
		missing("name", name)
		missing("domain", domain)
		if apiVersion != wantAPI {
			l.add("F1", file, "apiVersion", "write "+wantAPI, "%q is not the version this mesh uses", apiVersion)
		}
		if kind != wantKind {
			l.add("F1", file, "kind", "write "+wantKind, "%q is another kind of document", kind)
		}
		if !versionRegexp.MatchString(version) {
			l.add("F1", file, "version", "write major.minor.patch", "%q is not a version", version)
		}
		if !slices.Contains(statuses, status) {
			l.add("F1", file, "status", "use one of "+strings.Join(statuses, ", "), "%q is not a status", status)
		}
		if other, ok := owner[id]; ok && id != "" {
			l.add("F1", file, "id", "give each descriptor an id of its own", "%q is also the id of %s", id, other)
		}
		owner[id] = file
	}
	for _, c := range l.m.Contracts {
		header(c.File, c.APIVersion, "v3.1.0", c.Kind, "DataContract", c.ID, c.Name, c.Version, c.Status, c.Domain)
		if c.Description.Purpose == "" {
			l.add("F1", c.File, "description.purpose", "say in one sentence what it is for", "the contract has no purpose")
		}
		if c.AvroFile == "" {
			l.add("F2", c.File, "", "put the schema beside it under the same name, ending in "+SchemaSuffix, "the contract has no Avro schema")
		}
	}
	for _, p := range l.m.Products {
		header(p.File, p.APIVersion, "v1.0.0", p.Kind, "DataProduct", p.ID, p.Name, p.Version, p.Status, p.Domain)
	}
	for _, a := range l.m.Schemas {
		if !slices.ContainsFunc(l.m.Contracts, func(c *Contract) bool { return c.AvroFile == a.File }) {
			l.add("F2", a.File, "", "put a contract beside it under the same name, ending in "+ContractSuffix, "the schema has no contract")
		}
	}
}

// models checks R1.
func (l *linter) models() {
	seen := make(map[string]*Product)
	for _, p := range l.m.Products {
		words := func(texts ...string) string {
			return strings.ToLower(strings.Join(strings.Fields(strings.Join(texts, " ")), " "))
		}
		purpose, model := words(p.Description.Purpose), words(p.Custom.Texts("informationModel")...)
		if purpose == "" {
			l.add("R1", p.File, "description.purpose", "say what the product is for", "the product has no description")
		}
		if model == "" {
			l.add("R1", p.File, "customProperties.informationModel", "list the entities and their fields", "the product has no information model")
		}
		if purpose == "" || model == "" {
			continue
		}
		key := purpose + "\x00" + model
		if other, ok := seen[key]; ok {
			l.add("R1", p.File, "description", "describe what sets it apart, or make the two one product", "description and model are those of %s", other.Name)
		}
		seen[key] = p
	}
}

// kafkaPorts checks R16.
func (l *linter) kafkaPorts() {
	for _, p := range l.m.Products {
		if !slices.ContainsFunc(p.Outputs, func(o OutputPort) bool {
			c, err := o.Canvas()
			return err == nil && c.Type == "KA" && o.ContractID != ""
		}) {
			l.add("R16", p.File, "outputPorts", "offer its data as a topic under contract", "the product has no Kafka port")
		}
	}
}
