package state

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// putFile writes a file of the fuzzed directory.
func putFile(t testing.TB, fsys vfs.FS, name string, data []byte) {
	t.Helper()
	require.NoError(t, fsys.MkdirAll("state", 0o755))
	f, err := fsys.Create("state/"+name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(append([]byte(nil), data...))
	require.NoError(t, errors.Join(err, f.Close()))
}

// reseal gives every frame of data, as far as its lengths go, the right sum, so
// that what is behind the checksums is fuzzed too.
func reseal(data []byte, sum uint32) uint32 {
	for len(data) >= frameHeaderBytes {
		n := int(binary.LittleEndian.Uint32(data))
		if n > len(data)-frameHeaderBytes {
			break
		}
		sum = endFrame(data[:frameHeaderBytes+n], 0, sum)
		data = data[frameHeaderBytes+n:]
	}
	return sum
}

// requireOpensOrCorrupt opens the directory; a store that opens must work.
func requireOpensOrCorrupt(t *testing.T, fsys vfs.FS) {
	s, err := OpenMemory("state", Options{fs: fsys})
	if err != nil {
		require.ErrorIs(t, err, ErrCorrupt)
		return
	}
	n := 0
	require.NoError(t, s.Scan(nil, func(k, v []byte) bool {
		got, ok := s.Get(k)
		require.True(t, ok)
		require.Equal(t, v, got)
		n++
		return true
	}))
	require.Equal(t, n, s.Len())
	var b Batch
	b.Put([]byte("new"), []byte("value"))
	require.NoError(t, s.Apply(&b, []byte("pos")))
	require.NoError(t, s.Close())
	s, err = OpenMemory("state", Options{fs: fsys})
	require.NoError(t, err)
	require.Equal(t, "pos", string(s.Position()))
	got, ok := s.Get([]byte("new"))
	require.True(t, ok)
	require.Equal(t, "value", string(got))
	require.NoError(t, s.Close())
}

func seedFrames(f *testing.F) {
	var b Batch
	b.Put([]byte("key"), []byte("value"))
	b.Delete([]byte("other"))
	var frames []byte
	for _, pos := range [][]byte{nil, []byte("pos")} {
		at := len(frames)
		frames = append(appendPosition(beginFrame(frames), pos), b.buf...)
		endFrame(frames, at, 0)
	}
	f.Add(frames, true)
	f.Add(frames, false)
	f.Add(frames[:len(frames)-3], true)
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"), true)
}

func FuzzLog(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, frames []byte, sealed bool) {
		fsys := vfs.NewMem()
		man := newManifest()
		require.NoError(t, fsys.MkdirAll("state", 0o755))
		require.NoError(t, writeManifest(fsys, "state", man))
		data := appendFileHeader(nil, logMagic, fileHeader{store: man.Store, number: 2, sum: man.LogSum})
		data = append(data, frames...)
		if sealed {
			reseal(data[fileHeaderBytes:], man.LogSum)
		}
		putFile(t, fsys, fileName(logPrefix, 2), data)
		requireOpensOrCorrupt(t, fsys)
	})
}

func FuzzSnapshot(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, frames []byte, sealed bool) {
		fsys := vfs.NewMem()
		man := newManifest()
		man.Snapshot, man.LogFirst = 3, 3
		data := appendFileHeader(nil, snapshotMagic, fileHeader{store: man.Store, number: 3})
		data = append(data, frames...)
		if sealed {
			man.SnapshotSum = reseal(data[fileHeaderBytes:], 0)
		}
		man.SnapshotBytes = int64(len(data))
		require.NoError(t, fsys.MkdirAll("state", 0o755))
		require.NoError(t, writeManifest(fsys, "state", man))
		putFile(t, fsys, fileName(snapshotPrefix, 3), data)
		requireOpensOrCorrupt(t, fsys)
	})
}

func FuzzManifest(f *testing.F) {
	man := newManifest()
	good, err := man.encode()
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("{}\n00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := vfs.NewMem()
		putFile(t, fsys, manifestName, data)
		requireOpensOrCorrupt(t, fsys)
	})
}
