package cli

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/service"
)

type consumeCmd struct {
	kafkaFlags
	registryFlags
	output
	Name      string `arg:"" help:"Data product, short topic name, or full topic name."`
	From      string `default:"earliest" help:"earliest, latest, a time (RFC 3339), or a duration back from now (90m)."`
	Follow    bool   `short:"f" help:"Wait for further records; end with Ctrl-C."`
	Number    int    `short:"n" default:"0" help:"Stop after this many records; 0: all."`
	Key       string `help:"Only records with this key."`
	Partition int32  `default:"-1" help:"Only this partition."`
}

// Help is the long help of the command.
func (consumeCmd) Help() string {
	return "Prints one JSON value a line: the decoded value, null for a tombstone. With -o json also key, partition, offset, " +
		"timestamp and headers. Values are decoded with the schema they were written with, from the registry; only committed records are read."
}

// Run prints records.
func (c *consumeCmd) Run(ctx context.Context, a *app) error {
	from, err := parsePoint(c.From, time.Now())
	if err != nil {
		return err
	}
	topic, err := resolve(c.Name)
	if err != nil {
		return err
	}
	cl, dec, err := a.reader(ctx, c.kafkaFlags, c.registryFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, stop := service.WithSignals(ctx, zap.NewNop())
	defer stop()
	to := &kafka.Latest
	if c.Follow {
		to = nil
	}
	ranges, err := spans(ctx, cl, topic, from, to)
	if err != nil {
		return err
	}
	for tp := range ranges {
		if c.Partition >= 0 && tp.Partition != c.Partition {
			delete(ranges, tp)
		}
	}
	if len(ranges) == 0 {
		return &notFound{fmt.Sprintf("%s has no partition %d", topic, c.Partition)}
	}
	n, bad := 0, 0
	var firstBad error
	err = scan(ctx, cl, ranges, func(tp kafka.TopicPartition, r *kafka.Record) error {
		if c.Key != "" && string(r.Key) != c.Key {
			return nil
		}
		rec := dec.record(ctx, tp, r)
		if rec.Error != "" {
			if bad++; firstBad == nil {
				firstBad = fmt.Errorf("decoding %s offset %d: %s", tp, r.Offset, rec.Error)
			}
		}
		var err error
		if c.json() {
			err = a.printJSON(rec)
		} else {
			_, err = fmt.Fprintf(a.out, "%s\n", rec.Value)
		}
		if n++; err == nil && n == c.Number {
			err = errEnough
		}
		return err
	})
	if err == nil && bad > 0 {
		return fmt.Errorf("%d of %d values could not be decoded and are shown as base64; the first: %w", bad, n, firstBad)
	}
	return err
}
