package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
)

// reader connects for a command that prints records.
func (a *app) reader(ctx context.Context, k kafkaFlags, r registryFlags) (*kafka.Client, *decoder, error) {
	cl, err := a.connect(ctx, k)
	if err != nil {
		return nil, nil, err
	}
	rc, err := a.registryClient(r)
	if err != nil {
		cl.Close()
		return nil, nil, err
	}
	return cl, newDecoder(rc), nil
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

// decoder turns record values into JSON with the schemas they were written
// with.
type decoder struct{ dyn *avro.Dynamic }

func newDecoder(source avro.SchemaSource) *decoder { return &decoder{avro.NewDynamic(source)} }

// value decodes r's value, and names its schema: the id or GUID in the
// registry.
func (d *decoder) value(ctx context.Context, r *kafka.Record) (text json.RawMessage, schema string, err error) {
	if len(r.Value) > 0 {
		f, err := avro.ParseFrame(r.Value, r)
		if err != nil {
			return nil, "", fmt.Errorf("reading the framing: %w", err)
		}
		if schema = strconv.Itoa(int(f.ID)); f.ID == 0 {
			schema = f.GUID.String()
		}
	}
	text, err = d.dyn.JSON(ctx, r.Value, r)
	return text, schema, err
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
