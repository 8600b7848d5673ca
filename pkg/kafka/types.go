package kafka

import "fmt"

// TopicPartition names one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is "topic/partition".
func (tp TopicPartition) String() string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }

// Isolation says which records of transactions a reader sees.
type Isolation int8

// The isolation levels. The zero value is the safe one.
const (
	ReadCommitted   Isolation = 0 // only records of committed transactions, up to the last stable offset
	ReadUncommitted Isolation = 1 // every record up to the high watermark, aborted ones included
)

// wire is the protocol's number for the level, which counts the other way round.
func (i Isolation) wire() int8 {
	if i == ReadUncommitted {
		return 0
	}
	return 1
}

// Codec is the compression of a record batch, numbered as on the wire.
type Codec int8

// The codecs of record batch v2.
const (
	CodecNone   Codec = 0
	CodecGzip   Codec = 1
	CodecSnappy Codec = 2
	CodecLZ4    Codec = 3
	CodecZstd   Codec = 4
)

// String is the name used in topic configuration ("compression.type").
func (c Codec) String() string {
	switch c {
	case CodecNone:
		return "none"
	case CodecGzip:
		return "gzip"
	case CodecSnappy:
		return "snappy"
	case CodecLZ4:
		return "lz4"
	case CodecZstd:
		return "zstd"
	default:
		return fmt.Sprintf("codec(%d)", int8(c))
	}
}

// ParseCodec reads a codec name; the empty text is none.
func ParseCodec(name string) (Codec, error) {
	if name == "" {
		return CodecNone, nil
	}
	for c := CodecNone; c <= CodecZstd; c++ {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown codec %q: use none, gzip, snappy, lz4 or zstd", name)
}

// Header is one record header. A nil Value is a null on the wire.
type Header struct {
	Key   string
	Value []byte
}
