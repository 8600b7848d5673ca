package governance

import "fmt"

// Product is a data product: a Bitol ODPS 1.0 file.
type Product struct {
	APIVersion  string           `yaml:"apiVersion"`
	Kind        string           `yaml:"kind"`
	ID          string           `yaml:"id"`
	Name        string           `yaml:"name"`
	Version     string           `yaml:"version"`
	Status      string           `yaml:"status"`
	Domain      string           `yaml:"domain"`
	Tags        []string         `yaml:"tags"`
	Description Description      `yaml:"description"`
	Custom      CustomProperties `yaml:"customProperties"`
	Inputs      []InputPort      `yaml:"inputPorts"`
	Outputs     []OutputPort     `yaml:"outputPorts"`
	Management  []ManagementPort `yaml:"managementPorts"`
	Support     []Support        `yaml:"support"`
	Team        Team             `yaml:"team"`

	File string `yaml:"-"` // path inside the loaded tree
}

// InputPort is a contract the product consumes.
type InputPort struct {
	Name       string           `yaml:"name"`
	Version    string           `yaml:"version"`
	ContractID string           `yaml:"contractId"`
	Tags       []string         `yaml:"tags"`
	Custom     CustomProperties `yaml:"customProperties"`
}

// OutputPort is a contract the product offers.
type OutputPort struct {
	Name           string           `yaml:"name"`
	Description    string           `yaml:"description"`
	Type           string           `yaml:"type"`
	Version        string           `yaml:"version"`
	ContractID     string           `yaml:"contractId"`
	InputContracts []InputContract  `yaml:"inputContracts"`
	Tags           []string         `yaml:"tags"`
	Custom         CustomProperties `yaml:"customProperties"`
}

// InputContract is declared lineage: a contract that an output port is made from.
type InputContract struct {
	ID      string `yaml:"id"`
	Version string `yaml:"version"`
}

// ManagementPort is where a product is watched and steered.
type ManagementPort struct {
	Name    string `yaml:"name"`
	Content string `yaml:"content"`
	Type    string `yaml:"type"`
	URL     string `yaml:"url"`
	Channel string `yaml:"channel"`
}

// Canvas holds an output port's attributes on the data product canvas; see Legend for the words.
type Canvas struct {
	Type            string
	Rate            string // rateOfUpdates
	Format          string
	History         string // historyCompleteness
	Retention       string // FE, LC, an ISO 8601 duration, or - where it has no meaning
	AccessLatency   string
	DeliveryLatency string
	PushPull        string
	BackPressure    string
	Queryable       string
	Volume          string
	GDPR            string // yes, no or derived
}

// Canvas reads the canvas of a port; absent attributes are empty.
func (p *OutputPort) Canvas() (Canvas, error) {
	v, ok := p.Custom.Get("canvas")
	if !ok {
		return Canvas{}, fmt.Errorf("output port %s has no canvas", p.Name)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return Canvas{}, fmt.Errorf("output port %s: the canvas is not a map", p.Name)
	}
	text := func(name string) string {
		switch v := m[name].(type) {
		case nil:
			return ""
		case bool: // an unquoted yes or no
			if v {
				return "yes"
			}
			return "no"
		default:
			return fmt.Sprint(v)
		}
	}
	return Canvas{
		Type: text("type"), Rate: text("rateOfUpdates"), Format: text("format"), History: text("historyCompleteness"),
		Retention: text("retention"), AccessLatency: text("accessLatency"), DeliveryLatency: text("deliveryLatency"),
		PushPull: text("pushPull"), BackPressure: text("backPressure"), Queryable: text("queryable"),
		Volume: text("volume"), GDPR: text("gdpr"),
	}, nil
}

// PhysicalName is the topic, table or endpoint that a port is.
func (p *OutputPort) PhysicalName() string { return p.Custom.Text("physicalName") }
