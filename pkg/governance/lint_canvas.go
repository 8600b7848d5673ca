package governance

import (
	"slices"
	"strings"
)

// legend holds the words a canvas may use; see also ParseRetention.
var legend = []struct {
	name  string
	value func(Canvas) string
	words []string
}{
	{"type", func(c Canvas) string { return c.Type }, []string{"KA", "RP", "RQ", "OB", "DL", "DV", "DM", "GQ"}},
	{"rateOfUpdates", func(c Canvas) string { return c.Rate }, rates},
	{"format", func(c Canvas) string { return c.Format }, []string{"Avro", "SQL", "JSON", "Parquet", "Parquet (Iceberg)", "GraphQL"}},
	{"historyCompleteness", func(c Canvas) string { return c.History }, []string{"full", "current state", "window", "-"}},
	{"accessLatency", func(c Canvas) string { return c.AccessLatency }, latencies},
	{"deliveryLatency", func(c Canvas) string { return c.DeliveryLatency }, latencies},
	{"pushPull", func(c Canvas) string { return c.PushPull }, []string{"push", "pull", "poll"}},
	{"backPressure", func(c Canvas) string { return c.BackPressure }, []string{"yes", "no", "-"}},
	{"queryable", func(c Canvas) string { return c.Queryable }, []string{"no", "SQL", "REST", "GraphQL"}},
	{"volume", func(c Canvas) string { return c.Volume }, []string{"low", "medium", "high"}},
	{"gdpr", func(c Canvas) string { return c.GDPR }, []string{"yes", "no", "derived"}},
}

var (
	rates     = []string{"ES", "SE", "MI", "HO", "DA"} // fastest first
	latencies = []string{"ES", "MS", "SE", "MI", "HO", "DY", "-"}
)

// canvases checks R2.
func (l *linter) canvases() {
	l.outputs(func(p *Product, o *OutputPort) {
		c, err := o.Canvas()
		if err != nil {
			l.add("R2", p.File, portPath(o, ".canvas"), "add the custom property canvas with every attribute of the legend", "%v", err)
			return
		}
		for _, a := range legend {
			if v := a.value(c); !slices.Contains(a.words, v) {
				l.add("R2", p.File, portPath(o, ".canvas."+a.name), "use one of "+strings.Join(a.words, ", "), "%q is not in the legend", v)
			}
		}
		keepsNothing := c.Retention == "-" && (c.Type == "RP" || c.Type == "RQ" || c.Type == "GQ")
		if _, err := ParseRetention(c.Retention); err != nil && !keepsNothing {
			l.add("R2", p.File, portPath(o, ".canvas.retention"), "use FE, LC or a duration such as P7D", "%v", err)
		}
		if t := l.topics[l.byID[o.ContractID]]; t != nil && t.RetentionText != c.Retention {
			l.add("R2", p.File, portPath(o, ".canvas.retention"), "make the two the same", "%q, but the contract says %q", c.Retention, t.RetentionText)
		}
	})
}

// history checks R3.
func (l *linter) history() {
	for _, c := range l.m.Contracts {
		t := l.topics[c]
		if t == nil {
			continue
		}
		compacted := t.Cleanup == "compact"
		if compacted != (t.Kind == "state") {
			l.add("R3", c.File, "schema[0].customProperties.cleanupPolicy", "state is compacted, everything else is deleted by time", "a topic of kind %s has the policy %s", t.Kind, t.Cleanup)
		}
		if compacted != (t.RetentionText == "LC") {
			l.add("R3", c.File, "schema[0].customProperties.retention", "LC goes with compaction and only with it", "retention %s with the policy %s", t.RetentionText, t.Cleanup)
		}
	}
	l.outputs(func(p *Product, o *OutputPort) {
		canvas, err := o.Canvas()
		t := l.topics[l.byID[o.ContractID]]
		if err != nil || t == nil {
			return
		}
		if compacted := t.Cleanup == "compact"; compacted != (canvas.History == "current state") {
			l.add("R3", p.File, portPath(o, ".canvas.historyCompleteness"), "write 'current state' for compacted topics and only for them", "%q with the policy %s", canvas.History, t.Cleanup)
		}
	})
}

// ports checks R4.
func (l *linter) ports() {
	owner := make(map[string]string)
	for _, c := range l.m.Contracts {
		if len(c.Schema) != 1 {
			l.add("R4", c.File, "schema", "one contract per topic", "%d topics or tables in one contract", len(c.Schema))
		}
	}
	for _, p := range l.m.Products {
		names := make(map[string]bool)
		for i := range p.Outputs {
			o := &p.Outputs[i]
			if o.Name == "" || o.Version == "" {
				l.add("R4", p.File, portPath(o, ""), "name the port and its version", "output port %d has no name or no version", i+1)
			}
			if names[o.Name+"\x00"+o.Version] {
				l.add("R4", p.File, portPath(o, ""), "give each port a name of its own", "two ports are named %s", o.Name)
			}
			names[o.Name+"\x00"+o.Version] = true
			l.physical(p, o, owner)
		}
	}
}

func (l *linter) physical(p *Product, o *OutputPort, owner map[string]string) {
	physical := o.PhysicalName()
	path := portPath(o, ".physicalName")
	if physical == "" || strings.ContainsAny(physical, ", \n*") {
		l.add("R4", p.File, path, "name the one topic, table or endpoint that the port is", "%q is not one topic, table or endpoint", physical)
		return
	}
	if other, ok := owner[physical]; ok {
		l.add("R4", p.File, path, "offer it through one port", "%s is already the port %s", physical, other)
	}
	owner[physical] = p.Name + "." + o.Name
	canvas, err := o.Canvas()
	if err != nil {
		return
	}
	c := l.byID[o.ContractID]
	switch {
	case o.ContractID != "" && c == nil:
		l.add("R4", p.File, portPath(o, ".contractId"), "correct the id or add the contract", "there is no contract %s", o.ContractID)
	case canvas.Type == "KA" && c == nil:
		l.add("R4", p.File, portPath(o, ".contractId"), "put the topic under contract", "a Kafka port without a contract")
	case c != nil && len(c.Schema) == 1 && c.Schema[0].PhysicalName != physical:
		l.add("R4", p.File, path, "make the two the same", "%s, but the contract is about %s", physical, c.Schema[0].PhysicalName)
	case c != nil && c.DataProduct != p.Name:
		l.add("R4", c.File, "dataProduct", "name the product that offers the port", "%q, but %s offers it", c.DataProduct, p.Name)
	}
}

// rates checks R6.
func (l *linter) rates() {
	l.outputs(func(p *Product, o *OutputPort) {
		canvas, err := o.Canvas()
		rate := slices.Index(rates, canvas.Rate)
		if err != nil || rate < 0 {
			return
		}
		if from, fastest := l.fastestInput(o); from != "" && rate < fastest {
			l.add("R6", p.File, portPath(o, ".canvas.rateOfUpdates"), "a port is as fast as its fastest input at most", "%s, but its fastest input, %s, is updated at the rate %s", canvas.Rate, from, rates[fastest])
		}
		c := l.byID[o.ContractID]
		if c == nil {
			return
		}
		for _, s := range c.SLA {
			if v, ok := s.Value.(string); ok && s.Property == "frequency" && v != canvas.Rate {
				l.add("R6", c.File, "slaProperties.frequency", "make the two the same", "%q, but the canvas says %s", v, canvas.Rate)
			}
		}
	})
}

// fastestInput names the fastest port that a port is made from; empty where one of them has no canvas to compare
// with, as commands and private feeds have none.
func (l *linter) fastestInput(o *OutputPort) (from string, fastest int) {
	fastest = len(rates)
	for _, in := range o.InputContracts {
		_, source := l.m.Offering(in.ID)
		if source == nil {
			return "", 0
		}
		canvas, err := source.Canvas()
		if r := slices.Index(rates, canvas.Rate); err == nil && r >= 0 && r < fastest {
			fastest, from = r, source.Name
		}
	}
	return from, fastest
}
