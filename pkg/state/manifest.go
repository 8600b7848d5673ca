package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	manifestName    = "MANIFEST"
	lockName        = "LOCK"
	logPrefix       = "log-"
	snapshotPrefix  = "snapshot-"
	tmpSuffix       = ".tmp"
	manifestVersion = 1
	maxManifest     = 4096
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifest says which files make up the state. It is replaced atomically; a
// file it does not name, or that does not continue the log, does not count.
type manifest struct {
	Version int    `json:"version"`
	Store   uint64 `json:"store"` // random, repeated in every file of the store

	Snapshot      uint64 `json:"snapshot"` // its number; 0 if there is none yet
	SnapshotBytes int64  `json:"snapshotBytes"`
	SnapshotSum   uint32 `json:"snapshotSum"`

	LogFirst uint64 `json:"logFirst"` // first log file to replay over the snapshot
	LogSum   uint32 `json:"logSum"`   // running checksum before it

	// The snapshot was written while batches were applied, so it is a state
	// only together with the log up to this point.
	EndLog    uint64 `json:"endLog"`
	EndOffset int64  `json:"endOffset"`
	EndSum    uint32 `json:"endSum"`
}

func newManifest() manifest {
	return manifest{Version: manifestVersion, Store: rand.Uint64(), LogFirst: 1, LogSum: rand.Uint32()}
}

// encode returns one line of JSON and one with its checksum.
func (m *manifest) encode() ([]byte, error) {
	line, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding manifest: %w", err)
	}
	line = append(line, '\n')
	return fmt.Appendf(line, "%08x\n", crc32.Checksum(line, castagnoli)), nil
}

func decodeManifest(data []byte) (manifest, error) {
	var m manifest
	line, sum, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(sum) != 9 || sum[8] != '\n' {
		return m, fmt.Errorf("%w: manifest is not whole", ErrCorrupt)
	}
	want, err := strconv.ParseUint(string(sum[:8]), 16, 32)
	if err != nil || uint64(crc32.Checksum(data[:len(line)+1], castagnoli)) != want {
		return m, fmt.Errorf("%w: manifest has a wrong checksum", ErrCorrupt)
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("%w: manifest: %w", ErrCorrupt, err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("%w: manifest has version %d, this program reads %d", ErrCorrupt, m.Version, manifestVersion)
	}
	return m, nil
}

// readManifest returns ok == false if there is none.
func readManifest(fsys vfs.FS, dir string) (m manifest, ok bool, err error) {
	f, err := fsys.Open(fsys.PathJoin(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return m, false, fmt.Errorf("reading manifest: %w", err)
	}
	m, err = decodeManifest(data)
	return m, err == nil, err
}

// writeManifest replaces the manifest and returns when it is on disk.
func writeManifest(fsys vfs.FS, dir string, m manifest) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	name := fsys.PathJoin(dir, manifestName)
	f, err := fsys.Create(name+tmpSuffix, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing manifest: %w", err)
	}
	if err := fsys.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func fileName(prefix string, n uint64) string { return fmt.Sprintf("%s%016x", prefix, n) }

// fileNumber returns the number in a name made by fileName.
func fileNumber(prefix, name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}
