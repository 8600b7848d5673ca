package broker

import "syscall"

// The Winsock codes; the EADDR constants of package syscall are invented numbers on Windows.
var (
	errAddrInUse    error = syscall.Errno(10048)
	errAddrNotAvail error = syscall.Errno(10049)
)
