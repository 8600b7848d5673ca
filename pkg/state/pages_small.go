//go:build unix && !linux

package state

func advise([]byte, bool) {}
