package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The parts of kfake's folder that the repair reads: partitions/<topic>-<n>/<base offset>.dat holds record batches
// as on the wire, one after the other, and <base offset>.idx one entry of 15 bytes for each.

const (
	batchHeader = 61
	attrTxn     = 1 << 4
	attrControl = 1 << 5

	indexEntry   = 15
	indexVersion = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openTxn is a transaction without an end marker in one partition.
type openTxn struct {
	topic     string
	partition int32
	dir       string
	pid       int64
	epoch     int16
}

// String names the partition and the producer.
func (o openTxn) String() string {
	return fmt.Sprintf("producer %d in %s/%d", o.pid, o.topic, o.partition)
}

// scanFolder lists the open transactions of a folder no broker is using, and completes index files.
func scanFolder(dir string) ([]openTxn, error) {
	root := filepath.Join(dir, "partitions")
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var open []openTxn
	for _, e := range entries {
		at := strings.LastIndexByte(e.Name(), '-')
		if !e.IsDir() || at < 0 {
			continue
		}
		topic, err := url.PathUnescape(e.Name()[:at])
		n, err2 := strconv.ParseInt(e.Name()[at+1:], 10, 32)
		if err != nil || err2 != nil {
			continue
		}
		pdir := filepath.Join(root, e.Name())
		epochs, err := scanPartition(pdir)
		if err != nil {
			return nil, err
		}
		for pid, epoch := range epochs {
			open = append(open, openTxn{topic: topic, partition: int32(n), dir: pdir, pid: pid, epoch: epoch})
		}
	}
	return open, nil
}

// scanPartition reads all segments of a partition and returns the epochs of producers with an open transaction.
func scanPartition(dir string) (map[int64]int16, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".dat"); ok {
			if base, err := strconv.ParseInt(name, 10, 64); err == nil {
				bases = append(bases, base)
			}
		}
	}
	slices.Sort(bases)
	open := map[int64]int16{}
	for _, base := range bases {
		heads, err := scanSegment(filepath.Join(dir, fmt.Sprintf("%d.dat", base)))
		if err != nil {
			return nil, err
		}
		for _, h := range heads {
			switch {
			case h.control():
				delete(open, h.pid())
			case h.txn():
				open[h.pid()] = h.epoch()
			}
		}
		if err := completeIndex(filepath.Join(dir, fmt.Sprintf("%d.idx", base)), heads); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// head is the header of a record batch.
type head [batchHeader]byte

func (h *head) attrs() uint16 { return binary.BigEndian.Uint16(h[21:]) }
func (h *head) txn() bool     { return h.attrs()&attrTxn != 0 }
func (h *head) control() bool { return h.attrs()&attrControl != 0 }
func (h *head) pid() int64    { return int64(binary.BigEndian.Uint64(h[43:])) }
func (h *head) epoch() int16  { return int16(binary.BigEndian.Uint16(h[51:])) }

// scanSegment returns the headers of the whole batches at the start of a segment. A torn or damaged batch ends it:
// kfake cuts the file there.
func scanSegment(path string) ([]head, error) {
	f, err := os.Open(path) //nolint:gosec // a file of our own folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, left := bufio.NewReaderSize(f, 1<<20), info.Size()
	var heads []head
	for left >= batchHeader {
		var h head
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return nil, err
		}
		size := int64(int32(binary.BigEndian.Uint32(h[8:]))) + 12
		if size < batchHeader || size > left {
			break
		}
		sum := crc32.New(castagnoli)
		_, _ = sum.Write(h[21:])
		if _, err := io.CopyN(sum, r, size-batchHeader); err != nil {
			return nil, err
		}
		if sum.Sum32() != binary.BigEndian.Uint32(h[17:]) {
			break
		}
		heads = append(heads, h)
		left -= size
	}
	return heads, nil
}

// completeIndex appends the entries that a stop between the two writes of a batch has left out. Without its entry a
// batch of an open transaction would be taken for a committed one.
func completeIndex(path string, heads []head) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // the mode kfake gives these files
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	have := int(info.Size() / indexEntry)
	if have >= len(heads) {
		return nil
	}
	var missing []byte
	for _, h := range heads[have:] {
		var e [indexEntry]byte
		e[0] = indexVersion
		if epoch := binary.BigEndian.Uint32(h[12:]); int32(epoch) > 0 {
			binary.LittleEndian.PutUint32(e[2:], epoch)
		}
		if h.txn() && !h.control() {
			e[14] = 1
		}
		e[1] = byte(crc32.Checksum(e[2:], castagnoli))
		missing = append(missing, e[:]...)
	}
	if _, err := f.WriteAt(missing, int64(have)*indexEntry); err != nil {
		return err
	}
	return f.Sync()
}
