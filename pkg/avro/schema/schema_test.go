package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/stretchr/testify/require"
)

const order = `{"type":"record","name":"Order","namespace":"a.b","doc":"An order.","aliases":["OldOrder","x.Other"],"fields":[
 {"name":"id","type":"string","doc":"Id.","aliases":["orderId"]},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":3},"default":"\u0001\u00ff"},
 {"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","DONE"],"default":"NEW"},"default":"DONE"},
 {"name":"was","type":["null","Status"],"default":null},
 {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","namespace":"c","fields":[
   {"name":"sku","type":"string"},{"name":"h","type":{"type":"fixed","name":"Hash","size":2}}]}},"default":[{"sku":"x","h":"ab"}]},
 {"name":"more","type":{"type":"map","values":"c.Line"},"default":{}},
 {"name":"parent","type":["null","Order"],"default":null}
]}`

func TestParse(t *testing.T) {
	s, err := Parse(order)
	require.NoError(t, err)
	require.Equal(t, "a.b.Order", s.Name)
	require.Equal(t, []string{"a.b.OldOrder", "x.Other"}, s.Aliases)
	require.Equal(t, TimestampMillis, s.FieldByName("at").Type.Logical)
	total := s.FieldByName("total").Type
	require.Equal(t, []any{Decimal, 18, 3}, []any{total.Logical, total.Precision, total.Scale})
	was, ok := s.FieldByName("was").Type.Optional()
	require.True(t, ok)
	require.Same(t, s.FieldByName("status").Type, was)
	parent, _ := s.FieldByName("parent").Type.Optional()
	require.Same(t, s, parent)
	line := s.FieldByName("lines").Type.Items
	require.Equal(t, "c.Line", line.Name)
	require.Equal(t, "c.Hash", line.Fields[1].Type.Name)
	require.Equal(t, 3, line.MinSize())
	require.Equal(t, 8, s.MinSize())
	require.Len(t, s.Named(), 4)
}

// TestCanonical compares canonical form and Rabin fingerprint with goavro's, and that the form is its own form.
func TestCanonical(t *testing.T) {
	for _, text := range []string{
		`"int"`, `["null",{"type":"array","items":"int"},{"type":"enum","name":"a.E","symbols":["X"]}]`, `["null",{"type":"long","logicalType":"timestamp-millis"}]`, order,
		`{"type":"fixed","name":"n.F","size":16,"logicalType":"decimal","precision":20}`,
	} {
		s, err := Parse(text)
		require.NoError(t, err)
		c := s.Canonical()
		again, err := Parse(c)
		require.NoError(t, err)
		require.Equal(t, c, again.Canonical())
		full, err := Parse(s.Full())
		require.NoError(t, err)
		require.Equal(t, s.Full(), full.Full())
		if text == order || strings.Contains(text, "logicalType") {
			continue // here goavro leaves {"type":"long"} where the specification says "long"
		}
		codec, err := goavro.NewCodec(text)
		require.NoError(t, err)
		require.Equal(t, codec.CanonicalSchema(), c)
		require.Equal(t, codec.Rabin, s.Rabin())
	}
	s, err := Parse(`"int"`)
	require.NoError(t, err)
	require.Equal(t, uint64(0x7275d51a3f395c8f), s.Rabin()) // from the specification's test suite
}

func TestDefaults(t *testing.T) {
	s, err := Parse(order)
	require.NoError(t, err)
	for field, want := range map[string]string{
		"total": "\x04\x01\xff", "status": "\x02", "was": "\x00", "lines": "\x02\x02xab\x00", "more": "\x00",
	} {
		f := s.FieldByName(field)
		got, err := f.Type.AppendDefault(nil, f.Default)
		require.NoError(t, err, field)
		require.Equal(t, want, string(got), field)
	}
	u, err := Parse(`["null","long","string"]`)
	require.NoError(t, err)
	got, err := u.AppendDefault(nil, json.RawMessage(`"x"`))
	require.NoError(t, err)
	require.Equal(t, "\x04\x02x", string(got))
}

func TestErrorsNameThePath(t *testing.T) {
	field := func(f string) string { return `{"type":"record","name":"R","fields":[` + f + `]}` }
	for text, want := range map[string]string{
		`{`:                                     "not JSON",
		``:                                      "not JSON",
		`7`:                                     "a schema is",
		`"nope"`:                                `unknown type "nope"`,
		`[]`:                                    "needs a branch",
		`["int","int"]`:                         "two branches are int",
		`["int",["null"]]`:                      "union may not hold a union",
		`{"type":"array"}`:                      "items is missing",
		`{"type":"map"}`:                        "values is missing",
		`{"name":"x"}`:                          "type is missing",
		`{"type":"record"}`:                     "name is missing",
		`{"type":"fixed","name":"F","size":-1}`: "size -1",
		`{"type":"enum","name":"E","symbols":[]}`:                                            "symbols are missing",
		`{"type":"enum","name":"E","symbols":["A","A"]}`:                                     "two symbols are A",
		`{"type":"enum","name":"E","symbols":["A"],"default":"B"}`:                           `"B" is not a symbol`,
		`{"type":"enum","name":"E","symbols":["1"]}`:                                         `"1" is not a name`,
		`{"type":"record","name":"int","fields":[]}`:                                         "primitive",
		field(`{"name":"a","type":"x"}`):                                                     "$.a: unknown type",
		field(`{"name":"a","type":{"type":"array","items":"x"}}`):                            "$.a[]: unknown type",
		field(`{"name":"a","type":"int"},{"name":"a","type":"int"}`):                         "two fields are named a",
		field(`{"name":"a","type":"int","default":"x"}`):                                     `$.a: default "x"`,
		field(`{"name":"a","type":"int","default":99999999999}`):                             "$.a: default",
		field(`{"name":"a","type":{"type":"fixed","name":"F","size":2},"default":"abc"}`):    "3 bytes for F of 2",
		field(`{"name":"a","type":{"type":"record","name":"R","fields":[]}}`):                "R is defined twice",
		field(`{"name":"a","type":"int","order":"up"}`):                                      "order is",
		field(`{"name":"a b","type":"int"}`):                                                 "not a name",
		field(`null`):                                                                        "a field is an object",
		strings.Repeat(`{"type":"array","items":`, 300) + `"int"` + strings.Repeat("}", 300): "nested deeper",
	} {
		_, err := Parse(text)
		require.ErrorIs(t, err, ErrInvalid, text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestIgnoredLogicalTypes: an unusable logical type is read as its base and stays visible.
func TestIgnoredLogicalTypes(t *testing.T) {
	for _, text := range []string{
		`{"type":"string","logicalType":"money"}`, `{"type":"int","logicalType":"timestamp-millis"}`,
		`{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}`, `{"type":"bytes","logicalType":"decimal"}`,
		`{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":5}`,
	} {
		s, err := Parse(text)
		require.NoError(t, err)
		require.Empty(t, s.Logical)
		require.Contains(t, s.Props, "logicalType")
	}
}

func TestReferences(t *testing.T) {
	line, err := Parse(`{"type":"record","name":"c.Line","fields":[]}`)
	require.NoError(t, err)
	s, err := ParseWith(`{"type":"record","name":"c.Order","fields":[{"name":"l","type":"Line"}]}`, line.Named())
	require.NoError(t, err)
	require.Same(t, line, s.Fields[0].Type)
}

// TestBombs: short texts that stand for enormous values end in an error or a bound, quickly.
func TestBombs(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"type":"record","name":"R0","fields":[]}`)
	for i := 1; i < 60; i++ {
		inner := b.String()
		b.Reset()
		fmt.Fprintf(&b, `{"type":"record","name":"R%d","fields":[{"name":"a","type":%s,"default":{}},{"name":"b","type":"R%d","default":{}}]}`, i, inner, i-1)
	}
	_, err := Parse(b.String())
	require.ErrorContains(t, err, "too large")
	s, err := Parse(strings.ReplaceAll(b.String(), `,"default":{}`, ""))
	require.NoError(t, err)
	require.Zero(t, s.MinSize())
}

func FuzzParse(f *testing.F) {
	f.Add(order)
	f.Add(`["null",{"type":"map","values":"int"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.Canonical())
		if err != nil {
			t.Fatalf("canonical form of %s: %v", text, err)
		}
		if again.Canonical() != s.Canonical() || again.Rabin() != s.Rabin() {
			t.Fatalf("canonical form of %s is not stable", text)
		}
	})
}
