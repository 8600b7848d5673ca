package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kfake forgets where a log was that it has nothing of any more: when retention has taken the last record, and the broker
// is started again, the partition begins at 0, and whoever has committed an offset is ahead of it for good. So before
// kfake sees the folder, such a log gets one control batch at its last offset, which no consumer is shown.

// refillEmptied does so for every partition of the folder whose snapshot knows of offsets and that has no segments.
func refillEmptied(dir string, now time.Time) error {
	root := filepath.Join(dir, "partitions")
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := refill(filepath.Join(root, e.Name()), now); err != nil {
			return fmt.Errorf("partition %s: %w", e.Name(), err)
		}
	}
	return nil
}

func refill(dir string, now time.Time) error {
	text, err := os.ReadFile(filepath.Join(dir, "snapshot.json")) //nolint:gosec // a folder of the broker's own
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var snapshot struct {
		High  int64 `json:"high_watermark"`
		Epoch int32 `json:"epoch"`
	}
	if json.Unmarshal(text, &snapshot) != nil || snapshot.High == 0 {
		return nil //nolint:nilerr // kfake ignores a snapshot that it cannot read
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".dat") {
			return nil
		}
	}
	last := snapshot.High - 1
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.dat", last)), placeholder(last, snapshot.Epoch, now), 0o600)
}

// placeholder is the batch of an abort marker of a producer that does not exist.
func placeholder(offset int64, epoch int32, now time.Time) []byte {
	record := kmsg.Record{Key: make([]byte, 4), Value: make([]byte, 6)} // version 0, abort; version 0, coordinator epoch 0
	record.Length = int32(len(record.AppendTo(nil)) - 1)                // without the length itself, a byte
	batch := kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: epoch, Magic: 2, Attributes: attrTxn | attrControl,
		FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(),
		ProducerID: math.MaxInt64, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	const lengthAt, afterLength, crcAt, afterCRC = 8, 12, 17, 21
	b := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[lengthAt:], uint32(len(b)-afterLength))
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[afterCRC:], castagnoli))
	return b
}
