package gen_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro/gen"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	goldenDir    = "internal/golden"
	goldenModule = "meshwork.dev/pkg/avro/gen/internal/golden"
)

// TestGolden: the generator's output for contracts that hold one of everything is what is in the tree, where it is
// compiled, vetted and used by the other tests here.
func TestGolden(t *testing.T) {
	files, err := gen.Generate(os.DirFS(goldenDir), goldenModule)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for file, text := range files {
		name := filepath.Join(goldenDir, filepath.FromSlash(file))
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
			require.NoError(t, os.WriteFile(name, text, 0o644))
		}
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text), "%s; accept with: go test ./avro/gen -run TestGolden -update", file)
	}
}
