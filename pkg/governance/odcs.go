package governance

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/avro/schema"
)

// Contract is a data contract: an ODCS 3.1 file and the Avro schema beside it. Attributes that nothing in the mesh
// uses are left out.
type Contract struct {
	APIVersion  string           `yaml:"apiVersion"`
	Kind        string           `yaml:"kind"`
	ID          string           `yaml:"id"`
	Name        string           `yaml:"name"`
	Version     string           `yaml:"version"`
	Status      string           `yaml:"status"`
	Domain      string           `yaml:"domain"`
	DataProduct string           `yaml:"dataProduct"` // name of the product that offers the port
	Tags        []string         `yaml:"tags"`
	Description Description      `yaml:"description"`
	Servers     []Server         `yaml:"servers"`
	Schema      []SchemaObject   `yaml:"schema"`
	SLA         []SLAProperty    `yaml:"slaProperties"`
	Support     []Support        `yaml:"support"`
	Team        Team             `yaml:"team"`
	Custom      CustomProperties `yaml:"customProperties"`

	File     string         `yaml:"-"` // path of the contract inside the loaded tree
	AvroFile string         `yaml:"-"` // path of the schema beside it; empty where there is none
	AvroText string         `yaml:"-"` // its text
	Avro     *schema.Schema `yaml:"-"` // its value; nil where there is none or it is faulty
}

// Description says what a contract or product is for.
type Description struct {
	Purpose     string `yaml:"purpose"`
	Usage       string `yaml:"usage"`
	Limitations string `yaml:"limitations"`
}

// Server is where the data of a contract is found.
type Server struct {
	Server      string           `yaml:"server"`
	Type        string           `yaml:"type"`
	Environment string           `yaml:"environment"`
	Host        string           `yaml:"host"`
	Format      string           `yaml:"format"`
	Custom      CustomProperties `yaml:"customProperties"`
}

// SchemaObject is one topic, table or file of a contract.
type SchemaObject struct {
	Name         string           `yaml:"name"`
	PhysicalName string           `yaml:"physicalName"` // the topic
	PhysicalType string           `yaml:"physicalType"`
	LogicalType  string           `yaml:"logicalType"`
	Description  string           `yaml:"description"`
	Granularity  string           `yaml:"dataGranularityDescription"`
	Tags         []string         `yaml:"tags"`
	Custom       CustomProperties `yaml:"customProperties"`
	Properties   []Property       `yaml:"properties"`
}

// Property is one field, with what Avro cannot say about it.
type Property struct {
	Name                   string           `yaml:"name"`
	Description            string           `yaml:"description"`
	LogicalType            string           `yaml:"logicalType"`
	PhysicalType           string           `yaml:"physicalType"`
	Required               bool             `yaml:"required"`
	PrimaryKey             bool             `yaml:"primaryKey"`
	PrimaryKeyPosition     int              `yaml:"primaryKeyPosition"`
	Partitioned            bool             `yaml:"partitioned"`
	PartitionKeyPosition   int              `yaml:"partitionKeyPosition"`
	Classification         string           `yaml:"classification"`
	EncryptedName          string           `yaml:"encryptedName"`
	Tags                   []string         `yaml:"tags"`
	TransformSourceObjects []string         `yaml:"transformSourceObjects"`
	TransformLogic         string           `yaml:"transformLogic"`
	TransformDescription   string           `yaml:"transformDescription"`
	Custom                 CustomProperties `yaml:"customProperties"`
	Properties             []Property       `yaml:"properties"` // of an object
	Items                  *Property        `yaml:"items"`      // of an array
}

// SLAProperty is one promised service level.
type SLAProperty struct {
	Property    string `yaml:"property"`
	Value       any    `yaml:"value"`
	Unit        string `yaml:"unit"`
	Element     string `yaml:"element"`
	Description string `yaml:"description"`
}

// Support is where to ask.
type Support struct {
	Channel string `yaml:"channel"`
	URL     string `yaml:"url"`
	Tool    string `yaml:"tool"`
	Scope   string `yaml:"scope"`
}

// Team owns a contract or product.
type Team struct {
	Name    string       `yaml:"name"`
	Members []TeamMember `yaml:"members"`
}

// TeamMember is one member of a team.
type TeamMember struct {
	Username string `yaml:"username"`
	Role     string `yaml:"role"`
}

// CustomProperty is a named value that the standards leave to their users.
type CustomProperty struct {
	Property string `yaml:"property"`
	Value    any    `yaml:"value"`
}

// CustomProperties are looked up by name; a name given twice counts the first time.
type CustomProperties []CustomProperty

// Get returns the value of a property and whether it is given.
func (c CustomProperties) Get(name string) (any, bool) {
	for _, p := range c {
		if p.Property == name {
			return p.Value, true
		}
	}
	return nil, false
}

// Text is the value of a property as text; empty where it is not given.
func (c CustomProperties) Text(name string) string {
	v, ok := c.Get(name)
	if !ok || v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// Texts is the value of a property that lists texts. One text stands for a list of one.
func (c CustomProperties) Texts(name string) []string {
	v, _ := c.Get(name)
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fmt.Sprint(v[i])
		}
		return texts
	}
	return nil
}

// Topic is what a contract says about its Kafka topic.
type Topic struct {
	Name          string
	Kind          string   // event, state, command or cdc
	Key           []string // paths of the value fields that make the record key
	KeyType       string   // name of the generated key type; empty for the default
	Partitions    int
	Cleanup       string        // delete or compact
	Retention     time.Duration // 0 for ever, or until compacted
	RetentionText string        // FE, LC or an ISO 8601 duration
	Subject       string
	Compatibility string
}

// DefaultPartitions is the number of partitions of a keyed topic whose contract names none.
const DefaultPartitions = 12

// Topic reads the topic out of a contract, with defaults for what is left out: 12 partitions, compact for state and
// delete for others, the subject <topic>-value, FULL_TRANSITIVE.
func (c *Contract) Topic() (Topic, error) {
	if len(c.Schema) != 1 {
		return Topic{}, fmt.Errorf("%s: schema: one topic per contract, not %d", c.File, len(c.Schema))
	}
	o := &c.Schema[0]
	fail := func(name, format string, args ...any) (Topic, error) {
		return Topic{}, fmt.Errorf("%s: schema[0].customProperties.%s: %s", c.File, name, fmt.Sprintf(format, args...))
	}
	t := Topic{
		Name: o.PhysicalName, Kind: o.Custom.Text("kind"), Key: o.Custom.Texts("kafkaKey"),
		KeyType: o.Custom.Text("kafkaKeyType"), Partitions: DefaultPartitions, Cleanup: o.Custom.Text("cleanupPolicy"),
		RetentionText: o.Custom.Text("retention"), Subject: o.Custom.Text("schemaSubject"),
		Compatibility: o.Custom.Text("compatibility"),
	}
	name, err := ParseTopicName(t.Name)
	if err != nil {
		return Topic{}, fmt.Errorf("%s: schema[0].physicalName: %w", c.File, err)
	}
	if t.Kind == "" {
		t.Kind = name.Kind
	}
	if t.Kind != name.Kind {
		return fail("kind", "%q, but the topic is named %s", t.Kind, t.Name)
	}
	if v, ok := o.Custom.Get("partitions"); ok {
		n, err := strconv.Atoi(fmt.Sprint(v))
		if err != nil || n < 1 {
			return fail("partitions", "%v is not a number of partitions", v)
		}
		t.Partitions = n
	}
	if t.Cleanup == "" {
		t.Cleanup = "delete"
		if t.Kind == "state" {
			t.Cleanup = "compact"
		}
	}
	if t.Cleanup != "delete" && t.Cleanup != "compact" {
		return fail("cleanupPolicy", "%q is neither delete nor compact", t.Cleanup)
	}
	if t.RetentionText == "" && t.Cleanup == "compact" {
		t.RetentionText = "LC"
	}
	if t.Retention, err = ParseRetention(t.RetentionText); err != nil {
		return fail("retention", "%v", err)
	}
	if t.Subject == "" {
		t.Subject = t.Name + "-value"
	}
	if t.Compatibility == "" {
		t.Compatibility = "FULL_TRANSITIVE"
	}
	return t, nil
}

// PhysicalSchema reads a property's physicalType: an Avro type name or the JSON of an Avro type.
func (p *Property) PhysicalSchema() (any, error) {
	text := strings.TrimSpace(p.PhysicalType)
	if text == "" {
		return nil, nil //nolint:nilnil // an absent type is a legal answer: objects and arrays have none
	}
	if text[0] != '{' && text[0] != '[' && text[0] != '"' {
		return text, nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("physicalType: %w", err)
	}
	return v, nil
}
