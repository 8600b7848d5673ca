//go:build !unix

package state

import "time"

// cpuTime is the processor time this process has used, not known here.
func cpuTime() time.Duration { return 0 }
