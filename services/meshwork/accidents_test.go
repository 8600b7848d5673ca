package meshwork_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// docs/accidents.md says for every data product where late, repeated, unknown, free and deleted things are shown, or why
// they cannot happen. What it quotes is there.
func TestEveryProductHasItsAccidents(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(root, "docs", "accidents.md"))
	require.NoError(t, err)
	parts := strings.Split(string(doc), "\n## ")[1:]
	line := regexp.MustCompile(`(?m)^- ([a-z ]+): (?:\[[^\]]+\]\(\.\./([^)]+)\) “([^”]+)”|none, \S.+)$`)
	covered := map[string]bool{}
	for _, part := range parts {
		name, _, _ := strings.Cut(part, "\n")
		product, _, _ := strings.Cut(name, ",")
		covered[product] = true
		var cases []string
		for _, m := range line.FindAllStringSubmatch(part, -1) {
			cases = append(cases, m[1])
			if m[2] == "" {
				continue
			}
			script, err := os.ReadFile(filepath.Join(root, m[2]))
			require.NoError(t, err, "%s, %s", name, m[1])
			require.True(t, quoted(string(script), m[3]), "%s, %s: %s does not say %q", name, m[1], m[2], m[3])
		}
		require.Equal(t, []string{"late", "duplicate", "unknown customer", "unknown product", "price zero", "deleted"}, cases, name)
	}
	descriptors, err := filepath.Glob(filepath.Join(root, "schemas", "*", "*.odps.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, descriptors)
	for _, path := range descriptors {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var product struct {
			Name string `yaml:"name"`
		}
		require.NoError(t, yaml.Unmarshal(raw, &product))
		require.True(t, covered[product.Name], "%s is not in docs/accidents.md", product.Name)
	}
}

// quoted tells whether words stand in a comment of a script, be they on several lines.
func quoted(script, words string) bool {
	var comment strings.Builder
	for l := range strings.Lines(script) {
		if text, ok := strings.CutPrefix(l, "# "); ok {
			comment.WriteString(strings.TrimSuffix(text, "\n") + " ")
		} else {
			comment.WriteString("\n")
		}
	}
	return strings.Contains(comment.String(), words)
}
