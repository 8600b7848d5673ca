package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// repository is the root of the tree.
const repository = "../../../.."

// block is a fenced block of a page whose first line names a file, or what a shell is to do.
var block = regexp.MustCompile("(?ms)^```(\\S+) (\\S+)\\n((?:.*?\\n)??)```$")

// most is how many lines a new data product may take, Go and contract together.
const most = 60

// guide lays the blocks of a page out as files, shell blocks as <name>.sh, in a workspace of its own with the contracts
// of the tree: guide PAGE. What it wrote is the product: the Go and the contract of it may take so many lines and no
// more.
func guide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: guide PAGE")
	}
	page, err := os.ReadFile(filepath.Join(repository, args[0]))
	ts.Check(err)
	lines := 0
	for _, b := range block.FindAllStringSubmatch(string(page), -1) {
		name := b[2]
		if b[1] == "sh" {
			name += ".sh"
		}
		if strings.HasSuffix(name, ".avsc") || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			lines += strings.Count(b[3], "\n")
		}
		path := ts.MkAbs(name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o750))
		ts.Check(os.WriteFile(path, []byte(b[3]), 0o600))
	}
	if lines == 0 || lines > most {
		ts.Fatalf("the product takes %d lines, want 1 to %d", lines, most)
	}
	ts.Check(os.CopyFS(ts.MkAbs("schemas"), os.DirFS(filepath.Join(repository, "schemas"))))
	pkg, err := filepath.Abs(filepath.Join(repository, "pkg"))
	ts.Check(err)
	text, err := os.ReadFile(filepath.Join(repository, "go.work"))
	ts.Check(err)
	version := regexp.MustCompile(`(?m)^go .*$`).FindString(string(text))
	ts.Check(os.WriteFile(ts.MkAbs("go.work"), fmt.Appendf(nil, "%s\n\nuse (\n\t./schemas\n\t%s\n)\n", version, filepath.ToSlash(pkg)), 0o600))
	sums, err := os.ReadFile(filepath.Join(repository, "go.work.sum"))
	if err == nil {
		ts.Check(os.WriteFile(ts.MkAbs("go.work.sum"), sums, 0o600))
	}
}

// goEnvironment lets scripts run the go command as the test was run.
func goEnvironment(e *testscript.Env) error {
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN").Output()
	if err != nil {
		return fmt.Errorf("asking go for its environment: %w", err)
	}
	values := strings.Split(strings.TrimRight(string(out), "\r\n"), "\n")
	for i, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOTOOLCHAIN"} {
		e.Setenv(name, strings.TrimSpace(values[i]))
	}
	e.Setenv("CGO_ENABLED", "0")
	return nil
}
