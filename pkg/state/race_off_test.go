//go:build !race

package state

// raceEnabled says whether the race detector is built in: it multiplies memory and time, so tests do not judge either.
const raceEnabled = false
