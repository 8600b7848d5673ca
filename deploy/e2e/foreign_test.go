package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/deploy/e2e/realkafka"
)

// python is an interpreter with the packages of clients/python/requirements.txt, in a folder of the user's cache that
// is filled once.
func python(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not on the path: the Python reader is left out")
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	env := filepath.Join(cache, "meshwork", "python-clients")
	exe := filepath.Join(env, "bin", "python")
	if runtime.GOOS == "windows" {
		exe = filepath.Join(env, "Scripts", "python.exe")
	}
	want, err := os.ReadFile("clients/python/requirements.txt")
	require.NoError(t, err)
	stamp := filepath.Join(env, "installed.txt")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, want) {
		return exe
	}
	output(t, 5*time.Minute, "python3", "-m", "venv", env)
	output(t, 5*time.Minute, exe, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "clients/python/requirements.txt")
	require.NoError(t, os.WriteFile(stamp, want, 0o600))
	return exe
}

// javaLib is a folder with the Java client and Apache Avro.
func javaLib(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not on the path: the Java reader is left out", tool)
		}
	}
	lib, err := realkafka.Jars(t.Context(), "java-clients",
		"org.apache.kafka:kafka-clients:4.3.1", "org.apache.avro:avro:1.12.1", "org.slf4j:slf4j-nop:1.7.36")
	require.NoError(t, err)
	return filepath.Join(lib, "*")
}
