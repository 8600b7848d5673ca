package state

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// scratchWorks says whether there are scratch files here.
const scratchWorks = true

const (
	keepSize  = 1 // FALLOC_FL_KEEP_SIZE
	punchHole = 2 // FALLOC_FL_PUNCH_HOLE
)

// openScratch makes a file without a name.
func openScratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "scratch-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// mapScratch maps a piece of the file, whose room it reserves: a write into a
// hole would end the process where the disk is full.
func mapScratch(f *os.File, at int64, n int) ([]byte, error) {
	fd := int(f.Fd())
	if err := syscall.Fallocate(fd, 0, at, int64(n)); err != nil {
		return nil, fmt.Errorf("state: reserving %d bytes of scratch file: %w", n, err)
	}
	b, err := syscall.Mmap(fd, at, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("state: mapping %d bytes of scratch file: %w", n, err)
	}
	_ = syscall.Madvise(b, syscall.MADV_RANDOM) // neighbours in the file have nothing in common
	return b, nil
}

// emptyScratch gives a piece back to the disk, so that it reads as zeros again.
func emptyScratch(f *os.File, at int64, n int) error {
	return syscall.Fallocate(int(f.Fd()), keepSize|punchHole, at, int64(n))
}

// dropScratch unmaps the pages of a piece. They stay what they are: in the page
// cache, and sooner or later on disk.
func dropScratch(b []byte) { _ = syscall.Madvise(b, syscall.MADV_DONTNEED) }

// filePages is how many bytes of files are mapped in.
func filePages() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 3 {
		return 0
	}
	n, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return 0
	}
	return n * int64(os.Getpagesize())
}
