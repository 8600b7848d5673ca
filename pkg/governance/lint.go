package governance

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one place where a descriptor breaks a rule.
type Finding struct {
	Rule    string `json:"rule"`    // such as R14
	File    string `json:"file"`    // inside the loaded tree
	Path    string `json:"path"`    // inside the file, such as outputPorts.OrderState.canvas.retention
	Message string `json:"message"` // what is wrong
	Hint    string `json:"hint"`    // what to do about it
}

// String is the finding on one line.
func (f Finding) String() string {
	s := f.File
	if f.Path != "" {
		s += ": " + f.Path
	}
	s += ": " + f.Message + " [" + f.Rule + "]"
	if f.Hint != "" {
		s += " → " + f.Hint
	}
	return s
}

// Rule is one rule that Lint applies.
type Rule struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Rules lists what Lint checks. R1 to R16 are the mesh's rules for descriptors under their own numbers, F and S are
// the form of descriptors and the habits of schemas. R8, declared inputs against observed ones, needs a running
// mesh and is not here; so are the parts of R13 and R15 that compare with code and measurements.
func Rules() []Rule {
	return []Rule{
		{"F1", "A descriptor has its mandatory attributes, and its id is its own"},
		{"F2", "A contract has one Avro schema beside it, and a schema a contract"},
		{"R1", "No two products have the same description and model"},
		{"R2", "Every canvas attribute is from the legend; retention is FE, LC or an ISO 8601 duration"},
		{"R3", "History is 'current state' exactly when the topic is compacted"},
		{"R4", "Every port is named and is one topic, table or endpoint"},
		{"R5", "The GDPR flag equals what classification along lineage derives"},
		{"R6", "A port's rate fits what feeds it"},
		{"R7", "Every input port names an existing output port"},
		{"R9", "One id per domain, aliases listed"},
		{"R10", "One scheme of topic names"},
		{"R11", "No highly sensitive field in a public port unless it is encrypted"},
		{"R12", "Column lineage names fields that exist and fit"},
		{"R13", "Declared lineage has every edge that fields have"},
		{"R14", "Optional fields are null-first with a default; no float money; one type per id"},
		{"R15", "A service level fits its port"},
		{"R16", "Every product has a Kafka port"},
		{"S1", "Every record, field and enum has a doc"},
		{"S2", "The doc of a quantity says its unit"},
		{"S3", "Points in time are timestamps in UTC"},
		{"S4", "Every enum has a default, so that readers survive new symbols"},
		{"S5", "The contract's fields are those of its Avro schema"},
		{"S6", "Logical types are known and fit"},
		{"S7", "A record key is made of fields that are always there and can be told apart"},
		{"S8", "Public events and commands carry an identity"},
	}
}

// Lint applies every rule and returns what breaks them, ordered by file, path and rule.
func Lint(m *Mesh) []Finding {
	l := newLinter(m)
	l.form()
	l.models()
	l.canvases()
	l.history()
	l.ports()
	l.privacy()
	l.rates()
	l.inputs()
	l.domains()
	l.topicNames()
	l.sensitive()
	l.columns()
	l.lineage()
	l.schemas()
	l.ids()
	l.levels()
	l.kafkaPorts()
	l.agreement()
	l.keys()
	l.identities()
	slices.SortFunc(l.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(l.found)
}

type linter struct {
	m       *Mesh
	byID    map[string]*Contract
	byTopic map[string]*Contract
	topics  map[*Contract]*Topic // only those that can be read
	found   []Finding
}

func newLinter(m *Mesh) *linter {
	l := &linter{m: m, byID: make(map[string]*Contract), byTopic: make(map[string]*Contract), topics: make(map[*Contract]*Topic)}
	for _, c := range m.Contracts {
		if _, ok := l.byID[c.ID]; !ok {
			l.byID[c.ID] = c
		}
		if t, err := c.Topic(); err == nil {
			l.topics[c] = &t
			l.byTopic[t.Name] = c
		}
	}
	return l
}

// add notes a finding. hint says what to do.
func (l *linter) add(rule, file, path, hint, format string, args ...any) {
	l.found = append(l.found, Finding{Rule: rule, File: file, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func portPath(p *OutputPort, rest string) string { return "outputPorts." + p.Name + rest }

// outputs calls fn for every output port of the mesh.
func (l *linter) outputs(fn func(*Product, *OutputPort)) {
	for _, p := range l.m.Products {
		for i := range p.Outputs {
			fn(p, &p.Outputs[i])
		}
	}
}
