package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
)

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
