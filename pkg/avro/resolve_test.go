package avro_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
)

func rec(fields string) string { return `{"type":"record","name":"R","fields":[` + fields + `]}` }

// Each rule of resolution, once, in bytes that can be checked by hand.
func TestResolutionRules(t *testing.T) {
	for _, c := range []struct{ name, writer, reader, in, want string }{
		{"field added", rec(`{"name":"a","type":"int"}`), rec(`{"name":"a","type":"int"},{"name":"b","type":"string","default":"x"}`), "02", "020278"},
		{"field removed", rec(`{"name":"a","type":"int"},{"name":"b","type":"string"}`), rec(`{"name":"a","type":"int"}`), "020278", "02"},
		{"fields reordered", rec(`{"name":"a","type":"int"},{"name":"b","type":"string"}`), rec(`{"name":"b","type":"string"},{"name":"a","type":"int"}`), "020278", "027802"},
		{"field renamed", rec(`{"name":"a","type":"int"}`), rec(`{"name":"b","aliases":["a"],"type":"int"}`), "02", "02"},
		{"record renamed", `{"type":"record","name":"x.Old","fields":[]}`, `{"type":"record","name":"y.New","aliases":["x.Old"],"fields":[{"name":"n","type":"null","default":null},{"name":"i","type":"int","default":1}]}`, "", "02"},
		{"int to long", `"int"`, `"long"`, "03", "03"},
		{"int to float", `"int"`, `"float"`, "02", "0000803f"},
		{"int to double", `"int"`, `"double"`, "01", "000000000000f0bf"},
		{"long to float", `"long"`, `"float"`, "02", "0000803f"},
		{"long to double", `"long"`, `"double"`, "02", "000000000000f03f"},
		{"float to double", `"float"`, `"double"`, "0000803f", "000000000000f03f"},
		{"string to bytes", `"string"`, `"bytes"`, "0278", "0278"},
		{"bytes to string", `"bytes"`, `"string"`, "0278", "0278"},
		{"into a union", `"int"`, `["null","long"]`, "06", "0206"},
		{"into a union, same type before promotion", `"int"`, `["long","int"]`, "06", "0206"},
		{"out of a union", `["null","int"]`, `"long"`, "0206", "06"},
		{"union turned", `["null","string"]`, `["string","null"]`, "00", "02"},
		{"union to union", `["int","string"]`, `["null","string","double"]`, "0002", "04000000000000f03f"},
		{"enum default", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["C","A"],"default":"C"}`, "02", "00"},
		{"enum renumbered", `{"type":"enum","name":"E","symbols":["A","B"]}`, `{"type":"enum","name":"E","symbols":["B","A"]}`, "02", "00"},
		{"array items", `{"type":"array","items":"int"}`, `{"type":"array","items":"double"}`, "020200", "02000000000000f03f00"},
		{"sized block", `{"type":"array","items":"int"}`, `{"type":"array","items":["null","int"]}`, "0304020400", "040202020400"},
		{"map values", `{"type":"map","values":"int"}`, `{"type":"map","values":["int","null"]}`, "02026b0400", "02026b000400"},
		{"recursion", rec(`{"name":"v","type":"int"},{"name":"n","type":["null","R"]}`), rec(`{"name":"n","type":["null","R"]},{"name":"v","type":"long"},{"name":"x","type":"int","default":9}`), "0202" + "0400", "02" + "000412" + "0212"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := avro.NewTranscoder(c.writer, c.reader)
			require.NoError(t, err)
			in, err := hex.DecodeString(c.in)
			require.NoError(t, err)
			out, err := tr.Transcode([]byte{0xee}, in)
			require.NoError(t, err)
			require.Equal(t, "ee"+c.want, hex.EncodeToString(out))
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, writer, reader, message string }{
		{"no default", rec(``), rec(`{"name":"b","type":"int"}`), "$.b"},
		{"narrower", rec(`{"name":"b","type":"long"}`), rec(`{"name":"b","type":"int"}`), "$.b"},
		{"scale", `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}`, "scale 2"},
		{"unit", `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`, "microseconds"},
		{"other record", rec(``), `{"type":"record","name":"S","fields":[]}`, "alias"},
		{"fixed size", `{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":3}`, "2 bytes"},
		{"no branch", `"int"`, `["null","string"]`, "no branch for int"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := avro.NewTranscoder(c.writer, c.reader)
			require.ErrorIs(t, err, avro.ErrIncompatible)
			require.ErrorContains(t, err, c.message)
		})
	}
	_, err := avro.NewTranscoder(`{"type":`, `"int"`)
	require.ErrorIs(t, err, avro.ErrSchema)
	tr, err := avro.NewTranscoder(`["null","string"]`, `"string"`)
	require.NoError(t, err)
	_, err = tr.Transcode(nil, []byte{0})
	require.ErrorIs(t, err, avro.ErrIncompatible)
}

// A few hostile bytes must not cost much memory or time.
func TestHostileBytes(t *testing.T) {
	huge := "feffffffffffffffff01" // 2^63-1 as a count or length
	for _, c := range []struct{ name, writer, reader, in string }{
		{"string", `"string"`, `"bytes"`, huge},
		{"array", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, huge + "02"},
		{"array of nothing", `{"type":"array","items":"null"}`, `{"type":"array","items":["null","int"]}`, huge + "00"},
		{"defaults", `{"type":"array","items":` + rec(``) + `}`, `{"type":"array","items":` + rec(`{"name":"a","type":"string","default":"`+strings.Repeat("x", 1000)+`"}`) + `}`, huge + "00"},
		{"most negative count", `{"type":"array","items":"int"}`, `{"type":"array","items":"long"}`, "ffffffffffffffffff0102"},
		{"endless recursion", rec(`{"name":"n","type":["null","R"]}`), rec(`{"name":"n","type":["R","null"]}`), strings.Repeat("02", 5000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := avro.NewTranscoder(c.writer, c.reader)
			require.NoError(t, err)
			in, err := hex.DecodeString(c.in)
			require.NoError(t, err)
			start := time.Now()
			out, err := tr.Transcode(nil, in)
			require.ErrorIs(t, err, avro.ErrMalformed)
			require.Less(t, cap(out), 4<<20)
			require.Less(t, time.Since(start), 2*time.Second)
		})
	}
}

// Schemas whose types use the next one twice must not take exponential time.
func TestHostileSchemas(t *testing.T) {
	var w strings.Builder
	const depth = 60
	for i := range depth {
		w.WriteString(`{"type":"record","name":"R` + string(rune('A'+i/26)) + string(rune('a'+i%26)) + `","fields":[{"name":"a","type":`)
	}
	w.WriteString(`"int"`)
	for i := depth - 1; i >= 0; i-- {
		other := `"int"`
		if i < depth-1 {
			other = `"R` + string(rune('A'+(i+1)/26)) + string(rune('a'+(i+1)%26)) + `"`
		}
		w.WriteString(`},{"name":"b","type":` + other + `}]}`)
	}
	writer := w.String()
	for _, reader := range []string{writer, strings.Replace(writer, `"type":"int"}`, `"type":"long"}`, 1), strings.Replace(writer, `"type":"int"}`, `"type":"string"}`, 1)} {
		start := time.Now()
		_, err := avro.NewTranscoder(writer, reader)
		if err != nil {
			require.ErrorIs(t, err, avro.ErrIncompatible)
		}
		_, err = avro.Compatible(avro.LevelFullTransitive, reader, []string{writer})
		require.NoError(t, err)
		require.Less(t, time.Since(start), 5*time.Second)
	}
}
