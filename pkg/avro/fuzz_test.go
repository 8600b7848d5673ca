package avro_test

import (
	"testing"

	"meshwork.dev/pkg/avro"
)

// fuzzSchema has every kind of type, and a reader's version of it that changes most of them.
const (
	fuzzWriter = `{"type":"record","name":"F","fields":[
		{"name":"i","type":"int"},{"name":"l","type":"long"},{"name":"f","type":"float"},{"name":"d","type":"double"},
		{"name":"b","type":"boolean"},{"name":"s","type":"string"},{"name":"y","type":"bytes"},{"name":"n","type":"null"},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B","C"]}},{"name":"x","type":{"type":"fixed","name":"X","size":3}},
		{"name":"a","type":{"type":"array","items":["null","int","string","F"]}},{"name":"m","type":{"type":"map","values":"X"}},
		{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"p","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":3}}]}`
	fuzzReader = `{"type":"record","name":"F","fields":[
		{"name":"new","type":{"type":"array","items":"string"},"default":["one","two"]},
		{"name":"p","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":3}},
		{"name":"d","type":["null","double"]},{"name":"i","type":"long"},{"name":"l","type":"double"},{"name":"f","type":"double"},
		{"name":"s","type":"bytes"},{"name":"y","type":["string"]},{"name":"e","type":{"type":"enum","name":"E","symbols":["Z","B"],"default":"Z"}},
		{"name":"a","type":{"type":"array","items":["string","F","null","long"]}},{"name":"m","type":{"type":"map","values":["null",{"type":"fixed","name":"X","size":3}]}}]}`
)

// FuzzTranscode feeds hostile bytes to resolution and to the JSON view: an error or a value, and a value that the
// reader's schema in turn accepts.
func FuzzTranscode(f *testing.F) {
	f.Add([]byte{2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 'x', 2, 'y', 2, 1, 2, 3, 4, 2, 6, 0, 0, 2, 2, 'k', 1, 2, 3, 0, 2, 2, 5})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	forth, err := avro.NewTranscoder(fuzzWriter, fuzzReader)
	if err != nil {
		f.Fatal(err)
	}
	same, err := avro.NewTranscoder(fuzzReader, fuzzReader)
	if err != nil {
		f.Fatal(err)
	}
	codec, err := avro.NewJSONCodec(fuzzWriter)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := forth.Transcode(nil, data)
		if err == nil {
			if _, err := same.Transcode(nil, out); err != nil {
				t.Fatalf("%x became %x: %v", data, out, err)
			}
		}
		if cap(out) > 64*len(data)+4<<20 {
			t.Fatalf("%d bytes became %d", len(data), cap(out))
		}
		text, err := codec.AppendJSON(nil, data)
		if err != nil {
			return
		}
		if _, err := codec.AppendAvro(nil, text); err != nil {
			t.Fatalf("%x is %s: %v", data, text, err)
		}
	})
}

// FuzzSchemas feeds hostile schema texts to the compiler and the compatibility checker.
func FuzzSchemas(f *testing.F) {
	f.Add(fuzzWriter, fuzzReader)
	f.Add(`["null","int"]`, `"long"`)
	f.Add(`{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`, `{"type":"record","name":"R","fields":[{"name":"r","type":["R","null"]}]}`)
	f.Fuzz(func(t *testing.T, w, r string) {
		tr, err := avro.NewTranscoder(w, r)
		if err == nil {
			_, _ = tr.Transcode(nil, []byte{2, 2, 2, 2, 2, 2, 0, 0, 0, 0})
		}
		faults, compatible := avro.Compatible(avro.LevelBackward, r, []string{w})
		if compatible == nil && len(faults) == 0 && err != nil {
			t.Fatalf("called compatible, but %v\nwriter %s\nreader %s", err, w, r)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 2}, []byte{1})
	f.Fuzz(func(_ *testing.T, value, header []byte) {
		_, _ = avro.ParseFrame(value, headers{avro.ValueHeader: header})
		_, _ = avro.ParseFrame(value, nil)
	})
}
