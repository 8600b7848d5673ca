package state

import (
	"syscall"
	"time"
)

const rusageThread = 1 // RUSAGE_THREAD

// cpuTime is the processor time this process has used.
func cpuTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

// threadTime is the processor time the calling thread has used; the goroutine
// must be locked to it. Unlike the clock it does not count other programs.
func threadTime() time.Duration { return usage(rusageThread) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
