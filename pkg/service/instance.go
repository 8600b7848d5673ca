package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meshwork.dev/pkg/event"
)

// instanceFile holds the instance id inside the state folder.
const instanceFile = "instance-id"

// Instance returns the id under which this process joins its consumer groups:
// the one given, else the one kept in the state folder, else a new one that is
// kept there. A process that comes back under its old id takes its partitions
// over at once.
func Instance(stateDir, given string) (string, error) {
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return "", fmt.Errorf("creating the state folder: %w", err)
	}
	if given != "" {
		return given, nil
	}
	path := filepath.Join(stateDir, instanceFile)
	b, err := os.ReadFile(path) //nolint:gosec // the folder is the operator's choice
	if err == nil {
		if id := strings.TrimSpace(string(b)); id != "" {
			return id, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading the instance id: %w", err)
	}
	id := event.New(time.Now()).String()
	// Written beside and renamed, so that a crash cannot leave half an id.
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keeping the instance id: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("keeping the instance id: %w", err)
	}
	return id, nil
}

// lockState takes the state folder for this process, until the lock is closed
// or the process ends in whatever way. Two processes on one folder would have
// one identity and push each other out of their groups.
func lockState(stateDir string) (io.Closer, error) {
	lock, err := vfs.Default.Lock(filepath.Join(stateDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("the state folder %s is held by another process (%w): stop it, or choose another with --state-dir: %w", stateDir, err, ErrStateInUse)
	}
	return lock, nil
}

// ErrStateInUse is returned when another process has the state folder.
var ErrStateInUse = errors.New("one process per folder")
