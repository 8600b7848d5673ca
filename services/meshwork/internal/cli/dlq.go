package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/stream"
)

type dlqCmd struct {
	List   dlqListCmd   `cmd:"" help:"List dead-letter topics that hold records, with the reasons."`
	Show   dlqShowCmd   `cmd:"" help:"Print dead letters with reason and origin."`
	Replay dlqReplayCmd `cmd:"" help:"Send dead letters to the topic they came from again."`
}

const dlqSuffix = ".dlq"

// dlqTopic is the dead-letter topic of a topic or data product.
func dlqTopic(name string) (string, error) {
	if strings.HasSuffix(name, dlqSuffix) {
		return name, nil
	}
	topic, err := resolve(name)
	if err != nil {
		return "", err
	}
	return stream.DeadLetterTopic(topic), nil
}

type dlqListCmd struct {
	kafkaFlags
	output
}

type dlqRow struct {
	Topic   string         `json:"topic"`
	Records int            `json:"records"`
	Oldest  time.Time      `json:"oldest"`
	Reasons map[string]int `json:"reasons"`
}

// Run lists dead-letter topics.
func (c *dlqListCmd) Run(ctx context.Context, a *app) error {
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	metas, err := cl.Topics(ctx)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	table := [][]string{{"TOPIC", "RECORDS", "OLDEST", "REASONS"}}
	for _, topic := range slices.Sorted(maps.Keys(metas)) {
		if !strings.HasSuffix(topic, dlqSuffix) {
			continue
		}
		ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
		if err != nil {
			return err
		}
		row := dlqRow{Topic: topic, Reasons: map[string]int{}}
		err = scan(ctx, cl, ranges, func(_ kafka.TopicPartition, r *kafka.Record) error {
			reason, _ := r.Header(stream.DLQReason)
			row.Reasons[string(reason)]++
			row.Records++
			if at := time.UnixMilli(r.Timestamp).UTC(); row.Oldest.IsZero() || at.Before(row.Oldest) {
				row.Oldest = at
			}
			return nil
		})
		if err != nil {
			return err
		}
		if row.Records == 0 {
			continue
		}
		if c.json() {
			if err := a.printJSON(row); err != nil {
				return err
			}
			continue
		}
		var reasons []string
		for _, k := range slices.Sorted(maps.Keys(row.Reasons)) {
			reasons = append(reasons, k+" "+strconv.Itoa(row.Reasons[k]))
		}
		table = append(table, []string{topic, strconv.Itoa(row.Records), row.Oldest.Format(time.RFC3339), strings.Join(reasons, ", ")})
	}
	if c.json() {
		return nil
	}
	if len(table) == 1 {
		fmt.Fprintln(a.err, "no dead letters")
		return nil
	}
	a.table(table)
	return nil
}

// dlqFilter chooses dead letters.
type dlqFilter struct {
	Topic  string `arg:"" help:"Topic, data product, or dead-letter topic."`
	Key    string `help:"Only records with this key."`
	Reason string `help:"Only records with this reason: decode, schema_unknown, validation, handler, poison or late."`
}

func (f *dlqFilter) match(r *kafka.Record) bool {
	reason, _ := r.Header(stream.DLQReason)
	return (f.Key == "" || string(r.Key) == f.Key) && (f.Reason == "" || string(reason) == f.Reason)
}

type dlqShowCmd struct {
	kafkaFlags
	registryFlags
	output
	dlqFilter
	Number int `short:"n" default:"10" help:"At most this many; 0: all."`
}

// Run prints dead letters.
func (c *dlqShowCmd) Run(ctx context.Context, a *app) error {
	topic, err := dlqTopic(c.Topic)
	if err != nil {
		return err
	}
	cl, dec, err := a.reader(ctx, c.kafkaFlags, c.registryFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
	if err != nil {
		return err
	}
	n := 0
	return scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		if !c.match(r) {
			return nil
		}
		rec := dec.record(ctx, tp, r)
		if c.json() {
			if err := a.printJSON(rec); err != nil {
				return err
			}
		} else {
			key := "(no key)"
			if rec.Key != nil {
				key = *rec.Key
			}
			fmt.Fprintf(a.out, "%s  %s  %s/%s offset %s  key %s\n  %s\n  %s\n", rec.Headers[stream.DLQReason], rec.Timestamp.Format(time.RFC3339),
				rec.Headers[stream.DLQTopic], rec.Headers[stream.DLQPartition], rec.Headers[stream.DLQOffset], key, rec.Headers[stream.DLQError], rec.Value)
		}
		if n++; n == c.Number {
			return errEnough
		}
		return nil
	})
}

type dlqReplayCmd struct {
	kafkaFlags
	output
	dlqFilter
	Into string `placeholder:"TOPIC" help:"Send to this topic instead of where the record came from."`
	Keep bool   `help:"Keep the dead letters that were sent; without it they are deleted once sent."`
	Yes  bool   `help:"Do it; without it the command only says what it would do."`
}

// Help is the long help of the command.
func (dlqReplayCmd) Help() string {
	return `Fix the cause first. Records go out with their original bytes, time and headers, to the partition of their key, and
are marked with the header mw-dlq-replayed. Dead letters are deleted after they were sent; --key, --reason and --into imply
--keep, because Kafka deletes only from the front. Dead letters of timers cannot be sent; they are left out and named.`
}

// dlqReplayed marks a record that was a dead letter once; its value is where.
const dlqReplayed = "mw-dlq-replayed"

// Run sends dead letters again.
func (c *dlqReplayCmd) Run(ctx context.Context, a *app) error {
	topic, err := dlqTopic(c.Topic)
	if err != nil {
		return err
	}
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	ranges, err := spans(ctx, cl, topic, kafka.Earliest, &kafka.Latest)
	if err != nil {
		return err
	}
	s := newResender(cl)
	defer s.close(ctx)
	matched, timers := 0, 0
	err = scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		if !c.match(r) {
			return nil
		}
		if _, timer := r.Header(stream.DLQTimer); timer {
			timers++
			return nil
		}
		matched++
		if !c.Yes {
			return nil
		}
		into := c.Into
		if into == "" {
			if into = strings.TrimSuffix(topic, dlqSuffix); into == topic {
				return usagef("%s is not a dead-letter topic: name the target with --into", topic)
			}
		}
		where := fmt.Sprintf("%s/%d/%d", tp.Topic, tp.Partition, r.Offset)
		return s.send(ctx, into, -1, r, "mw-dlq-", kafka.Header{Key: dlqReplayed, Value: []byte(where)})
	})
	if err == nil && c.Yes {
		err = s.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("replaying %s: %w", topic, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted after %d records; none was deleted", s.sent)
	}
	keep := c.Keep || c.Key != "" || c.Reason != "" || c.Into != "" || timers > 0
	deleted := false
	if c.Yes && !keep && matched > 0 {
		before := map[kafka.TopicPartition]int64{}
		for tp, sp := range ranges {
			before[tp] = sp.end
		}
		if _, err := cl.DeleteRecords(ctx, before); err != nil {
			return fmt.Errorf("%d records were sent, but the dead letters could not be deleted: %w", s.sent, err)
		}
		deleted = true
	}
	if c.json() {
		return a.printJSON(map[string]any{"topic": topic, "matched": matched, "sent": s.sent, "timers": timers, "deleted": deleted})
	}
	switch {
	case !c.Yes:
		fmt.Fprintf(a.err, "would send %d records of %s again; do it with --yes\n", matched, topic)
	default:
		fmt.Fprintf(a.err, "sent %d records of %s again%s\n", s.sent, topic, map[bool]string{true: " and deleted the dead letters"}[deleted])
	}
	if timers > 0 {
		fmt.Fprintf(a.err, "%d dead letters came from timers and cannot be sent\n", timers)
	}
	return nil
}
