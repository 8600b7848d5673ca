package state

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// faults keeps the first error after which a disk store cannot be trusted. It
// stands in for Pebble's logger, because Pebble reports a failed write to its
// log or manifest by a fatal message, and a library must not end the process.
type faults struct {
	first atomic.Pointer[error]
	last  atomic.Pointer[error] // of background work, which Pebble tries again
}

func (f *faults) record(err error) { f.first.CompareAndSwap(nil, &err) }

func (f *faults) get() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}

// background takes errors of flushes and compactions.
func (f *faults) background(err error) {
	if pebble.IsCorruptionError(err) {
		f.record(readError(err))
		return
	}
	f.last.Store(&err)
}

// damaged takes what reading has found.
func (f *faults) damaged(info pebble.DataCorruptionInfo) {
	f.record(fmt.Errorf("reading state: %w: %s: %w", ErrCorrupt, info.Path, info.Details))
}

// flushed takes the end of a flush.
func (f *faults) flushed(info pebble.FlushInfo) {
	if info.Err == nil {
		f.last.Store(nil)
	}
}

// any returns what is wrong at present, be it final or being tried again.
func (f *faults) any() error {
	if err := f.get(); err != nil {
		return err
	}
	if err := f.last.Load(); err != nil {
		return *err
	}
	return nil
}

// Infof implements pebble.Logger.
func (*faults) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (*faults) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger. The caller goes on in a state in which no
// further write may be made, and none is.
func (f *faults) Fatalf(format string, args ...any) {
	if len(args) == 1 {
		if _, ok := args[0].(error); ok { // keep what errors.Is can find
			format = strings.NewReplacer("%v", "%w", "%s", "%w").Replace(format)
		}
	}
	f.record(fmt.Errorf("writing state: "+format, args...))
}
