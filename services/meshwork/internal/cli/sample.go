package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"meshwork.dev/pkg/governance"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/schemas"
)

type sampleCmd struct {
	kafkaFlags
	registryFlags
	output
	Products []string `arg:"" optional:"" help:"Data products; default: all."`
	Window   int      `default:"200" help:"How many of the newest records of each partition to choose from."`
}

// Help is the long help of the command.
func (sampleCmd) Help() string {
	return `Prints one decoded record for each Kafka port of each data product: of the newest ones that with most fields filled.
Exit status 1 when a port has no record.`
}

// sampled is the sample of one port.
type sampled struct {
	Product string `json:"product"`
	Port    string `json:"port"`
	consumed
	Filled int `json:"filled"` // fields of the value that are not null, at any depth
}

// port is a Kafka port of a descriptor.
type port struct{ product, name, topic string }

// Run prints samples.
func (c *sampleCmd) Run(ctx context.Context, a *app) error {
	ports, err := kafkaPorts(c.Products)
	if err != nil {
		return err
	}
	cl, dec, err := a.reader(ctx, c.kafkaFlags, c.registryFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	empty := 0
	for _, p := range ports {
		s, err := c.sample(ctx, cl, dec, p)
		if err != nil {
			return err
		}
		if s == nil {
			empty++
			fmt.Fprintf(a.err, "%s · %s: no record in %s\n", p.product, p.name, p.topic)
			continue
		}
		if c.json() {
			if err := a.printJSON(s); err != nil {
				return err
			}
			continue
		}
		key := ""
		if s.Key != nil {
			key = *s.Key
		}
		fmt.Fprintf(a.out, "%s · %s\n  %s/%d offset %d  key %s\n  %s\n", p.product, p.name, s.Topic, s.Partition, s.Offset, key, s.Value)
	}
	if empty > 0 {
		fmt.Fprintf(a.err, "%d of %d ports have no record\n", empty, len(ports))
		return quiet{}
	}
	return nil
}

// kafkaPorts lists the Kafka ports of products, all when there are no names.
func kafkaPorts(names []string) ([]port, error) {
	mesh, err := governance.Load(schemas.Files)
	if err != nil {
		return nil, fmt.Errorf("reading descriptors: %w", err)
	}
	left := map[string]bool{}
	for _, n := range names {
		left[n] = true
	}
	var ports []port
	for _, p := range mesh.Products {
		short := productName(p.ID)
		if len(names) > 0 && !left[short] && !left[p.Name] {
			continue
		}
		delete(left, short)
		delete(left, p.Name)
		for _, out := range p.Outputs {
			if out.Type == "kafka" {
				ports = append(ports, port{p.Name, out.Name, out.PhysicalName()})
			}
		}
	}
	for n := range left {
		return nil, &notFound{"there is no data product called " + n + "; meshwork describe shows all"}
	}
	return ports, nil
}

// sample finds the record of a port with most fields filled among the newest; nil when there is none.
func (c *sampleCmd) sample(ctx context.Context, cl *kafka.Client, dec *decoder, p port) (*sampled, error) {
	ranges, err := spans(ctx, cl, p.topic, kafka.Earliest, &kafka.Latest)
	if _, missing := errors.AsType[*notFound](err); missing {
		return nil, nil //nolint:nilnil // no topic, no record
	}
	if err != nil {
		return nil, err
	}
	for tp, s := range ranges {
		s.from = max(s.from, s.end-int64(max(c.Window, 1)))
		ranges[tp] = s
	}
	var best *sampled
	err = scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		if r.Value == nil {
			return nil
		}
		rec := dec.record(ctx, tp, r)
		if rec.Error != "" {
			return fmt.Errorf("decoding %s offset %d: %s", tp, r.Offset, rec.Error)
		}
		if n := filled(rec.Value); best == nil || n >= best.Filled { // the newer one of equals
			best = &sampled{p.product, p.name, rec, n}
		}
		return nil
	})
	return best, err
}

// filled counts the values in a JSON document that are there: neither null nor empty.
func filled(text json.RawMessage) int {
	n := 0
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		t, err := dec.Token()
		if err != nil {
			return n
		}
		if _, structure := t.(json.Delim); t != nil && !structure && strings.TrimSpace(fmt.Sprint(t)) != "" {
			n++
		}
	}
}
