package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/governance"
)

// The shop of TestEveryPort lives so many days of its own, so many times faster than we do: long enough for people to
// move, to become VIPs and complain, and for a fit that finds out who leaves; and slowly enough for segments and people
// to be known before what happens to them. 69 seconds, most of which the mesh idles.
const (
	shopDays  = "120"
	shopSpeed = "150000"
)

// Every Kafka port of every data product holds records after the seeded shop lived for some months; librdkafka reads
// and decodes them, and what the contracts require is there.
func TestEveryPort(t *testing.T) {
	t.Parallel()
	exe := python(t)
	mesh, err := governance.Load(os.DirFS(root + "/schemas"))
	require.NoError(t, err)
	contracts := map[string]*governance.Contract{}
	for _, c := range mesh.Contracts {
		contracts[c.ID] = c
	}
	want := map[string]*governance.Contract{} // by topic
	products := map[string]bool{}
	for _, p := range mesh.Products {
		for _, port := range p.Outputs {
			if port.Type != "kafka" {
				continue
			}
			c := contracts[port.ContractID]
			require.NotNil(t, c, port.ContractID)
			topic, err := c.Topic()
			require.NoError(t, err)
			want[topic.Name] = c
			products[p.Name] = true
		}
	}
	require.Len(t, products, 11)

	broker, registry, web := freeAddr(t), freeAddr(t), freeAddr(t)
	startProgram(t, "meshwork", "meshwork", "up", "--data-dir", t.TempDir(), "--kafka-listen", broker, "--registry-listen", registry,
		"--http-listen", web, "--start", "2026-01-05", "--days", shopDays, "--speed", shopSpeed, "--customers", "3000", "--products", "100")
	untilOK(t, time.Minute, "http://"+web+"/readyz")
	until(t, 4*time.Minute, "a record in every port", func() (bool, string) {
		var empty []string
		for topic := range want {
			if some, _ := endOffsets(t, broker, topic, 1); !some {
				empty = append(empty, topic)
			}
		}
		return len(empty) == 0, strings.Join(empty, " ")
	})

	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(output(t, 2*time.Minute, exe, "clients/python/sample.py", broker, "http://"+registry)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct {
			Topic string         `json:"topic"`
			Key   *string        `json:"key"`
			Value map[string]any `json:"value"`
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r), lines.Text())
		c := want[r.Topic]
		require.NotNil(t, c, "%s is no port", r.Topic)
		require.NotNil(t, r.Key, "%s: a record without a key", r.Topic)
		require.Empty(t, missing(r.Topic, c.Schema[0].Properties, r.Value), lines.Text())
		seen[r.Topic] = true
	}
	require.NoError(t, lines.Err())
	for topic := range want {
		require.True(t, seen[topic], "no record of %s was printed", topic)
	}
}

// missing lists what a contract requires and a value lacks: a field that is not there or null, or an empty text.
func missing(path string, properties []governance.Property, value map[string]any) (faults []string) {
	for i := range properties {
		p := &properties[i]
		at := path + "." + p.Name
		switch v := value[p.Name].(type) {
		case nil:
			if p.Required {
				faults = append(faults, at+" is not there")
			}
		case string:
			if p.Required && v == "" {
				faults = append(faults, at+" is empty")
			}
		case map[string]any:
			faults = append(faults, missing(at, p.Properties, v)...)
		case []any:
			if p.Items == nil {
				continue
			}
			for i, e := range v {
				if element, ok := e.(map[string]any); ok {
					faults = append(faults, missing(fmt.Sprintf("%s[%d]", at, i), p.Items.Properties, element)...)
				}
			}
		}
	}
	return faults
}
