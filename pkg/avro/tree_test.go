package avro_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
	"meshwork.dev/schemas/all"
)

// Every schema under contract can be shown, written from JSON, checked and resolved.
func TestEveryContract(t *testing.T) {
	for _, info := range all.Topics() {
		t.Run(info.Name, func(t *testing.T) {
			parsed, err := schema.Parse(info.Schema)
			require.NoError(t, err)
			codec, err := avro.NewJSONCodec(info.Schema)
			require.NoError(t, err)
			same, err := avro.NewTranscoder(info.Schema, info.Schema)
			require.NoError(t, err)
			require.True(t, same.Identity())
			faults, err := avro.Compatible(avro.LevelFullTransitive, info.Schema, []string{info.Schema})
			require.NoError(t, err)
			require.Empty(t, faults)
			rapid.Check(t, func(t *rapid.T) {
				payload := value(t, parsed, nil, 0)
				one, err := codec.AppendJSON(nil, payload)
				require.NoError(t, err)
				back, err := codec.AppendAvro(nil, one)
				if err != nil {
					t.Skip(err) // random bytes can be a decimal of more digits than the schema allows
				}
				two, err := codec.AppendJSON(nil, back)
				require.NoError(t, err)
				require.JSONEq(t, string(one), string(two))
			})
		})
	}
}
