package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// maxInflated bounds what one batch may unpack to. Memory is taken as output appears, never on a header's word.
const maxInflated = 256 << 20

var errTooMuch = fmt.Errorf("%w: a batch unpacks to more than %d MiB", ErrCorrupt, maxInflated>>20)

// inflate unpacks src into a pooled buffer that the caller releases.
func inflate(src []byte, codec Codec) (*buffer, error) {
	out := getBuffer(min(4*len(src), 1<<20))
	var err error
	switch codec {
	case CodecGzip:
		err = inflateGzip(out, src)
	case CodecSnappy:
		err = inflateSnappy(out, src)
	case CodecLZ4:
		err = inflateLZ4(out, src)
	case CodecZstd:
		err = inflateZstd(out, src)
	default:
		err = fmt.Errorf("%w: compression %d", ErrUnsupported, codec)
	}
	if err != nil {
		out.release()
		if errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %v: %w", ErrCorrupt, codec, err)
	}
	return out, nil
}

// Decompressors are costly to make and hold no meaning between uses, hence shared by all clients.
var (
	gzipReaders sync.Pool
	lz4Readers  = sync.Pool{New: func() any { return lz4.NewReader(nil) }}
	zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(maxInflated), zstd.WithDecoderLowmem(true))
	})
)

// more doubles the buffer's room.
func (b *buffer) more() error {
	if cap(b.b) >= maxInflated {
		return errTooMuch
	}
	b.b = reserve(b.b, min(max(2*cap(b.b), 4<<10), maxInflated)-len(b.b))
	return nil
}

func readAll(out *buffer, r io.Reader) error {
	for {
		if len(out.b) == cap(out.b) {
			if err := out.more(); err != nil {
				return err
			}
		}
		n, err := r.Read(out.b[len(out.b):cap(out.b)])
		out.b = out.b[:len(out.b)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func inflateGzip(out *buffer, src []byte) error {
	in := bytes.NewReader(src)
	r, _ := gzipReaders.Get().(*gzip.Reader)
	var err error
	if r == nil {
		r, err = gzip.NewReader(in)
	} else {
		err = r.Reset(in)
	}
	if err != nil {
		return err
	}
	defer gzipReaders.Put(r)
	return readAll(out, r)
}

// inflateZstd decodes into the room there is and, when it does not suffice, into more: only output that was really
// produced buys memory, whatever size the frame claims.
func inflateZstd(out *buffer, src []byte) error {
	dec, err := zstdDecoder()
	if err != nil {
		return err
	}
	for {
		b, err := dec.DecodeAll(src, out.b[:0:cap(out.b)])
		switch {
		case err == nil:
			out.b = b
			return nil
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return err
		}
		out.b = out.b[:0]
		if err := out.more(); err != nil {
			return err
		}
	}
}

// inflateSnappy reads the framing of snappy-java and, as other clients write it, one bare block.
func inflateSnappy(out *buffer, src []byte) error {
	if len(src) < len(xerialHead) || string(src[:len(xerialMagic)]) != xerialMagic {
		return snappyBlock(out, src)
	}
	src = src[len(xerialHead):]
	for len(src) > 0 {
		if len(src) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := uint64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > uint64(len(src)) {
			return io.ErrUnexpectedEOF
		}
		if err := snappyBlock(out, src[:n]); err != nil {
			return err
		}
		src = src[n:]
	}
	return nil
}

func snappyBlock(out *buffer, src []byte) error {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return err
	}
	// Three bytes can say "repeat 64 bytes" and no encoding says more, so a larger claim is a lie.
	if n > 64*len(src) {
		return errors.New("impossible length")
	}
	if len(out.b)+n > maxInflated {
		return errTooMuch
	}
	out.b = reserve(out.b, n)
	at := len(out.b)
	b, err := s2.Decode(out.b[at:at+n:at+n], src)
	if err != nil {
		return err
	}
	out.b = out.b[:at+len(b)]
	return nil
}

// inflateLZ4 walks the frame itself, for the library's reader copies through its own buffers. Frames whose blocks
// refer to earlier ones are left to it.
func inflateLZ4(out *buffer, src []byte) error {
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != lz4Magic {
		return errors.New("not an LZ4 frame")
	}
	const (
		independent = 1 << 5
		blockSums   = 1 << 4
		contentSize = 1 << 3
		dictionary  = 1
	)
	flags := src[4]
	if flags&independent == 0 || flags&dictionary != 0 {
		r, _ := lz4Readers.Get().(*lz4.Reader)
		defer lz4Readers.Put(r)
		r.Reset(bytes.NewReader(src))
		return readAll(out, r)
	}
	blockMax := 1 << (8 + 2*int(src[5]>>4&7))
	at := 7 // magic, flags, block size, header checksum
	if flags&contentSize != 0 {
		at += 8
	}
	for {
		if at+4 > len(src) {
			return io.ErrUnexpectedEOF
		}
		size := binary.LittleEndian.Uint32(src[at:])
		at += 4
		if size == 0 {
			return nil
		}
		stored, n := size>>31 != 0, int(size&(1<<31-1))
		if n > len(src)-at {
			return io.ErrUnexpectedEOF
		}
		block := src[at : at+n]
		at += n
		if flags&blockSums != 0 {
			at += 4
		}
		if stored {
			if len(out.b)+n > maxInflated {
				return errTooMuch
			}
			out.b = append(reserve(out.b, n), block...)
			continue
		}
		if err := lz4OneBlock(out, block, blockMax); err != nil {
			return err
		}
	}
}

// lz4OneBlock gives a block four times its size first, and more as long as that does not suffice.
func lz4OneBlock(out *buffer, block []byte, blockMax int) error {
	room := min(blockMax, max(4*len(block), 4<<10))
	for {
		if len(out.b)+room > maxInflated {
			return errTooMuch
		}
		out.b = reserve(out.b, room)
		free := out.b[len(out.b):min(cap(out.b), len(out.b)+blockMax)]
		n, err := lz4.UncompressBlock(block, free)
		if err == nil {
			out.b = out.b[:len(out.b)+n]
			return nil
		}
		// A byte of an LZ4 block stands for at most 255.
		if len(free) >= blockMax || len(free) >= 255*len(block) {
			return err
		}
		room = min(blockMax, 4*len(free))
	}
}
