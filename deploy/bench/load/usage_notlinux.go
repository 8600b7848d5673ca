//go:build !linux

package load

func hwm() (int64, bool) { return 0, false }
