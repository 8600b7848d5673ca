package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

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

// consumed is one record as printed with -o json.
type consumed struct {
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Timestamp time.Time         `json:"timestamp"`
	Key       *string           `json:"key"`
	Headers   map[string]string `json:"headers,omitempty"`
	Schema    string            `json:"schema,omitempty"` // id or GUID in the registry
	Value     json.RawMessage   `json:"value"`
	Error     string            `json:"error,omitempty"` // why value could not be decoded; value is then its bytes in base64
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
	cl, err := a.connect(ctx, c.kafkaFlags)
	if err != nil {
		return err
	}
	defer cl.Close()
	rc, err := a.registryClient(c.registryFlags)
	if err != nil {
		return err
	}
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
	dec := newDecoder(rc)
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

// record decodes one record for printing.
func (d *decoder) record(ctx context.Context, tp kafka.TopicPartition, r *kafka.Record) consumed {
	rec := consumed{Topic: tp.Topic, Partition: tp.Partition, Offset: r.Offset, Timestamp: time.UnixMilli(r.Timestamp).UTC()}
	if r.Key != nil {
		k := printable(r.Key)
		rec.Key = &k
	}
	for k, v := range r.Headers() {
		if rec.Headers == nil {
			rec.Headers = map[string]string{}
		}
		rec.Headers[string(k)] = printable(v)
	}
	value, schema, err := d.value(ctx, r)
	rec.Value, rec.Schema = value, schema
	if err != nil {
		rec.Error = err.Error()
		rec.Value, _ = json.Marshal(r.Value) // base64
	}
	return rec
}

// printable is text as it is and other bytes quoted.
func printable(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return fmt.Sprintf("%q", b)
}
