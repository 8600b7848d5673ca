package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireMetrics checks that every metric that the alerts and the dashboard ask for is among those of a running mesh.
func requireMetrics(t *testing.T, addresses ...string) {
	t.Helper()
	names := regexp.MustCompile(`\bmeshwork_[a-z0-9_]+|\bprocess_[a-z_]+`)
	have := map[string]bool{}
	for _, a := range addresses {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a+"/metrics", http.NoBody)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		for _, n := range names.FindAllString(string(text), -1) {
			have[n] = true
		}
	}
	for _, file := range []string{"rules.yml", "grafana/meshwork.json"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy", "observe", file))
		require.NoError(t, err)
		asked := names.FindAllString(string(text), -1)
		require.NotEmpty(t, asked)
		for _, n := range asked {
			require.True(t, have[n], "%s asks for %s, which no service of the mesh has", file, n)
		}
	}
}

// The alerts fire when they should, and Prometheus can read its configuration.
func TestAlerts(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not on the path: the alerts are not tried")
	}
	for _, args := range [][]string{
		{"check", "config", "--syntax-only", "prometheus.yml"}, {"check", "rules", "rules.yml"}, {"test", "rules", "rules.test.yml"},
	} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = filepath.Join(root, "deploy", "observe")
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "promtool %v\n%s", args, out)
	}
}
