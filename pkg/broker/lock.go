package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const lockName = "meshwork.lock"

// InUseError says that another process holds the data folder.
type InUseError struct {
	Dir string
	PID int // of the holder; 0 when it could not be read
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("data folder %s is in use by %s: stop it, or choose another folder", e.Dir, who)
}

// errLocked is what the platform part reports when the lock is taken.
var errLocked = errors.New("locked")

// folderLock is an advisory lock on a data folder. The operating system drops it when the process ends, however
// it ends, so there is no stale lock to clean up.
type folderLock struct{ f *os.File }

func lockFolder(dir string) (*folderLock, error) {
	path := filepath.Join(dir, lockName)
	f, err := openLocked(path)
	if errors.Is(err, errLocked) {
		return nil, &InUseError{Dir: dir, PID: readPID(path)}
	}
	if err != nil {
		return nil, fmt.Errorf("embedded broker: lock the data folder: %w", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("embedded broker: write the lock file: %w", err)
	}
	return &folderLock{f: f}, nil
}

// release gives the folder back. The file stays: removing it would race with a process that just opened it.
func (l *folderLock) release() {
	if l != nil {
		_ = l.f.Truncate(0)
		_ = l.f.Close()
	}
}

func readPID(path string) int {
	p, err := os.ReadFile(path) //nolint:gosec // a file of our own folder
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(p)))
	if err != nil {
		return 0
	}
	return pid
}
