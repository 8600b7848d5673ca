package avro_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
)

func TestMessagesNameVersionAndPlace(t *testing.T) {
	price := `{"name":"id","type":"string"},{"name":"price","type":"long"}`
	for _, c := range []struct {
		name, next string
		earlier    []string
		level      avro.Level
		want       []string
	}{
		{
			"required field", rec(price + `,{"name":"qty","type":"int"}`),
			[]string{rec(price)},
			avro.LevelBackward,
			[]string{`version 1: /fields/2 "qty": reader field without default is missing in the writer (the new schema reading data of version 1)`},
		},
		{
			"null first without default", rec(price + `,{"name":"note","type":["null","string"]}`),
			[]string{rec(price)},
			avro.LevelFull,
			[]string{`version 1: /fields/2 "note": reader field without default is missing in the writer; a union with null is not optional until it has "default": null (the new schema reading data of version 1)`},
		},
		{
			"removed field", rec(`{"name":"id","type":"string"}`),
			[]string{rec(price), rec(price)},
			avro.LevelFullTransitive,
			[]string{
				`version 2: /fields/1 "price": reader field without default is missing in the writer (version 2 reading data of the new schema)`,
				`version 1: /fields/1 "price": reader field without default is missing in the writer (version 1 reading data of the new schema)`,
			},
		},
		{
			"changed type", rec(`{"name":"id","type":"string"},{"name":"price","type":["null","int"]}`),
			[]string{rec(price)},
			avro.LevelBackward,
			[]string{`version 1: /fields/1/type "price": the reader's union of null, int lacks the writer's long (the new schema reading data of version 1)`},
		},
		{
			"inside a list", rec(`{"name":"l","type":{"type":"array","items":{"type":"record","name":"L","fields":[{"name":"n","type":"int"}]}}}`),
			[]string{rec(`{"name":"l","type":{"type":"array","items":{"type":"record","name":"L","fields":[{"name":"n","type":"long"}]}}}`)},
			avro.LevelBackward,
			[]string{`version 1: /fields/0/type/items/fields/0/type "n": the writer's long cannot be read as int (the new schema reading data of version 1)`},
		},
		{
			"enum symbol", `{"type":"enum","name":"E","symbols":["A"]}`,
			[]string{`{"type":"enum","name":"E","symbols":["A","B"]}`},
			avro.LevelBackward,
			[]string{`version 1: /symbols: the reader's enum lacks the writer's symbols B and has no default (the new schema reading data of version 1)`},
		},
		{
			"decimal scale", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`,
			[]string{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`},
			avro.LevelBackward,
			[]string{`version 1: /: decimal scale 3 of the writer is not the reader's 2 (the new schema reading data of version 1)`},
		},
		{"none", `"int"`, []string{`"string"`}, avro.LevelNone, nil},
		{"only the latest counts", `"int"`, []string{`"string"`, `"int"`}, avro.LevelFull, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, err := avro.Compatible(c.level, c.next, c.earlier)
			require.NoError(t, err)
			var got []string
			for _, f := range faults {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestParseLevel(t *testing.T) {
	for _, text := range []string{"none", "BACKWARD", "Backward_Transitive", "forward", "FORWARD_TRANSITIVE", "full", "FULL_TRANSITIVE"} {
		_, err := avro.ParseLevel(text)
		require.NoError(t, err)
	}
	_, err := avro.ParseLevel("sideward")
	require.Error(t, err)
}
