package meshwork_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The house has one direction: schemas ← pkg ← services/<domain> ← services/meshwork. In workspace mode go.mod is
// no wall (a sibling compiles without being required), so this test is one.

const root = "../.."

type goPackage struct {
	ImportPath   string
	Dir          string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	Doc          string
}

func workspace(t *testing.T) []goPackage {
	t.Helper()
	mods, err := exec.CommandContext(t.Context(), "go", "list", "-m").Output()
	require.NoError(t, err)
	args := []string{"list", "-json=ImportPath,Dir,Name,Imports,TestImports,XTestImports,GoFiles,Doc"}
	for m := range strings.FieldsSeq(string(mods)) {
		args = append(args, m+"/...")
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	require.NoError(t, err)
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.Greater(t, len(all), 10)
	return all
}

// wall forbids imports: what a package under `in` (and not under `but`) must not import.
type wall struct {
	in, but []string
	not     string
	tests   bool // tests too
	why     string
}

func under(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

func TestImportsPointOneWay(t *testing.T) {
	const m = "meshwork.dev/"
	all := []string{m + "schemas", m + "pkg", m + "services", m + "deploy"}
	walls := []wall{
		{in: []string{m + "schemas"}, not: m + "pkg", tests: true, why: "contracts stand alone"},
		{in: []string{m + "schemas", m + "pkg"}, not: m + "services", tests: true, why: "the backbone knows no domain"},
		{in: []string{m + "services/churn"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: []string{m + "services/customer"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: []string{m + "services/eshop"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: []string{m + "services/orderprocessing"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: []string{m + "services/product"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: []string{m + "services/recommendation"}, not: m + "services", tests: true, why: "domains meet on topics"},
		{in: all, but: []string{m + "pkg/kafka", m + "deploy"}, not: "github.com/segmentio/kafka-go", why: "only pkg/kafka speaks Kafka"},
		{in: all, but: []string{m + "pkg/avro"}, not: "github.com/linkedin/goavro", why: "only pkg/avro decodes dynamically"},
		{in: all, but: []string{m + "pkg/broker"}, not: "github.com/twmb/franz-go/pkg/kfake", why: "only pkg/broker embeds a broker"},
		{
			in: all, but: []string{m + "pkg/broker", m + "pkg/kafka/kafkatest", m + "pkg/registry/registrytest", m + "deploy"},
			not: "github.com/twmb/franz-go", why: "a foreign client is a test oracle or a rival",
		},
		{in: all, but: []string{m + "deploy/e2e"}, not: "github.com/testcontainers", tests: true, why: "containers belong to the integration suite"},
	}
	for _, p := range workspace(t) {
		for _, w := range walls {
			if !under(p.ImportPath, w.in) || under(p.ImportPath, w.but) {
				continue
			}
			imports := p.Imports
			if w.tests {
				imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			}
			for _, i := range imports {
				own := strings.HasPrefix(w.in[0], w.not) && under(i, w.in)
				if under(i, []string{w.not}) && !own {
					t.Errorf("%s imports %s: %s", p.ImportPath, i, w.why)
				}
			}
		}
	}
}

func TestContractsNeedTheStandardLibraryOnly(t *testing.T) {
	for _, p := range workspace(t) {
		if !under(p.ImportPath, []string{"meshwork.dev/schemas"}) {
			continue
		}
		for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			first, _, _ := strings.Cut(i, "/")
			if strings.Contains(first, ".") && !under(i, []string{"meshwork.dev/schemas"}) {
				t.Errorf("%s imports %s", p.ImportPath, i)
			}
		}
	}
}

// Domain code is plain Go over generated events: what talks to the world stands in files of its own.
func TestDomainCodeIsPlain(t *testing.T) {
	world := []string{
		"net/http", "database/sql", "github.com/prometheus", "go.uber.org/zap", "meshwork.dev/pkg/kafka",
		"meshwork.dev/pkg/registry", "meshwork.dev/pkg/telemetry",
	}
	edge := regexp.MustCompile(`^(service|api|openapi|edge|feed)[a-z_]*\.go$|_test\.go$`)
	imports := regexp.MustCompile(`(?m)^\s*(?:import )?(?:[a-z_.]+ )?"([^"]+)"$`)
	for _, dir := range []string{"product", "orderprocessing"} {
		files, err := filepath.Glob(filepath.Join(root, "services", dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, f := range files {
			if edge.MatchString(filepath.Base(f)) {
				continue
			}
			src, err := os.ReadFile(f)
			require.NoError(t, err)
			for _, i := range imports.FindAllSubmatch(src, -1) {
				if under(string(i[1]), world) {
					t.Errorf("%s imports %s: move it to service.go or api.go", f, i[1])
				}
			}
		}
	}
}

func TestEveryPackageStatesItsContract(t *testing.T) {
	for _, p := range workspace(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		generated := slices.Equal(p.GoFiles, []string{"gen.go"})
		switch {
		case p.Doc == "":
			t.Errorf("%s has no package comment", p.ImportPath)
		case p.Name != "main" && !generated && !slices.Contains(p.GoFiles, "doc.go"):
			t.Errorf("%s has no doc.go: say what it promises, what blocks, what a crash loses", p.ImportPath)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	const most = 700
	walk(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") || filepath.Base(path) == "gen.go" {
			return
		}
		if n := bytes.Count(src, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d: one subject per file", path, n, most)
		}
	})
}

func TestModulesAgreeOnTheGoVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\S+)$`)
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	require.NoError(t, err)
	want := string(version.FindSubmatch(work)[1])
	walk(t, func(path string, src []byte) {
		if filepath.Base(path) == "go.mod" {
			require.Equal(t, want, string(version.FindSubmatch(src)[1]), path)
		}
	})
}

func TestEveryMakeTargetHasHelp(t *testing.T) {
	src, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	helped := regexp.MustCompile(`(?m)^([a-z-]+):.*## \S`)
	var have []string
	for _, m := range helped.FindAllSubmatch(src, -1) {
		have = append(have, string(m[1]))
	}
	for _, want := range []string{"help", "run", "test", "test-kafka", "bench", "bench-kafka", "lint", "tidy", "generate", "verify"} {
		require.Contains(t, have, want)
	}
}

// walk visits the text files of the tree, tools and data folders left out.
func walk(t *testing.T, visit func(path string, src []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "bin" || d.Name() == "data"):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		if ext := filepath.Ext(path); ext == ".go" || ext == ".mod" {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			visit(path, src)
		}
		return nil
	})
	require.NoError(t, err)
}
