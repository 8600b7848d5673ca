package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
	"meshwork.dev/services/meshwork/internal/replay"
	"meshwork.dev/services/meshwork/retail"
	"meshwork.dev/services/meshwork/shop"
)

type replayCmd struct {
	kafkaFlags
	registryFlags
	output
	Source  string `arg:"" help:"Online Retail file (plain or gzip), or a topic or data product."`
	Speed   string `default:"max" help:"Files: max, or how many times faster than real time."`
	Rows    int    `default:"0" help:"Files: only the first rows; 0: all."`
	Rejects string `placeholder:"FILE" help:"Files: where lines that cannot be used go; default: <file>.rejects.tsv in the current folder."`
	Glue    string `placeholder:"DIR" help:"Files: add the clicks, reviews and people of the other data sets in this folder."`
	Keep    bool   `name:"keep-history" default:"true" negatable:"" help:"Files: lift the retention of topics, because brokers delete by the records' own times. meshwork topics --apply restores it."`
	From    string `default:"earliest" help:"Topics: earliest, a time (RFC 3339), or a duration back from now."`
	To      string `default:"latest" help:"Topics: latest, a time, or a duration back from now."`
	Into    string `placeholder:"TOPIC" help:"Topics: the shadow topic to publish into; made like the original when it is missing."`
}

// Help is the long help of the command.
func (replayCmd) Help() string {
	return `A file becomes commands: one create-order per invoice, and the product feed. It may be run again after an interruption:
every order carries its invoice number and every line its row number as identity, so the mesh recognises repeats.

A range of a topic is published again into a shadow topic, byte for byte, on the same partitions, with time and headers;
never in place, because consumers would take old values for new ones.`
}

// Run replays a file or a topic.
func (c *replayCmd) Run(ctx context.Context, a *app) error {
	ctx, stop := service.WithSignals(ctx, zap.NewNop())
	defer stop()
	if info, err := os.Stat(c.Source); err == nil && !info.IsDir() {
		return c.file(ctx, a)
	}
	if strings.ContainsAny(c.Source, `/\`) || strings.HasSuffix(c.Source, ".csv") || strings.HasSuffix(c.Source, ".gz") {
		return &notFound{"no file " + c.Source}
	}
	return c.topic(ctx, a)
}

func (c *replayCmd) file(ctx context.Context, a *app) (err error) {
	rejects := c.Rejects
	if rejects == "" {
		rejects = filepath.Base(c.Source) + ".rejects.tsv"
	}
	f, err := openFile(c.Source, c.Speed, rejects, c.Rows)
	if err != nil {
		return err
	}
	defer f.file.Close()
	if err := f.stick(c.Glue, c.Rows, shop.Whole, a.err); err != nil {
		return err
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	rc, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
	if c.Keep {
		if err := retail.KeepHistory(ctx, cl); err != nil {
			return fmt.Errorf("keeping history: %w", err)
		}
	}
	s, err := openSink(ctx, cl, rc, "/meshwork/replay", f.parts)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := s.Close(ctx); err == nil {
			err = cerr
		}
	}()
	began := time.Now()
	var counts replay.Counts
	if err := f.run(ctx, s, a.err, &counts, nil); err != nil {
		return fmt.Errorf("replaying %s: %w", c.Source, err)
	}
	if c.json() {
		return a.printJSON(map[string]any{
			"rows": counts.Lines.Load(), "orders": counts.Orders.Load(), "productChanges": counts.Changes.Load(),
			"rejected": f.rejects.Count(), "seconds": time.Since(began).Seconds(),
		})
	}
	fmt.Fprintln(a.err, f.summary(&counts, time.Since(began)))
	return nil
}

func (c *replayCmd) topic(ctx context.Context, a *app) error {
	if c.Into == "" {
		return usagef("replaying a topic needs --into TOPIC, a shadow topic of its own")
	}
	topic, err := resolve(c.Source)
	if err != nil {
		return err
	}
	if c.Into == topic || contract(c.Into) != nil {
		return usagef("--into %s is a topic under contract: its consumers would take old values for new ones; name a new topic", c.Into)
	}
	from, err := parsePoint(c.From, time.Now())
	if err != nil {
		return err
	}
	to, err := parsePoint(c.To, time.Now())
	if err != nil {
		return err
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	ranges, err := spans(ctx, cl, topic, from, &to)
	if err != nil {
		return err
	}
	if err := shadow(ctx, cl, topic, c.Into, len(ranges)); err != nil {
		return err
	}
	s := newResender(cl)
	defer s.close(ctx)
	err = scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		return s.send(ctx, c.Into, tp.Partition, r, "")
	})
	if err == nil {
		err = s.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("replaying %s into %s: %w", topic, c.Into, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d records", s.sent)
	}
	if c.json() {
		return a.printJSON(map[string]any{"topic": topic, "into": c.Into, "records": s.sent})
	}
	fmt.Fprintf(a.err, "%d records of %s published into %s\n", s.sent, topic, c.Into)
	return nil
}

// shadow creates the shadow topic like the original, or checks that an existing
// one has as many partitions.
func shadow(ctx context.Context, cl *kafka.Client, topic, into string, partitions int) error {
	metas, err := cl.Topics(ctx, into)
	if err != nil {
		return fmt.Errorf("looking up %s: %w", into, err)
	}
	if m, ok := metas[into]; ok {
		if m.Partitions != partitions {
			return usagef("%s has %d partitions and %s %d: they must agree", into, m.Partitions, topic, partitions)
		}
		return nil
	}
	settings, err := cl.TopicConfigs(ctx, topic)
	if err != nil {
		return fmt.Errorf("reading the settings of %s: %w", topic, err)
	}
	own := map[string]string{}
	for k, e := range settings[topic] {
		if e.Own {
			own[k] = e.Value
		}
	}
	if err := cl.CreateTopics(ctx, kafka.TopicSpec{Name: into, Partitions: partitions, Replication: -1, Config: own}); err != nil {
		return fmt.Errorf("creating %s: %w", into, err)
	}
	return nil
}
