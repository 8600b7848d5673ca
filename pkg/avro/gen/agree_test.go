package gen_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/linkedin/goavro/v2"
	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro/gen"
	"meshwork.dev/pkg/avro/schema"
	"meshwork.dev/pkg/governance"
)

const (
	randomSchemas   = 60
	valuesPerSchema = 25
	schemasDir      = "../../../schemas"
)

// agreeCase is one generated type and the schema it was made from.
type agreeCase struct {
	goType string // such as orderproc.Order
	text   string
	schema *schema.Schema
}

// driver is the program that runs the generated codecs. For every line "<case> <hex>" it decodes, checks what must
// hold for any value, encodes again and prints the bytes.
const driver = `package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

%s
)

type codec interface {
	AppendAvro(dst []byte) []byte
	DecodeAvro(src []byte) error
}

var makers = []func() codec{
%s
}

func check(fresh func() codec, used codec, src []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %%v", p)
		}
	}()
	v := fresh()
	if err := v.DecodeAvro(src); err != nil {
		return nil, err
	}
	if err := used.DecodeAvro(src); err != nil || !reflect.DeepEqual(v, used) {
		return nil, fmt.Errorf("decoded over another value: %%v, %%+v is not %%+v", err, used, v)
	}
	out = v.AppendAvro(nil)
	for i := range src {
		if fresh().DecodeAvro(src[:i]) == nil {
			return nil, fmt.Errorf("%%d of %%d bytes decode without an error", i, len(src))
		}
		bad := append([]byte(nil), src...)
		bad[i] ^= byte(1 << (i %% 8))
		_ = fresh().DecodeAvro(bad) // must not panic
	}
	if fresh().DecodeAvro(append(src[:len(src):len(src)], 0)) == nil {
		return nil, fmt.Errorf("a byte too many goes unnoticed")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	w := fresh()
	if err := json.Unmarshal(text, w); err != nil {
		return nil, fmt.Errorf("%%s: %%v", text, err)
	}
	if back := w.AppendAvro(nil); string(back) != string(out) {
		return nil, fmt.Errorf("JSON %%s does not give the value back", text)
	}
	return out, nil
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	used := make([]codec, len(makers))
	for in.Scan() {
		var n int
		num, text, _ := strings.Cut(in.Text(), " ")
		fmt.Sscan(num, &n)
		src, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		if used[n] == nil {
			used[n] = makers[n]()
		}
		out, err := check(makers[n], used[n], src)
		if err != nil {
			fmt.Println("error:", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println(hex.EncodeToString(out))
	}
}
`

// TestAgreesWithGoavro makes random schemas, generates and compiles their Go together with that of every contract
// in the tree, and has random values go both ways: goavro's bytes decode, encode to the same bytes again, and
// goavro decodes those to the same value.
func TestAgreesWithGoavro(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a program; not in -short")
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("repeat with SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))

	dir := t.TempDir()
	cases, imports := treeCases(t)
	cases = append(cases, randomCases(t, rnd, dir)...)
	bin := build(t, dir, cases, append(imports, "tmp/random"))

	var in bytes.Buffer
	var natives []any
	var codecs []*goavro.Codec
	var sent [][]byte
	for i, c := range cases {
		codec, err := goavro.NewCodec(c.text)
		require.NoError(t, err, c.text)
		for range valuesPerSchema {
			v := value(rnd, c.schema, 0)
			text, err := codec.BinaryFromNative(nil, v)
			require.NoError(t, err, "%s\n%v", c.text, v)
			fmt.Fprintf(&in, "%d %s\n", i, hex.EncodeToString(text))
			natives, codecs, sent = append(natives, v), append(codecs, codec), append(sent, text)
		}
	}
	run := exec.CommandContext(t.Context(), bin)
	run.Stdin = &in
	out, err := run.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, lines, len(natives))
	same := cmp.Options{
		cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
		cmpopts.EquateEmpty(),
	}
	for i, line := range lines {
		c := cases[i/valuesPerSchema]
		text, err := hex.DecodeString(line)
		require.NoError(t, err, "%s: %s\nschema %s\nvalue %v", c.goType, line, c.text, natives[i])
		back, rest, err := codecs[i].NativeFromBinary(text)
		require.NoError(t, err, c.text)
		require.Empty(t, rest)
		require.Empty(t, cmp.Diff(natives[i], back, same), c.text)
		require.Len(t, text, len(sent[i]), c.text)
		if !hasMap(c.schema) { // goavro writes maps in any order
			require.Equal(t, hex.EncodeToString(sent[i]), hex.EncodeToString(text), c.text)
		}
	}
}

func hasMap(s *schema.Schema) (found bool) {
	s.Walk(func(t *schema.Schema) { found = found || t.Kind == schema.Map })
	return found
}

// treeCases are the contracts of this repository, so that a new schema is covered by being there.
func treeCases(t *testing.T) ([]agreeCase, []string) {
	t.Helper()
	m, err := governance.Load(os.DirFS(schemasDir))
	require.NoError(t, err)
	require.NotEmpty(t, m.Schemas)
	var cases []agreeCase
	var imports []string
	seen := make(map[string]bool)
	for _, a := range m.Schemas {
		folder := path.Dir(a.File)
		if !seen[folder] {
			seen[folder] = true
			imports = append(imports, "meshwork.dev/schemas/"+folder)
		}
		cases = append(cases, agreeCase{path.Base(folder) + "." + schema.ShortName(a.Schema.Name), a.Text, a.Schema})
	}
	return cases, imports
}

// randomCases writes random schemas to a module of their own and generates its Go.
func randomCases(t *testing.T, rnd *rand.Rand, dir string) []agreeCase {
	t.Helper()
	abs, err := filepath.Abs(schemasDir)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "random"), 0o755))
	mod := fmt.Sprintf("module tmp\n\ngo 1.26.0\n\nrequire meshwork.dev/schemas v0.0.0\n\nreplace meshwork.dev/schemas => %s\n", abs)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644))
	maker := &schemaMaker{rnd: rnd}
	var cases []agreeCase
	for i := range randomSchemas {
		text := maker.randomSchema()
		s, err := schema.Parse(text)
		require.NoError(t, err, text)
		cases = append(cases, agreeCase{"random." + schema.ShortName(s.Name), text, s})
		name := filepath.Join(dir, "random", fmt.Sprintf("r%d.avsc", i))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	_, err = gen.Run(dir, false)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "all"))) // no topics, so it is of no use here
	return cases
}

func build(t *testing.T, dir string, cases []agreeCase, imports []string) string {
	t.Helper()
	var imported, makers strings.Builder
	for _, im := range imports {
		fmt.Fprintf(&imported, "\t%q\n", im)
	}
	for _, c := range cases {
		fmt.Fprintf(&makers, "\tfunc() codec { return new(%s) },\n", c.goType)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), fmt.Appendf(nil, driver, &imported, &makers), 0o644))
	bin := filepath.Join(dir, "driver.exe")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}
