package stream

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a reaction has changed is what it sees, be it one row or thousands, with events in between.
func TestPendingShowsTheNewestChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var p pending
	for round := range 50 {
		want := map[string]string{} // "" is a deletion
		for i := range 1 + rng.IntN(20)*round {
			key, value := strconv.Itoa(rng.IntN(40)), strconv.Itoa(i+1)
			switch rng.IntN(4) {
			case 0:
				p.put([]byte(key), []byte(value))
				want[key] = value
			case 1:
				p.delete([]byte(key))
				want[key] = ""
			case 2:
				k, v := []byte(key), []byte(value)
				p.row(0, 0, &k, &v, 0, false)
				want[key] = value
			default:
				p.emit(1, 0, 0, []byte(key), []byte("an event, no state"), false)
			}
		}
		for k := range 41 {
			key := strconv.Itoa(k)
			value, deleted, ok := p.get([]byte(key))
			is, known := want[key]
			require.Equal(t, known, ok)
			require.Equal(t, known && is == "", deleted)
			if is != "" {
				require.Equal(t, is, string(value))
			}
		}
		p.reset()
	}
}

// A reaction may look at all rows and tell something of each: the time this takes grows with the rows, not with their
// square, because events are not looked through.
func TestPendingLooksAtChangesOnly(t *testing.T) {
	var p pending
	p.delete([]byte("timer"))
	for range 100_000 {
		p.emit(1, 0, 0, []byte("customer"), []byte("event"), false)
	}
	require.Len(t, p.state, 1)
	_, _, ok := p.get([]byte("customer"))
	require.False(t, ok)
}
