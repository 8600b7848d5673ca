package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"meshwork.dev/pkg/kafka"
)

type topicsCmd struct {
	kafkaFlags
	registryFlags
	output
	Names    []string `arg:"" optional:"" help:"Topics or data products; default: all."`
	Internal bool     `help:"Also Kafka's own topics, such as __consumer_offsets."`
	Check    bool     `help:"Compare the running mesh with its descriptors instead; exit status 1 when they differ."`
	Apply    bool     `help:"Like --check, and put right what differs: create topics, register schemas, restore settings."`
	Only     []string `placeholder:"NAME" help:"With --check: expect only what these services need."`
}

// topicRow is one topic as printed.
type topicRow struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replicas"`
	Records    int64  `json:"records"` // offsets between earliest and end: an upper bound of the records
	Cleanup    string `json:"cleanup"`
	Product    string `json:"product,omitempty"`
	Owner      string `json:"owner,omitempty"`
	Doc        string `json:"doc,omitempty"`
}

// Help is the long help of the command.
func (topicsCmd) Help() string {
	return `RECORDS counts offsets from the first kept to the end; compacted records and transaction markers are part of it.

--check compares topics, settings, subjects, consumer groups and ports with contracts, descriptors and declarations.
--apply creates what is missing and sets what differs; it deletes nothing and changes no number of partitions. A retention
that a replay of old data had lifted goes back to the contract's, and the broker then deletes what is older.`
}

// Run lists topics.
func (c *topicsCmd) Run(ctx context.Context, a *app) error {
	if len(c.Names) > 0 && (c.Check || c.Apply) {
		return usagef("--check and --apply look at the whole mesh; name services with --only")
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	if c.Check || c.Apply {
		return c.compare(ctx, a, cl)
	}
	var names []string
	for _, n := range c.Names {
		topic, err := resolve(n)
		if err != nil {
			return err
		}
		names = append(names, topic)
	}
	rows, err := c.rows(ctx, cl, names)
	if err != nil {
		return err
	}
	if c.json() {
		for _, r := range rows {
			if err := a.printJSON(r); err != nil {
				return err
			}
		}
		return nil
	}
	table := [][]string{{"TOPIC", "PARTITIONS", "RECORDS", "CLEANUP", "PRODUCT", "OWNER"}}
	for _, r := range rows {
		table = append(table, []string{r.Topic, strconv.Itoa(r.Partitions), strconv.FormatInt(r.Records, 10), r.Cleanup, productName(r.Product), r.Owner})
	}
	a.table(table)
	return nil
}

func (c *topicsCmd) rows(ctx context.Context, cl *kafka.Client, names []string) ([]topicRow, error) {
	metas, err := cl.Topics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	for _, n := range names {
		if _, ok := metas[n]; !ok {
			return nil, missingTopic(n)
		}
	}
	var rows []topicRow
	var tps []kafka.TopicPartition
	var topics []string
	for name, m := range metas {
		if m.Internal && !c.Internal {
			continue
		}
		topics = append(topics, name)
		for p := range m.Partitions {
			tps = append(tps, kafka.TopicPartition{Topic: name, Partition: int32(p)})
		}
	}
	if len(topics) == 0 {
		return nil, nil
	}
	first, err := cl.ListOffsets(ctx, tps, kafka.Earliest, kafka.ReadCommitted)
	if err != nil {
		return nil, fmt.Errorf("reading offsets: %w", err)
	}
	end, err := cl.ListOffsets(ctx, tps, kafka.Latest, kafka.ReadCommitted)
	if err != nil {
		return nil, fmt.Errorf("reading offsets: %w", err)
	}
	configs, err := cl.TopicConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("reading topic settings: %w", err)
	}
	for _, name := range topics {
		m := metas[name]
		r := topicRow{Topic: name, Partitions: m.Partitions, Replicas: m.Replicas, Cleanup: configs[name]["cleanup.policy"].Value}
		for p := range m.Partitions {
			tp := kafka.TopicPartition{Topic: name, Partition: int32(p)}
			r.Records += end[tp] - first[tp]
		}
		if info := contract(name); info != nil {
			r.Product, r.Owner, r.Doc = info.Product, info.Owner, info.Doc
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b topicRow) int { return strings.Compare(a.Topic, b.Topic) })
	return rows, nil
}

func missingTopic(name string) error {
	text := "topic " + name + " does not exist in this cluster; meshwork topics lists those that do"
	if !strings.Contains(name, ".") {
		text += "; no data product is called that either, there are " + strings.Join(known(), ", ")
	}
	return &notFound{text}
}
