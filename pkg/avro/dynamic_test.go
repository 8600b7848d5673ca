package avro_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

func TestJSONForms(t *testing.T) {
	for _, c := range []struct{ name, schema, avro, json string }{
		{"union without wrapper", rec(`{"name":"a","type":["null","string"]},{"name":"b","type":["null","int"]}`), "02027800", `{"a":"x","b":null}`},
		{"decimal", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, "0430d4", `"12.500"`},
		{"negative decimal", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, "02ff", `"-0.001"`},
		{"fixed decimal", `{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":9,"scale":2}`, "fffffffb", `"-0.05"`},
		{"timestamp-millis", `{"type":"long","logicalType":"timestamp-millis"}`, "8083fcad844d", `"2011-12-09T12:50:00.000Z"`},
		{"before 1970", `{"type":"long","logicalType":"timestamp-micros"}`, "01", `"1969-12-31T23:59:59.999999Z"`},
		{"local", `{"type":"long","logicalType":"local-timestamp-millis"}`, "02", `"1970-01-01T00:00:00.001"`},
		{"date", `{"type":"int","logicalType":"date"}`, "02", `"1970-01-02"`},
		{"time", `{"type":"int","logicalType":"time-millis"}`, "e807", `"00:00:00.500"`},
		{"bytes", `"bytes"`, "0600ff10", `"AP8Q"`},
		{"uuid", `{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, "000102030405060708090a0b0c0d0e0f", `"00010203-0405-0607-0809-0a0b0c0d0e0f"`},
		{"enum", `{"type":"enum","name":"E","symbols":["A","B"]}`, "02", `"B"`},
		{"large long", `"long"`, "feffffffffffffffff01", `9223372036854775807`},
		{"not a number", `"float"`, "0000c07f", `"NaN"`},
		{"array and map", `{"type":"map","values":{"type":"array","items":"int"}}`, "02026b02060000", `{"k":[3]}`},
		{"order of fields", rec(`{"name":"z","type":"int"},{"name":"a","type":"int"}`), "0204", `{"z":1,"a":2}`},
		{"duration", `{"type":"fixed","name":"D","size":12,"logicalType":"duration"}`, "010000000200000003000000", `{"months":1,"days":2,"millis":3}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			codec, err := avro.NewJSONCodec(c.schema)
			require.NoError(t, err)
			in, err := hex.DecodeString(c.avro)
			require.NoError(t, err)
			text, err := codec.AppendJSON(nil, in)
			require.NoError(t, err)
			require.Equal(t, c.json, string(text))
			back, err := codec.AppendAvro(nil, text)
			require.NoError(t, err)
			require.Equal(t, c.avro, hex.EncodeToString(back))
		})
	}
}

func TestJSONIsReadLeniently(t *testing.T) {
	for _, c := range []struct{ name, schema, json, avro string }{
		{"decimal as number", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, `12.5`, "0430d4"},
		{"timestamp as number", `{"type":"long","logicalType":"timestamp-millis"}`, `1`, "02"},
		{"timestamp of another zone", `{"type":"long","logicalType":"timestamp-millis"}`, `"1970-01-01T01:00:00.001+01:00"`, "02"},
		{"default", rec(`{"name":"a","type":"int","default":3}`), `{}`, "06"},
		{"wrapped branch", `["null","bytes","string"]`, `{"string":"abcd"}`, "040861626364"},
	} {
		codec, err := avro.NewJSONCodec(c.schema)
		require.NoError(t, err)
		out, err := codec.AppendAvro(nil, []byte(c.json))
		require.NoError(t, err, c.name)
		require.Equal(t, c.avro, hex.EncodeToString(out), c.name)
	}
	for _, c := range []struct{ name, schema, json, message string }{
		{"unknown field", rec(`{"name":"a","type":"int"}`), `{"a":1,"b":2}`, `no field "b"`},
		{"missing field", rec(`{"name":"a","type":"int"}`), `{}`, "$.a is missing"},
		{"too many decimals", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":1}`, `"1.25"`, "decimal"},
		{"too large", `"int"`, `3000000000`, "int"},
		{"place", rec(`{"name":"a","type":{"type":"array","items":"int"}}`), `{"a":[1,"x"]}`, "$.a[1]"},
		{"not JSON", `"int"`, `{`, "not JSON"},
		{"two values", `"int"`, `1 2`, "more than one"},
	} {
		codec, err := avro.NewJSONCodec(c.schema)
		require.NoError(t, err)
		_, err = codec.AppendAvro(nil, []byte(c.json))
		require.ErrorIs(t, err, avro.ErrMalformed, c.name)
		require.ErrorContains(t, err, c.message, c.name)
	}
}

// Values of random schemas keep their JSON when they are read back from it.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text(t, (&maker{T: t}).schema(3, true))
		parsed, err := schema.Parse(s)
		if err != nil {
			t.Skip(err)
		}
		codec, err := avro.NewJSONCodec(s)
		if err != nil {
			t.Skip(err) // such as an array of nothing
		}
		payload := value(t, parsed, nil, 0)
		one, err := codec.AppendJSON(nil, payload)
		require.NoError(t, err, "%s %x", s, payload)
		back, err := codec.AppendAvro(nil, one)
		require.NoError(t, err, "%s %s", s, one)
		two, err := codec.AppendJSON(nil, back)
		require.NoError(t, err)
		require.JSONEq(t, string(one), string(two), "%s", s)
		for n := range payload {
			_, err := codec.AppendJSON(nil, payload[:n])
			require.Error(t, err)
		}
	})
}

func TestDynamic(t *testing.T) {
	src := &source{ids: map[int]string{3: pointSchema}, guids: map[[16]byte]string{{9}: pointSchema}}
	d := avro.NewDynamic(src)
	ctx := context.Background()
	for range 2 {
		out, err := d.JSON(ctx, framed(3, 2, 4), nil)
		require.NoError(t, err)
		require.Equal(t, `{"x":1,"y":2}`, string(out))
		out, err = d.Append(ctx, nil, 3, out)
		require.NoError(t, err)
		require.Equal(t, framed(3, 2, 4), out)
	}
	require.Equal(t, 1, src.asked)
	out, err := d.JSON(ctx, []byte{2, 4}, headers{avro.ValueHeader: {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}})
	require.NoError(t, err)
	require.Equal(t, `{"x":1,"y":2}`, string(out))
	out, err = d.JSON(ctx, nil, nil)
	require.NoError(t, err)
	require.Equal(t, `null`, string(out))
	_, err = d.JSON(ctx, framed(4, 2), nil)
	require.ErrorIs(t, err, avro.ErrUnknownSchema)
	src.err = errors.New("down")
	_, err = d.JSON(ctx, framed(5, 2), nil)
	require.ErrorIs(t, err, avro.ErrUnavailable)
	_, err = avro.NewJSONCodec(`{"type":"array","items":"null"}`)
	require.ErrorIs(t, err, avro.ErrSchema)
}
