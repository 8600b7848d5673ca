package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
)

type resetCmd struct {
	kafkaFlags
	output
	Product    string `arg:"" help:"Data product."`
	To         string `default:"earliest" help:"earliest, latest, a time (RFC 3339), a duration back from now, or offset:N."`
	KeepState  bool   `help:"Move the offsets only; right only when the reactions may see records twice."`
	Downstream bool   `help:"Also reset the products that react to its events, and theirs: they would count again what is published again."`
	Yes        bool   `help:"Do it; without it the command only says what it would do."`
}

// Help is the long help of the command.
func (resetCmd) Help() string {
	return `Stop every instance of the product first; the command refuses while its group has members. It then
  1. empties the product: a tombstone for every row of its output topic and its changelog. Subscribers see the rows go and
     come back; local state empties itself at the next start by reading those tombstones.
  2. sets the group's offsets on every input.
The product computes everything again from there at its next start. Events that it emits are published again, under the
same ids. With --downstream the products that react to them are emptied too and wait for the new ones, and the old ones are
deleted, so that nobody who reads from the beginning meets both. Running the command again after an interruption
completes it.`
}

// resetPlan is what a reset does.
type resetPlan struct {
	Product  string         `json:"product"`
	Group    string         `json:"group"`
	Inputs   []resetInput   `json:"inputs"`
	Emptied  []resetEmptied `json:"emptied"`
	Repeated []string       `json:"repeatedEvents,omitempty"`
	Done     bool           `json:"done"`
	offsets  map[kafka.TopicPartition]int64
}

type resetInput struct {
	Topic string `json:"topic"`
	From  int64  `json:"offsets"` // between the new position and the end: the records to be read again, and transaction markers
}

type resetEmptied struct {
	Topic string `json:"topic"`
	Rows  int    `json:"rows"`
	keys  map[kafka.TopicPartition][][]byte
}

// Run resets a product.
func (c *resetCmd) Run(ctx context.Context, a *app) error {
	all, err := service.Describe(&service.Config{}, services(a.getenv)...) //nolint:contextcheck // requests and the stop have contexts of their own
	if err != nil {
		return fmt.Errorf("describing: %w", err)
	}
	found, ok := all.Find(c.Product)
	if !ok {
		return &notFound{"no service materialises a data product called " + c.Product + "; meshwork describe shows all"}
	}
	product := found[0].Products[0]
	below := downstream(all, product)
	if c.Downstream && (c.To != "earliest" || c.KeepState) {
		return usagef("--downstream computes everything again: it goes with --to earliest, and not with --keep-state")
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	products, again := []service.Product{product}, map[string]bool{}
	if c.Downstream {
		products = append(products, below...)
		for _, p := range products {
			for _, out := range p.Outputs {
				again[out.Topic] = again[out.Topic] || out.Role == "event"
			}
		}
	}
	plans := make([]*resetPlan, len(products))
	for i, p := range products {
		if err := refuseActive(ctx, cl, p.Group); err != nil {
			return err
		}
		if plans[i], err = c.plan(ctx, cl, p, again); err != nil {
			return err
		}
	}
	for _, plan := range plans {
		if c.Yes {
			if err := plan.carryOut(ctx, cl, c.Downstream); err != nil {
				return err
			}
		}
		if !c.json() {
			plan.print(a)
		} else if err := a.printJSON(plan); err != nil {
			return err
		}
	}
	if !c.Yes {
		fmt.Fprintln(a.err, "nothing was changed; do it with --yes")
	}
	if !c.Downstream && !c.KeepState && len(below) > 0 {
		fmt.Fprintf(a.err, "%s react to its events and would count again what is published again: reset them with it, --downstream\n", productNames(below))
	}
	return nil
}

// downstream lists the products that react to the events of a product, to theirs, and so on.
func downstream(all service.Description, first service.Product) []service.Product {
	var below []service.Product
	seen := map[string]bool{first.Name: true}
	for todo := []service.Product{first}; len(todo) > 0; todo = todo[1:] {
		events := map[string]bool{}
		for _, out := range todo[0].Outputs {
			events[out.Topic] = out.Role == "event"
		}
		for _, s := range all {
			for _, p := range s.Products {
				if !seen[p.Name] && slices.ContainsFunc(p.Inputs, func(in service.Edge) bool { return events[in.Topic] && in.Role != "looks up" }) {
					seen[p.Name] = true
					below, todo = append(below, p), append(todo, p)
				}
			}
		}
	}
	return below
}

func productNames(products []service.Product) string {
	names := make([]string, len(products))
	for i, p := range products {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// refuseActive fails while the group has members.
func refuseActive(ctx context.Context, cl *kafka.Client, group string) error {
	d, err := cl.DescribeGroup(ctx, group)
	if errors.Is(err, kafka.ErrUnknownGroup) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking up group %s: %w", group, err)
	}
	if len(d.Members) > 0 {
		hosts := make([]string, len(d.Members))
		for i, m := range d.Members {
			hosts[i] = m.ClientID + " at " + m.Host
		}
		return fmt.Errorf("group %s has %d members (%s): stop them first: %w", group, len(d.Members), strings.Join(hosts, ", "), kafka.ErrGroupBusy)
	}
	return nil
}

// plan works out what to do. Of the topics again, which will be published anew, only what comes is read.
func (c *resetCmd) plan(ctx context.Context, cl *kafka.Client, p service.Product, again map[string]bool) (*resetPlan, error) {
	plan := &resetPlan{Product: p.Name, Group: p.Group, offsets: map[kafka.TopicPartition]int64{}}
	for _, in := range p.Inputs {
		if in.Role == "looks up" {
			continue
		}
		ranges, err := c.target(ctx, cl, in.Topic)
		if _, ok := errors.AsType[*notFound](err); ok {
			continue // not created yet: nothing to read again
		}
		if err != nil {
			return nil, err
		}
		row := resetInput{Topic: in.Topic}
		// What the product re-keys for itself is made again from its inputs, so
		// the old records are skipped, not read twice.
		for tp, s := range ranges {
			if (in.Role == "re-keyed" || again[in.Topic]) && !c.KeepState {
				s.from = s.end
			}
			plan.offsets[tp] = s.from
			row.From += s.end - s.from
		}
		plan.Inputs = append(plan.Inputs, row)
	}
	for _, out := range p.Outputs {
		switch {
		case out.Role == "event":
			plan.Repeated = append(plan.Repeated, out.Topic)
		case (out.Role == "table" || out.Role == "changelog") && !c.KeepState:
			e, err := liveKeys(ctx, cl, out.Topic)
			if err != nil {
				return nil, err
			}
			plan.Emptied = append(plan.Emptied, e)
		}
	}
	return plan, nil
}

// target finds the new position and the end of every partition.
func (c *resetCmd) target(ctx context.Context, cl *kafka.Client, topic string) (map[kafka.TopicPartition]span, error) {
	if n, ok := strings.CutPrefix(c.To, "offset:"); ok {
		offset, err := strconv.ParseInt(n, 10, 64)
		if err != nil || offset < 0 {
			return nil, usagef("--to %q: want offset:N with N from 0", c.To)
		}
		ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
		for tp, s := range ranges {
			s.from = min(max(offset, s.from), s.end)
			ranges[tp] = s
		}
		return ranges, err
	}
	spec, err := parsePoint(c.To, time.Now())
	if err != nil {
		return nil, err
	}
	return spans(ctx, cl, topic, spec, &kafka.Latest)
}

// liveKeys reads the keys of a compacted topic that have a value.
func liveKeys(ctx context.Context, cl *kafka.Client, topic string) (resetEmptied, error) {
	e := resetEmptied{Topic: topic, keys: map[kafka.TopicPartition][][]byte{}}
	ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
	if _, ok := errors.AsType[*notFound](err); ok {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	live := map[kafka.TopicPartition]map[string]bool{}
	err = scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		m := live[tp]
		if m == nil {
			m = map[string]bool{}
			live[tp] = m
		}
		if r.Value == nil {
			delete(m, string(r.Key))
		} else {
			m[string(r.Key)] = true
		}
		return nil
	})
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return e, fmt.Errorf("reading the rows of %s: %w", topic, err)
	}
	for tp, m := range live {
		for k := range m {
			e.keys[tp] = append(e.keys[tp], []byte(k))
			e.Rows++
		}
		slices.SortFunc(e.keys[tp], slices.Compare)
	}
	return e, nil
}

// carryOut empties the product, then moves the offsets: interrupted between the
// two, the command is run again, and until then nothing is counted twice.
func (p *resetPlan) carryOut(ctx context.Context, cl *kafka.Client, deleteRepeated bool) error {
	s := newResender(cl)
	defer s.close(ctx)
	for _, e := range p.Emptied {
		for tp, keys := range e.keys {
			for _, k := range keys {
				if err := s.send(ctx, tp.Topic, tp.Partition, &kafka.Record{Key: k, Timestamp: time.Now().UnixMilli()}, ""); err != nil {
					return fmt.Errorf("emptying %s: %w", tp.Topic, err)
				}
			}
		}
	}
	if err := s.flush(ctx); err != nil {
		return fmt.Errorf("emptying %s: %w", p.Product, err)
	}
	if err := cl.CommitOffsets(ctx, p.Group, p.offsets); err != nil {
		return fmt.Errorf("setting the offsets of %s: %w", p.Group, err)
	}
	if deleteRepeated {
		before := map[kafka.TopicPartition]int64{}
		for _, topic := range p.Repeated {
			ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
			if err != nil {
				return err
			}
			for tp, s := range ranges {
				if s.end > s.from {
					// The last offset is the marker of a transaction. It stays, because the embedded broker forgets
					// the end of a partition that is empty.
					before[tp] = s.end - 1
				}
			}
		}
		if _, err := cl.DeleteRecords(ctx, before); err != nil {
			return fmt.Errorf("deleting the old events of %s: %w", p.Product, err)
		}
	}
	p.Done = true
	return nil
}

func (p *resetPlan) print(a *app) {
	word := "would be "
	if p.Done {
		word = ""
	}
	fmt.Fprintf(a.out, "%s (group %s)\n", p.Product, p.Group)
	for _, in := range p.Inputs {
		fmt.Fprintf(a.out, "  %-52s %sread again: %d offsets\n", in.Topic, word, in.From)
	}
	for _, e := range p.Emptied {
		fmt.Fprintf(a.out, "  %-52s %semptied: %d rows\n", e.Topic, word, e.Rows)
	}
	for _, t := range p.Repeated {
		fmt.Fprintf(a.out, "  %-52s %spublished again, under the same ids\n", t, word)
	}
}
