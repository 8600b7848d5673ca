//go:build unix

package state

import (
	"fmt"
	"syscall"
)

// mapPages returns n bytes of zeroed memory outside the Go heap: the garbage
// collector neither scans it nor counts it when it decides when to run. The
// kernel provides a page when it is first touched. huge asks for large pages,
// which make random access cheaper and are provided whole.
func mapPages(n int, huge bool) ([]byte, error) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes of memory: %w", n, err)
	}
	advise(b, huge)
	return b, nil
}

func unmapPages(b []byte) {
	_ = syscall.Munmap(b) // fails only for memory that was never mapped
}
