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

var errTooMuch = fmt.Errorf("%w: the batch unpacks to too much", ErrCorrupt)

// inflate unpacks src into a pooled buffer that the caller releases. More than limit bytes are an error. hint is a
// guess of the unpacked size, such as that of the batch before; 0 for none.
func inflate(src []byte, codec Codec, hint, limit int) (*buffer, error) {
	out := newOutput(max(min(4*len(src), 1<<20), hint), limit)
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
	out.buf.b = out.b
	if err != nil {
		out.buf.release()
		if errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %v: %w", ErrCorrupt, codec, err)
	}
	return out.buf, nil
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

// output is what has been unpacked, up to a limit, in memory from the pool.
type output struct {
	b     []byte
	buf   *buffer // whose memory b is
	limit int
}

func newOutput(size, limit int) *output {
	buf := getBuffer(min(size, limit))
	return &output{b: buf.b, buf: buf, limit: limit}
}

// more doubles the room.
func (o *output) more() error {
	if cap(o.b) >= o.limit {
		return errTooMuch
	}
	o.reserve(min(max(2*cap(o.b), 4<<10), o.limit) - len(o.b))
	return nil
}

// reserve makes room for n more bytes.
func (o *output) reserve(n int) {
	if cap(o.b)-len(o.b) >= n {
		return
	}
	bigger := getBuffer(len(o.b) + n)
	bigger.b = append(bigger.b, o.b...)
	o.buf.b = o.b
	o.buf.release()
	o.b, o.buf = bigger.b, bigger
}

func readAll(out *output, r io.Reader) error {
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

func inflateGzip(out *output, src []byte) error {
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

// inflateZstd decodes into the room there is and, when it does not suffice, into more, but never into more than the
// blocks at hand can fill: a frame's word about its size is not enough.
func inflateZstd(out *output, src []byte) error {
	dec, err := zstdDecoder()
	if err != nil {
		return err
	}
	most, exact := zstdBound(src)
	if most < out.limit {
		out.limit = most
	}
	if exact {
		out.reserve(min(most, out.limit))
	}
	for {
		b, err := dec.DecodeAll(src, out.b[:0:cap(out.b)])
		switch {
		case err == nil:
			out.b = b
			if len(b) > out.limit {
				return errTooMuch
			}
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

// zstdBound is the most that the frames can unpack to, judged by their blocks, and whether they say it themselves.
func zstdBound(src []byte) (most int, exact bool) {
	const blockMax = 128 << 10
	exact = true
	for len(src) > 0 {
		var h zstd.Header
		if err := h.Decode(src); err != nil || h.Skippable || h.HeaderSize > len(src) {
			return most + blockMax, false // damaged or rare: the decoder will tell
		}
		src = src[h.HeaderSize:]
		blocks := 0
		for last := false; !last; {
			if len(src) < 3 {
				return most + (blocks+1)*blockMax, false
			}
			v := int(src[0]) | int(src[1])<<8 | int(src[2])<<16
			last = v&1 != 0
			size := v >> 3
			if v>>1&3 == 1 { // one byte, repeated
				size = 1
			}
			blocks++
			src = src[min(3+size, len(src)):]
		}
		n := blocks * blockMax
		if !h.HasFCS {
			exact = false
		} else if h.FrameContentSize < uint64(n) {
			n = int(h.FrameContentSize)
		}
		most += n
		if h.HasCheckSum {
			src = src[min(4, len(src)):]
		}
	}
	return most, exact
}

// inflateSnappy reads the framing of snappy-java and, as other clients write it, one bare block.
func inflateSnappy(out *output, src []byte) error {
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

func snappyBlock(out *output, src []byte) error {
	n, err := s2.DecodedLen(src)
	if err != nil {
		return err
	}
	// Three bytes can say "repeat 64 bytes" and no encoding says more, so a larger claim is a lie.
	if n > 64*len(src) {
		return errors.New("impossible length")
	}
	if len(out.b)+n > out.limit {
		return errTooMuch
	}
	out.reserve(n)
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
func inflateLZ4(out *output, src []byte) error {
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
			if len(out.b)+n > out.limit {
				return errTooMuch
			}
			out.reserve(n)
			out.b = append(out.b, block...)
			continue
		}
		if err := lz4OneBlock(out, block, blockMax); err != nil {
			return err
		}
	}
}

// lz4OneBlock gives a block four times its size first, and more as long as that does not suffice.
func lz4OneBlock(out *output, block []byte, blockMax int) error {
	room := min(blockMax, max(4*len(block), 4<<10))
	for {
		if len(out.b)+room > out.limit {
			return errTooMuch
		}
		out.reserve(room)
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
