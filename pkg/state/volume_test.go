package state

import "testing"

// volume is how much of something a test does: all of it, or with -short, which goes with the race detector, as much as
// shows what goroutines do to each other.
func volume(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// judges says whether resident memory and time are to be judged, with the reason where they are not.
func judges(t testing.TB) bool {
	t.Helper()
	if raceEnabled {
		t.Log("resident memory and time are not judged: the race detector multiplies both")
	}
	return !raceEnabled
}
