//go:build !linux

package state

import "time"

// Processor time is known on Linux only; tests that print it print zero.
func cpuTime() time.Duration    { return 0 }
func threadTime() time.Duration { return 0 }
