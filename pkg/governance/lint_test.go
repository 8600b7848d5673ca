package governance

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const (
	treeDir  = "../../schemas"
	specsDir = "../../../shared/specs"
)

// goodMesh reads the descriptors that break no rule, to be broken one at a time.
func goodMesh(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := os.DirFS("testdata/good")
	require.NoError(t, fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, file)
		files[file] = &fstest.MapFile{Data: text}
		return err
	}))
	return files
}

func TestGoodMeshHasNoFindings(t *testing.T) {
	m, err := Load(goodMesh(t))
	require.NoError(t, err)
	require.Empty(t, Lint(m))
}

// TestTreeHasNoFindings holds the contracts of this repository to the rules.
func TestTreeHasNoFindings(t *testing.T) {
	m, err := Load(os.DirFS(treeDir))
	require.NoError(t, err)
	require.NotEmpty(t, m.Contracts)
	for _, f := range Lint(m) {
		t.Error(f)
	}
}

// TestRules breaks the good mesh as the files of testdata/lint say, each named after the rule that must notice.
// Every line of a script is one edit: "file: old => new" replaces a text, which must be there (nothing stands
// for the empty text); "file: remove" removes the file. Each script is one broken mesh; what follows is every finding. Rewrite with -rewrite.
func TestRules(t *testing.T) {
	broken := make(map[string]bool)
	datadriven.Walk(t, "testdata/lint", func(t *testing.T, file string) {
		t.Helper()
		rule := filepath.Base(file)
		datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
			t.Helper()
			m, err := Load(edit(t, goodMesh(t), d.Input))
			var out strings.Builder
			if err != nil {
				fmt.Fprintf(&out, "load: %v\n", err)
			}
			for _, f := range Lint(m) {
				require.NotEmpty(t, f.Hint, f)
				if f.Rule == rule {
					broken[rule] = true
				}
				fmt.Fprintf(&out, "%s %s: %s: %s\n", f.Rule, path.Base(f.File), f.Path, f.Message)
			}
			if out.Len() == 0 {
				t.Errorf("%s: nothing noticed", d.Pos)
			}
			return out.String()
		})
	})
	for _, r := range Rules() {
		require.True(t, broken[r.ID], "no script in testdata/lint/%s breaks rule %s: %s", r.ID, r.ID, r.Title)
	}
}

func edit(t *testing.T, files fstest.MapFS, script string) fstest.MapFS {
	t.Helper()
	for line := range strings.Lines(script) {
		name, change, ok := strings.Cut(strings.TrimSpace(line), ": ")
		require.True(t, ok, line)
		f := files["shop/"+name]
		require.NotNil(t, f, name)
		if change == "remove" {
			delete(files, "shop/"+name)
			continue
		}
		old, text, ok := strings.Cut(change, " => ")
		require.True(t, ok, line)
		require.Contains(t, string(f.Data), old, line)
		if text == "nothing" {
			text = ""
		}
		f.Data = []byte(strings.Replace(string(f.Data), old, text, 1))
	}
	return files
}

// TestStandards validates every descriptor against the JSON Schemas of ODCS 3.1 and ODPS 1.0.
func TestStandards(t *testing.T) {
	if _, err := os.Stat(specsDir); err != nil {
		t.Skip("the JSON Schemas of the standards are not here:", err)
	}
	for _, root := range []fs.FS{os.DirFS(treeDir), goodMesh(t)} {
		m, err := Load(root)
		require.NoError(t, err)
		for _, c := range m.Contracts {
			validate(t, root, "odcs.json", c.File)
		}
		for _, p := range m.Products {
			validate(t, root, "odps.json", p.File)
		}
	}
}

func validate(t *testing.T, root fs.FS, spec, file string) {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(specsDir, spec))
	require.NoError(t, err)
	text, err := fs.ReadFile(root, file)
	require.NoError(t, err)
	var doc any
	require.NoError(t, yaml.Unmarshal(text, &doc), file)
	require.NoError(t, compiled.Validate(doc), file)
}

func TestLoadFaults(t *testing.T) {
	files := goodMesh(t)
	maps.Copy(files, fstest.MapFS{
		"a/bad.odcs.yaml":           {Data: []byte("a: [")},
		"a/bad.odps.yaml":           {Data: []byte("name: {}")},
		"a/bad.avsc":                {Data: []byte("{}")},
		"a/testdata/ignored.avsc":   {Data: []byte("{}")},
		".hidden/ignored.odcs.yaml": {Data: []byte("a: [")},
	})
	m, err := Load(files)
	require.ErrorContains(t, err, "a/bad.odcs.yaml")
	require.ErrorContains(t, err, "a/bad.odps.yaml")
	require.ErrorContains(t, err, "a/bad.avsc")
	require.NotContains(t, err.Error(), "ignored")
	require.Len(t, m.Contracts, 4, "what can be read is read")
	Lint(m) // must not panic on what is missing
}

func TestParseRetention(t *testing.T) {
	for text, want := range map[string]string{
		"FE": "0s", "LC": "0s", "P7D": "168h0m0s", "P2W": "336h0m0s", "PT12H": "12h0m0s", "P1DT30M": "24h30m0s", "PT5S": "5s",
	} {
		d, err := ParseRetention(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.String())
	}
	for _, text := range []string{"", "7 days", "n.a.", "none", "P", "PT", "P1DT", "P1M", "P1Y", "P0D", "p7d", "P999999W", "-"} {
		_, err := ParseRetention(text)
		require.Error(t, err, text)
	}
}

func TestParseTopicName(t *testing.T) {
	n, err := ParseTopicName("priv.ecomm.product.sale-line.event.v12")
	require.NoError(t, err)
	require.Equal(t, TopicName{false, "ecomm", "product", "sale-line", "event", 12}, n)
	for _, bad := range []string{
		"public.ecommerce.orderproc.order-completed.event.v1", "pub.ecomm.salesorder.x.delta.v1", "pub.ecomm.a.b.event",
		"pub.ecomm.a.b.event.v0", "pub.ecomm.a.b_c.event.v1", "pub.ecomm.a.B.event.v1", "pub.ecomm.a.b-.event.v1", "xpub.ecomm.a.b.event.v1",
	} {
		_, err := ParseTopicName(bad)
		require.Error(t, err, bad)
	}
}

// TestTopicDefaults: what a contract leaves out has a meaning.
func TestTopicDefaults(t *testing.T) {
	c := &Contract{File: "c", Schema: []SchemaObject{{PhysicalName: "pub.ecomm.shop.cart.state.v1", Custom: CustomProperties{{"kafkaKey", "visitorId"}}}}}
	got, err := c.Topic()
	require.NoError(t, err)
	require.Equal(t, Topic{
		Name: "pub.ecomm.shop.cart.state.v1", Kind: "state", Key: []string{"visitorId"}, Partitions: DefaultPartitions,
		Cleanup: "compact", RetentionText: "LC", Subject: "pub.ecomm.shop.cart.state.v1-value", Compatibility: "FULL_TRANSITIVE",
	}, got)
	c.Schema[0].PhysicalName = "pub.ecomm.shop.seen.event.v1"
	_, err = c.Topic()
	require.ErrorContains(t, err, "retention", "events are not kept for ever by accident")
	c.Schema[0].Custom = append(c.Schema[0].Custom, CustomProperty{"retention", "P7D"})
	got, err = c.Topic()
	require.NoError(t, err)
	require.Equal(t, []any{"event", "delete", 7 * 24 * time.Hour}, []any{got.Kind, got.Cleanup, got.Retention})
	_, err = (&Contract{File: "c"}).Topic()
	require.ErrorContains(t, err, "one topic per contract")
}

func TestLookups(t *testing.T) {
	m, err := Load(goodMesh(t))
	require.NoError(t, err)
	require.Equal(t, "Cart", m.Contract("urn:good:cart").Name)
	require.Nil(t, m.Contract("urn:good:none"))
	require.Equal(t, "urn:good:town-scores", m.ProductByName("TownScores").ID)
	require.Nil(t, m.ProductByName("none"))
	p, o := m.Offering("urn:good:cart")
	require.Equal(t, []string{"ShoppingCart", "CartState"}, []string{p.Name, o.Name})
	f := Finding{"R1", "a/b.odps.yaml", "description", "the same as c", "say what differs"}
	require.Equal(t, "a/b.odps.yaml: description: the same as c [R1] → say what differs", f.String())
}

// TestLintSurvivesAnything: whatever descriptors say, reading and judging them ends without a panic.
func TestLintSurvivesAnything(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	const syntax = " []{}:|-\n\"'&*!0"
	for range 150 {
		files := goodMesh(t)
		for _, f := range files {
			text := f.Data
			for range rnd.IntN(3) {
				i := rnd.IntN(len(text))
				j := min(len(text), i+rnd.IntN(40))
				switch rnd.IntN(3) {
				case 0:
					text[i] = syntax[rnd.IntN(len(syntax))]
				case 1:
					text = slices.Delete(text, i, j)
				case 2:
					text = slices.Insert(text, rnd.IntN(len(text)), slices.Clone(text[i:j])...)
				}
			}
			f.Data = text
		}
		m, err := Load(files)
		if err == nil {
			require.Len(t, m.Contracts, 4)
		}
		Lint(m)
	}
}
