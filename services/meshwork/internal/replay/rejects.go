package replay

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"meshwork.dev/services/meshwork/retail"
)

// Rejects is the file of lines that could not be used: line number, reason and
// the line as it stands, separated by tabs. It is created with the first
// reject and replaces one of an earlier run.
type Rejects struct {
	path string
	file *os.File
	w    *bufio.Writer
	n    int
	err  error
}

// NewRejects makes a Rejects that writes to path.
func NewRejects(path string) *Rejects { return &Rejects{path: path} }

// Add writes one line. An error is kept for Close.
func (r *Rejects) Add(j retail.Reject) {
	r.n++
	if r.err != nil {
		return
	}
	if r.file == nil {
		if r.file, r.err = os.Create(r.path); r.err != nil {
			return
		}
		r.w = bufio.NewWriter(r.file)
		_, r.err = r.w.WriteString("line\treason\ttext\n")
	}
	_, err := fmt.Fprintf(r.w, "%d\t%s\t%s\n", j.Line, strings.ReplaceAll(j.Reason, "\t", " "), j.Text)
	if r.err == nil {
		r.err = err
	}
}

// Count is the number of lines added.
func (r *Rejects) Count() int { return r.n }

// Path is where they are.
func (r *Rejects) Path() string { return r.path }

// Close writes what is buffered and returns the first error of all.
func (r *Rejects) Close() error {
	if r.file == nil {
		return r.err
	}
	if err := r.w.Flush(); r.err == nil {
		r.err = err
	}
	if err := r.file.Close(); r.err == nil {
		r.err = err
	}
	if r.err != nil {
		return fmt.Errorf("writing rejects to %s: %w", r.path, r.err)
	}
	return nil
}
