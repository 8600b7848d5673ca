package state

import "syscall"

// advise says how b is to be backed. Without the wish for huge pages they are
// refused, or a hundred small stores would take a hundred times two megabytes
// on systems that always provide them.
func advise(b []byte, huge bool) {
	advice := syscall.MADV_NOHUGEPAGE
	if huge {
		advice = syscall.MADV_HUGEPAGE
	}
	_ = syscall.Madvise(b, advice) // a kernel without huge pages refuses, and that is fine
}
