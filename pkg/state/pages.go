package state

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"
)

// Pages bounds how much memory the stores of a process hold, those of
// [OpenMemory] that are given the same one. What is beyond lies in a scratch
// file that is mapped into memory: the kernel keeps it in its page cache as
// long as nobody else needs the room, and on disk otherwise. So state that fits
// costs what it cost before, and state that does not grows slower instead of
// the process larger.
//
// Of the limit two thirds are plain memory, first come, first served, of which
// the indexes may take all and records half: an index is looked into for every
// key, records only where they are. The last third is how much of the scratch
// file may be mapped in at a time. A goroutine looks after that, from when there
// is a scratch file until Close; pages that are unmapped by it and asked for
// again come from the page cache.
//
// The file has no name, so nothing is left of it when the process ends, however
// it does. Its room is reserved before it is used; where the disk has none, plain
// memory is taken beyond the limit. An error of the disk while a page is read
// back ends the process, as bad memory would. The state itself is safe from all
// this: it is in the log and the snapshots of its store, and in the changelog.
//
// Where the system is not Linux, there is no limit.
//
// A Pages is safe for concurrent use. A nil one gives plain memory without
// limit.
type Pages struct {
	dir   string
	limit int64

	mu      sync.Mutex
	plain   int64           // bytes of plain memory
	mapped  map[*byte]int64 // scratch mappings and their places in the file
	regions [][]byte        // the same, in the order in which they are unmapped
	hand    int             // where the next round begins
	spare   map[int][]int64 // places given back, by size
	end     int64           // of the file
	file    *os.File        // nil until it is needed
	full    time.Time       // when the disk had no room
	base    int64           // file pages of the process before there was a scratch file
	stop    chan struct{}   // ends the goroutine
	done    chan struct{}   // it has ended
	dropped int64           // bytes unmapped, for tests
}

// errClosedPages is what stores get that are opened after Close.
var errClosedPages = errors.New("state: the memory of stores has been closed")

const (
	// dropInterval is how often the goroutine looks how much is mapped in.
	dropInterval = 20 * time.Millisecond
	// fullAgain is how long plain memory is taken before the disk is asked again.
	fullAgain = 10 * time.Second
)

// NewPages makes memory of limit bytes for stores, with scratch files in dir,
// which must exist by the time that they are needed.
func NewPages(dir string, limit int64) *Pages {
	return &Pages{dir: dir, limit: limit, mapped: map[*byte]int64{}, spare: map[int][]int64{}}
}

// PagesStats are measurements of a Pages.
type PagesStats struct {
	Plain   int64 // bytes of plain memory
	Scratch int64 // bytes in the scratch file
}

// Stats returns measurements.
func (p *Pages) Stats() PagesStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PagesStats{Plain: p.plain}
	for _, r := range p.regions {
		s.Scratch += int64(len(r))
	}
	return s
}

// Close ends the goroutine and gives the file back. All stores must have been
// closed.
func (p *Pages) Close() error {
	p.mu.Lock()
	file, stop, done := p.file, p.stop, p.done
	p.file, p.stop = nil, nil
	open := len(p.regions)
	p.mu.Unlock()
	if stop != nil {
		close(stop)
		<-done
	}
	if open > 0 {
		return fmt.Errorf("state: %d mappings are still in use", open)
	}
	if file != nil {
		return file.Close()
	}
	return nil
}

// mapRecords returns n bytes of zeroed memory for records.
func (p *Pages) mapRecords(n int, huge bool) ([]byte, error) {
	if p == nil {
		return mapPages(n, huge)
	}
	return p.get(n, huge, p.limit/3)
}

// mapIndex returns n bytes of zeroed memory for an index.
func (p *Pages) mapIndex(n int, huge bool) ([]byte, error) {
	if p == nil {
		return mapPages(n, huge)
	}
	return p.get(n, huge, p.limit*2/3)
}

// get returns plain memory up to a limit, and a piece of the file beyond.
func (p *Pages) get(n int, huge bool, limit int64) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plain+int64(n) > limit && scratchWorks && time.Since(p.full) > fullAgain {
		b, err := p.scratch(n)
		if err == nil {
			return b, nil
		}
		p.full = time.Now() // going on in memory is better than not going on
	}
	b, err := mapPages(n, huge)
	if err == nil {
		p.plain += int64(n)
	}
	return b, err
}

// scratch maps a piece of the file.
func (p *Pages) scratch(n int) ([]byte, error) {
	if p.file == nil {
		if p.done != nil {
			return nil, errClosedPages
		}
		f, err := openScratch(p.dir)
		if err != nil {
			return nil, fmt.Errorf("state: scratch file: %w", err)
		}
		p.base = filePages()
		p.file, p.stop, p.done = f, make(chan struct{}), make(chan struct{})
		go p.look(p.stop, p.done)
	}
	n = (n + pageBytes - 1) &^ (pageBytes - 1)
	at := p.end
	list := p.spare[n]
	if len(list) > 0 {
		at = list[len(list)-1]
	}
	b, err := mapScratch(p.file, at, n)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 {
		p.spare[n] = list[:len(list)-1]
	} else {
		p.end += int64(n)
	}
	p.mapped[beginning(b)] = at
	p.regions = append(p.regions, b)
	return b, nil
}

// beginning tells mappings apart.
func beginning(b []byte) *byte { return unsafe.SliceData(b) } //nolint:gosec // only compared

// unmap gives back what mapRecords or mapIndex returned.
func (p *Pages) unmap(b []byte) {
	if p == nil {
		unmapPages(b)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.mapped[beginning(b)]
	if !ok {
		p.plain -= int64(len(b))
		unmapPages(b)
		return
	}
	delete(p.mapped, beginning(b))
	p.regions = slices.DeleteFunc(p.regions, func(r []byte) bool { return beginning(r) == beginning(b) })
	n := len(b)
	unmapPages(b)
	if p.file != nil && emptyScratch(p.file, at, n) == nil { // else it is left alone: it must read as zeros
		p.spare[n] = append(p.spare[n], at)
	}
}

// look keeps what is mapped in of the file within bounds.
func (p *Pages) look(stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(dropInterval)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if excess := filePages() - p.base - p.limit/3; excess > 0 {
			p.drop(excess + p.limit/12)
		}
	}
}

// drop unmaps pages until so many bytes are mapped in less, beginning where the
// last round ended.
func (p *Pages) drop(excess int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := filePages() - excess
	for i := range p.regions {
		if i%16 == 0 && filePages() <= want {
			return
		}
		r := p.regions[p.hand%len(p.regions)]
		p.hand = (p.hand + 1) % len(p.regions)
		dropScratch(r)
		p.dropped += int64(len(r))
	}
}
