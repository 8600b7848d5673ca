package avro_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

const casesVariable = "MESHWORK_AVRO_CASES"

// TestWriteJavaCases writes random cases for testdata/java/Resolve.java to fill in.
func TestWriteJavaCases(t *testing.T) {
	path := os.Getenv(casesVariable)
	if path == "" {
		t.Skipf("%s is not set: set it to a file to write new cases for testdata/java/Resolve.java", casesVariable)
	}
	var lines []string
	cases := rapid.Custom(func(t *rapid.T) string {
		m := &maker{T: t, plain: true}
		writer := m.schema(2, true)
		w, r := text(t, writer), text(t, m.change(writer))
		ws, err := schema.Parse(w)
		if err != nil {
			t.Skip(err)
		}
		return fmt.Sprintf("%s\t%s\t%x", w, r, value(t, ws, nil, 0))
	})
	for i := range 4000 {
		line := cases.Example(i)
		w, r, _ := strings.Cut(line, "\t")
		r, _, _ = strings.Cut(r, "\t")
		if w != r && len(line) < 700 {
			lines = append(lines, line)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// Apache Avro's Java library has said, once, which reader can read which writer and what it makes of a value.
func TestAgreesWithJava(t *testing.T) {
	files, err := filepath.Glob("testdata/java-*.tsv")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		f, err := os.Open(path)
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		n := 0
		for lines.Scan() {
			n++
			c := strings.Split(lines.Text(), "\t")
			require.Len(t, c, 5)
			agrees(t, fmt.Sprintf("%s:%d", path, n), c[0], c[1], c[2], c[3], c[4])
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
		t.Logf("%s: %d cases", path, n)
	}
}

func agrees(t *testing.T, where, w, r, in, verdict, out string) {
	t.Helper()
	faults, err := avro.Compatible(avro.LevelBackward, r, []string{w})
	if strings.HasPrefix(verdict, "!") {
		require.Error(t, err, "%s: Java does not parse this: %s\n%s\n%s", where, out, w, r)
		return
	}
	require.NoError(t, err, "%s\n%s\n%s", where, w, r)
	require.Equal(t, verdict == "COMPATIBLE", len(faults) == 0, "%s: Java says %s, we %v\nwriter %s\nreader %s", where, verdict, faults, w, r)
	src, err := hex.DecodeString(in)
	require.NoError(t, err)
	var got []byte
	transcoder, err := avro.NewTranscoder(w, r)
	if err == nil {
		got, err = transcoder.Transcode(nil, src)
	}
	if strings.HasPrefix(out, "!") {
		require.ErrorIs(t, err, avro.ErrIncompatible, "%s: Java says %s\nwriter %s\nreader %s", where, out, w, r)
		return
	}
	require.NoError(t, err, "%s: Java reads %s\nwriter %s\nreader %s", where, out, w, r)
	if hex.EncodeToString(got) == out {
		return
	}
	// Blocks and maps have several encodings; the values decide.
	want, err := hex.DecodeString(out)
	require.NoError(t, err)
	s, err := twmb.Parse(r)
	require.NoError(t, err)
	var a, b any
	_, err = s.Decode(want, &a)
	require.NoError(t, err)
	_, err = s.Decode(got, &b)
	require.NoError(t, err)
	require.Equal(t, a, b, "%s\nwriter %s\nreader %s\nvalue %s", where, w, r, in)
}
