package state

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Log and snapshot files are sequences of frames after a header:
//
//	header: magic [8]  store uint64  number uint64  sum uint32  crc32c of these 28 bytes
//	frame:  length uint32  sum uint32  payload [length]
//
// all little endian. sum is a running CRC-32C: each covers the one before it
// and its own length and payload. So it vouches for everything up to it, in
// that order, and a file that continues another begins with the other's sum.
const (
	fileHeaderBytes  = 32
	frameHeaderBytes = 8

	logMagic      = "MWSTLOG1"
	snapshotMagic = "MWSTSNP1"
)

type fileHeader struct {
	store, number uint64
	sum           uint32
}

func appendFileHeader(dst []byte, magic string, h fileHeader) []byte {
	at := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint64(dst, h.store)
	dst = binary.LittleEndian.AppendUint64(dst, h.number)
	dst = binary.LittleEndian.AppendUint32(dst, h.sum)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

// parseFileHeader reports false for anything but an intact header.
func parseFileHeader(b []byte, magic string) (h fileHeader, ok bool) {
	if len(b) < fileHeaderBytes || string(b[:8]) != magic {
		return h, false
	}
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return h, false
	}
	return fileHeader{
		store:  binary.LittleEndian.Uint64(b[8:]),
		number: binary.LittleEndian.Uint64(b[16:]),
		sum:    binary.LittleEndian.Uint32(b[24:]),
	}, true
}

// beginFrame reserves the header of a frame at the end of dst; endFrame fills
// it in once the payload is appended. The frame starts at dst[at].
func beginFrame(dst []byte) []byte { return append(dst, make([]byte, frameHeaderBytes)...) }

func endFrame(dst []byte, at int, sum uint32) (newSum uint32) {
	b := dst[at:]
	binary.LittleEndian.PutUint32(b, uint32(len(b)-frameHeaderBytes))
	sum = frameSum(sum, b[:4], b[frameHeaderBytes:])
	binary.LittleEndian.PutUint32(b[4:], sum)
	return sum
}

func frameSum(sum uint32, length, payload []byte) uint32 {
	return crc32.Update(crc32.Update(sum, castagnoli, length), castagnoli, payload)
}

// appendPosition appends a position, which may be nil.
func appendPosition(dst, pos []byte) []byte {
	if pos == nil {
		return binary.AppendUvarint(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(pos))+1)
	return append(dst, pos...)
}

// parsePosition returns the position at the start of b, which may be nil, and
// its length, or 0 if b does not start with one.
func parsePosition(b []byte) (pos []byte, n int) {
	v, n := binary.Uvarint(b)
	switch {
	case n <= 0 || v > uint64(len(b)-n)+1:
		return nil, 0
	case v == 0:
		return nil, n
	}
	end := n + int(v) - 1
	return b[n:end:end], end
}

// frameReader reads the frames of a file. It stops at the first one that is not
// intact, and never holds more memory than the file has bytes left.
type frameReader struct {
	r    io.Reader // buffered by the caller
	left int64     // bytes of the file not read yet
	sum  uint32
	off  int64 // offset after the last intact frame
	buf  []byte
}

// next returns the next payload, valid until the following call. ok is false at
// the end and at a frame that is not intact; err is an I/O error.
func (f *frameReader) next() (payload []byte, ok bool, err error) {
	var head [frameHeaderBytes]byte
	if f.left < frameHeaderBytes {
		return nil, false, nil
	}
	if err := f.read(head[:]); err != nil {
		return nil, false, err
	}
	n := int64(binary.LittleEndian.Uint32(head[:4]))
	if n > f.left {
		return nil, false, nil
	}
	if int64(cap(f.buf)) < n {
		f.buf = make([]byte, n+n/4)
	}
	payload = f.buf[:n]
	if err := f.read(payload); err != nil {
		return nil, false, err
	}
	sum := frameSum(f.sum, head[:4], payload)
	if sum != binary.LittleEndian.Uint32(head[4:]) {
		return nil, false, nil
	}
	f.sum = sum
	f.off += frameHeaderBytes + n
	return payload, true, nil
}

func (f *frameReader) read(b []byte) error {
	if _, err := io.ReadFull(f.r, b); err != nil {
		return fmt.Errorf("reading frame at offset %d: %w", f.off, err)
	}
	f.left -= int64(len(b))
	return nil
}
