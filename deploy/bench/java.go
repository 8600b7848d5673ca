package bench

import (
	_ "embed"
	"os"
	"path/filepath"
)

//go:embed java/CountStreams.java
var countStreamsSource []byte

// countStreams is the path of the Kafka Streams program as a file that java runs from source.
func countStreams() (string, error) {
	dir, err := os.MkdirTemp("", "bench-java-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "CountStreams.java")
	return path, os.WriteFile(path, countStreamsSource, 0o600)
}
