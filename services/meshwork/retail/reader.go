package retail

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	_ "time/tzdata" // the shop's zone is needed where the system has no zone files

	"meshwork.dev/services/meshwork/feed"
)

// Zone is the zone the shop's clock shows; the file's times are local.
const Zone = "Europe/London"

// maxLine bounds a line, in bytes. The longest line of the data set has about 130.
const maxLine = 64 << 10

// Reject is one line of the file that could not become part of an order.
type Reject struct {
	Line   int    // line number in the file; the header is line 1
	Reason string // one sentence
	Text   string // the line as it stands in the file
}

// Options of a Reader; the zero value is ready to use.
type Options struct {
	// Reject is called for every line that is left out, in the order of the file. Nil drops them; they are counted
	// either way.
	Reject func(Reject)
	// MaxRows ends the file after that many data lines; 0 reads all of it.
	MaxRows int
}

// Reader turns the rows of a file into messages. It implements feed.Source.
type Reader struct {
	in      *bufio.Reader
	opts    Options
	layout  layout
	zone    *time.Location
	line    int // lines read
	rejects int
	rows    int // rows that became lines of orders

	timeText string
	time     time.Time

	orders  assembler
	catalog catalog
	ready   []feed.Message
	next    int // index of the next message in ready
	done    bool
}

var _ feed.Source = (*Reader)(nil)

// NewReader reads the header of in. It returns ErrHeader when that is not the data set.
func NewReader(in io.Reader, opts Options) (*Reader, error) {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, fmt.Errorf("zone of the shop: %w", err)
	}
	r := &Reader{in: bufio.NewReaderSize(in, maxLine), opts: opts, zone: zone, orders: newAssembler(), catalog: newCatalog(zone)}
	head, _, err := r.readLine()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	if r.layout, err = parseHeader(text(head)); err != nil {
		return nil, err
	}
	return r, nil
}

// Rows is the number of rows that became lines of orders so far.
func (r *Reader) Rows() int { return r.rows }

// Rejects is the number of lines left out so far.
func (r *Reader) Rejects() int { return r.rejects }

// Next returns the next order or product change. A message comes when its invoice is complete, which is known a few
// minutes of file time later; messages stand in the order of their first row.
func (r *Reader) Next() (feed.Message, error) {
	for {
		if r.next < len(r.ready) {
			m := r.ready[r.next]
			r.ready[r.next] = feed.Message{}
			r.next++
			return m, nil
		}
		r.ready, r.next = r.ready[:0], 0
		if r.done {
			return feed.Message{}, io.EOF
		}
		if err := r.step(); err != nil {
			return feed.Message{}, err
		}
	}
}

// step reads one line; what it completes is added to ready.
func (r *Reader) step() error {
	raw, long, err := r.readLine()
	if errors.Is(err, io.EOF) || err == nil && r.opts.MaxRows > 0 && r.line-1 > r.opts.MaxRows {
		r.done = true
		r.ready = r.orders.closeAll(r.ready)
		r.ready = r.catalog.end(r.ready)
		return nil
	}
	if err != nil {
		return fmt.Errorf("line %d: %w", r.line+1, err)
	}
	if len(raw) == 0 {
		return nil // an empty line, such as one at the end, holds no row
	}
	line := text(raw)
	if long {
		r.reject(line, fmt.Errorf("longer than %d bytes", maxLine))
		return nil
	}
	row, err := r.parseRow(line, r.line-1)
	if err != nil {
		r.reject(line, err)
		return nil
	}
	r.ready = r.orders.closeBefore(row.At, r.ready)
	inv, err := r.orders.add(&row)
	if err != nil {
		r.reject(line, err)
		return nil
	}
	r.rows++
	inv.changes = r.catalog.see(&row, inv.changes)
	return nil
}

func (r *Reader) reject(line string, why error) {
	r.rejects++
	if r.opts.Reject != nil {
		r.opts.Reject(Reject{Line: r.line, Reason: why.Error(), Text: line})
	}
}

// readLine returns the next line without its end; it is valid until the next call. A line that is too long is cut,
// and the rest of it is skipped.
func (r *Reader) readLine() (line []byte, long bool, err error) {
	line, err = r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = append([]byte(nil), line[:1024]...)
		for long = true; errors.Is(err, bufio.ErrBufferFull); {
			_, err = r.in.ReadSlice('\n')
		}
	}
	if err != nil && !errors.Is(err, io.EOF) || err != nil && len(line) == 0 {
		return nil, long, err
	}
	r.line++
	for n := len(line); n > 0 && (line[n-1] == '\n' || line[n-1] == '\r'); n = len(line) {
		line = line[:n-1]
	}
	return line, long, nil
}

// File is an open data set.
type File struct {
	*Reader
	file    *os.File
	counter *countingReader
	size    int64
}

// Open opens a data set, plain or compressed with gzip (told by its first bytes, not its name).
func Open(path string, opts Options) (*File, error) {
	f, err := os.Open(path) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, fmt.Errorf("data set: %w", err)
	}
	file, err := open(f, opts)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("data set %s: %w", path, err)
	}
	return file, nil
}

func open(f *os.File, opts Options) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("is a folder")
	}
	counter := &countingReader{in: f}
	buffered := bufio.NewReaderSize(counter, 256<<10)
	var in io.Reader = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		if in, err = gzip.NewReader(buffered); err != nil {
			return nil, err
		}
	}
	r, err := NewReader(in, opts)
	if err != nil {
		return nil, err
	}
	return &File{Reader: r, file: f, counter: counter, size: info.Size()}, nil
}

// Progress is how far the file has been read, in bytes on disk, and its size.
func (f *File) Progress() (read, size int64) { return f.counter.n, f.size }

// Close closes the file. The reader must not be used afterwards.
func (f *File) Close() error { return f.file.Close() }

type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
