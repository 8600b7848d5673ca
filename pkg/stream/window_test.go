package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestWindowsTileTime draws times over a century, in zones that change their
// clocks at midnight, by half an hour, or skip a whole day.
func TestWindowsTileTime(t *testing.T) {
	zones := []string{"UTC", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "America/Havana"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		w := rapid.SampledFrom([]Windows{Daily(zone), Weekly(zone), Monthly(zone)}).Draw(t, "windows")
		require.NoError(t, w.err)
		at := rapid.Int64Range(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()).Draw(t, "at")
		s := w.assign(nil, at)
		require.Len(t, s, 1)
		require.LessOrEqual(t, s[0].start, at)
		require.Greater(t, s[0].end, at)
		require.Equal(t, s[0].end, w.endOf(s[0].start), "the start alone tells the end")
		require.Equal(t, s, w.assign(nil, s[0].start))
		require.Equal(t, s, w.assign(nil, s[0].end-1))
		next := w.assign(nil, s[0].end)
		require.Equal(t, s[0].end, next[0].start, "windows follow each other without gap")
	})
}

func TestHoppingWindowsHoldTheTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hop := rapid.Int64Range(1, 1000).Draw(t, "hop")
		size := hop + rapid.Int64Range(0, 5000).Draw(t, "more")
		w := Hopping(time.Duration(size)*time.Millisecond, time.Duration(hop)*time.Millisecond)
		at := rapid.Int64Range(-1e6, 1e6).Draw(t, "at")
		var want []span
		for start := (at-size)/hop*hop - 2*hop; start <= at; start += hop {
			if start <= at && at < start+size {
				want = append(want, span{start, start + size})
			}
		}
		require.Equal(t, want, w.assign(nil, at))
	})
}

func TestHoursFollowTheZone(t *testing.T) {
	w := Hourly("Asia/Kolkata") // half an hour off
	s := w.assign(nil, time.Date(2011, 12, 9, 12, 50, 0, 0, time.UTC).UnixMilli())[0]
	require.Equal(t, "12:30", s.window().Start.Format("15:04"))
	require.Equal(t, time.Hour, s.window().End.Sub(s.window().Start))
}
