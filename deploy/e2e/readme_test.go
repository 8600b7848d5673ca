package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// snippet is the README's first code block of a language, with the addresses of a running mesh instead of the
// default ones.
func snippet(t *testing.T, language, broker, registry string) string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllSubmatch(readme, -1) {
		if text := string(m[1]); strings.Contains(text, "localhost:9092") {
			return strings.NewReplacer("localhost:9092", broker, "http://localhost:8081", registry).Replace(text)
		}
	}
	t.Fatalf("the README has no %s block that connects to localhost:9092", language)
	return ""
}

// Every way to subscribe that the README shows prints rows of Product Sales from the mesh that `make run` starts.
func TestReadmeSnippets(t *testing.T) {
	broker, registry, web := freeAddr(t), freeAddr(t), freeAddr(t)
	startProgram(t, "meshwork", "meshwork", "up", "--data-dir", t.TempDir(), "--kafka-listen", broker,
		"--registry-listen", registry, "--http-listen", web, "--rate", "200")
	untilOK(t, time.Minute, "http://"+web+"/readyz")
	url := "http://" + registry
	until(t, time.Minute, "rows of Product Sales", func() (bool, string) {
		return endOffsets(t, broker, "pub.ecomm.product.product-sales.state.v1", 50)
	})
	row := regexp.MustCompile(`^\S+ .*\d`)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}

	t.Run("meshwork consume", func(t *testing.T) {
		out := output(t, time.Minute, command(t, "meshwork"), "consume", "product-sales", "-n", "5",
			"--kafka", broker, "--registry", url)
		require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 5)
		require.Contains(t, out, `"productId"`)
	})
	t.Run("meshwork topics --check", func(t *testing.T) { // all six services: nothing differs from the descriptors
		until(t, time.Minute, "no findings", func() (bool, string) {
			out, err := exec.CommandContext(t.Context(), command(t, "meshwork"), "topics", "--check", "--kafka", broker, "--registry", url).CombinedOutput()
			return err == nil, string(out)
		})
	})
	t.Run("metrics", func(t *testing.T) { requireMetrics(t, "http://"+web, url) })
	t.Run("kcat", func(t *testing.T) {
		if _, err := exec.LookPath("kcat"); err != nil {
			t.Skip("kcat is not on the path")
		}
		out := output(t, time.Minute, "sh", "-c", snippet(t, "sh kcat", broker, url))
		require.Regexp(t, `(?m)^\w+\|\w+\|\d{4}-\d\d-\d\d \d+ bytes$`, out)
	})
	t.Run("python", func(t *testing.T) {
		exe := python(t)
		firstLine(t, row, exe, "-u", write("subscribe.py", snippet(t, "python", broker, url)))
	})
	t.Run("java", func(t *testing.T) {
		lib := javaLib(t)
		firstLine(t, row, "java", "-cp", lib, write("Subscribe.java", snippet(t, "java", broker, url)))
	})
	t.Run("go", func(t *testing.T) {
		// Inside the workspace the contracts and the backbone resolve without a go.mod of their own.
		src := filepath.Join(dir, "subscribe.go")
		write("subscribe.go", snippet(t, "go", broker, url))
		exe := filepath.Join(dir, "subscribe")
		output(t, 3*time.Minute, "go", "build", "-o", exe, src)
		firstLine(t, row, exe)
	})
}

// firstLine runs a program that never ends until it has printed a line, which must match.
func firstLine(t *testing.T, want *regexp.Regexp, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, readErr := bufio.NewReader(out).ReadString('\n')
	cancel()
	_ = cmd.Wait() // it was ended
	require.NoError(t, readErr, errs.String())
	require.Regexp(t, want, line)
}
