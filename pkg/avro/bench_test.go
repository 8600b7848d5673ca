package avro_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// older is a schema without its last field that has a default, as an earlier version would be.
func older(b *testing.B, text string) string {
	b.Helper()
	var s map[string]any
	require.NoError(b, json.Unmarshal([]byte(text), &s))
	fields, ok := s["fields"].([]any)
	require.True(b, ok)
	for i, f := range slices.Backward(fields) {
		f, ok := f.(map[string]any)
		require.True(b, ok)
		if _, has := f["default"]; has {
			s["fields"] = slices.Delete(fields, i, i+1)
			out, err := json.Marshal(s)
			require.NoError(b, err)
			return string(out)
		}
	}
	b.Skip("no field has a default")
	return ""
}

// BenchmarkOrder decodes a completed order that was written with the present schema and with an earlier one.
func BenchmarkOrder(b *testing.B) {
	topic := orderproc.OrderCompletedEvent
	earlier := older(b, topic.Info.Schema)
	codec, err := avro.NewJSONCodec(topic.Info.Schema)
	require.NoError(b, err)
	order := topic.Values.Append(nil, &orderproc.OrderCompleted{OrderID: "536365", CustomerID: schemas.Some("17850"), Lines: make([]orderproc.OrderLine, 3)})
	_, err = codec.AppendJSON(nil, order)
	require.NoError(b, err)
	back, err := avro.NewTranscoder(topic.Info.Schema, earlier)
	require.NoError(b, err)
	old, err := back.Transcode(nil, order)
	require.NoError(b, err)
	d, err := avro.NewTopicDecoder(topic, &source{ids: map[int]string{1: topic.Info.Schema, 2: earlier}})
	require.NoError(b, err)
	b.Run("same schema", func(b *testing.B) { benchDecode(b, d, framed(1, order...)) })
	b.Run("earlier schema", func(b *testing.B) { benchDecode(b, d, framed(2, old...)) })
	b.Run("earlier schema, twmb into any", func(b *testing.B) {
		w, err := twmb.Parse(earlier)
		require.NoError(b, err)
		r, err := twmb.Parse(topic.Info.Schema)
		require.NoError(b, err)
		both, err := twmb.Resolve(w, r)
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if _, err := both.Decode(old, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("goavro without resolution", func(b *testing.B) {
		c, err := goavro.NewCodec(topic.Info.Schema)
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.NativeFromBinary(order); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchDecode[V any](b *testing.B, d *avro.Decoder[V], value []byte) {
	b.Helper()
	var v V
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(&v, value); err != nil {
			b.Fatal(err)
		}
	}
}
