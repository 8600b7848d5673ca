package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// compress appends src to dst, compressed.
func compress(dst, src []byte, codec Codec) ([]byte, error) {
	switch codec {
	case CodecNone:
		return append(dst, src...), nil
	case CodecGzip:
		return compressGzip(dst, src)
	case CodecSnappy:
		return compressSnappy(dst, src), nil
	case CodecLZ4:
		return compressLZ4(dst, src), nil
	case CodecZstd:
		enc, err := zstdEncoder()
		if err != nil {
			return nil, err
		}
		return enc.EncodeAll(src, dst), nil
	default:
		return nil, fmt.Errorf("%w: %v", ErrUnsupported, codec)
	}
}

// Compressors are costly to make and hold no meaning between uses, hence shared by all clients.
var (
	gzipWriters    sync.Pool
	lz4Compressors = sync.Pool{New: func() any { return new(lz4.Compressor) }}
	zstdEncoder    = sync.OnceValues(func() (*zstd.Encoder, error) {
		// EncodeAll works in the caller's goroutine; a window of 1 MiB is all that a batch can use.
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(4), zstd.WithWindowSize(1<<20),
			zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	})
)

type sliceWriter struct{ b []byte }

// Write appends.
func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func compressGzip(dst, src []byte) ([]byte, error) {
	out := &sliceWriter{dst}
	w, _ := gzipWriters.Get().(*gzip.Writer)
	if w == nil {
		w = gzip.NewWriter(out)
	} else {
		w.Reset(out)
	}
	defer gzipWriters.Put(w)
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.b, nil
}

// The framing of the snappy-java library ("xerial"), which Kafka's own producers write and every client reads.
const (
	xerialMagic = "\x82SNAPPY\x00"
	xerialHead  = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01"
	xerialBlock = 32 << 10
)

func compressSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialHead...)
	for len(src) > 0 {
		blk := src[:min(len(src), xerialBlock)]
		src = src[len(blk):]
		at := len(dst)
		dst = reserve(append(dst, 0, 0, 0, 0), s2.MaxEncodedLen(len(blk)))
		out := s2.EncodeSnappy(dst[len(dst):cap(dst)], blk)
		dst = dst[:len(dst)+len(out)]
		binary.BigEndian.PutUint32(dst[at:], uint32(len(out)))
	}
	return dst
}

// reserve makes room for n more bytes.
func reserve(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	grown := make([]byte, len(dst), len(dst)+n+len(dst)/4)
	copy(grown, dst)
	return grown
}

const (
	lz4Magic = 0x184D2204
	lz4Block = 256 << 10
)

// lz4Head begins a frame of independent blocks of at most 256 KiB without checksums.
var lz4Head = sync.OnceValue(func() []byte {
	var w bytes.Buffer
	z := lz4.NewWriter(&w)
	err := errors.Join(z.Apply(lz4.ChecksumOption(false), lz4.BlockSizeOption(lz4.Block256Kb)), z.Flush())
	if _, e := z.Write([]byte{0}); e != nil || err != nil {
		return nil // a bytes.Buffer does not fail
	}
	_ = z.Close()
	return w.Bytes()[:7:7]
})

// compressLZ4 writes the frame itself, for the library's writer allocates and copies.
func compressLZ4(dst, src []byte) []byte {
	c, _ := lz4Compressors.Get().(*lz4.Compressor)
	defer lz4Compressors.Put(c)
	dst = append(dst, lz4Head()...)
	for len(src) > 0 {
		blk := src[:min(len(src), lz4Block)]
		src = src[len(blk):]
		at := len(dst)
		bound := lz4.CompressBlockBound(len(blk))
		dst = reserve(append(dst, 0, 0, 0, 0), bound)
		n, err := c.CompressBlock(blk, dst[len(dst):len(dst)+bound])
		if err != nil || n == 0 || n >= len(blk) {
			binary.LittleEndian.PutUint32(dst[at:], uint32(len(blk))|1<<31)
			dst = append(dst, blk...)
			continue
		}
		binary.LittleEndian.PutUint32(dst[at:], uint32(n))
		dst = dst[:len(dst)+n]
	}
	return append(dst, 0, 0, 0, 0)
}
