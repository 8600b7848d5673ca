package wire_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"meshwork.dev/schemas/wire"
)

func TestTimesReadAsFormatWritesThem(t *testing.T) {
	zone := time.FixedZone("east", 9*3600+1800)
	check := func(at time.Time) {
		t.Helper()
		if got, want := string(wire.AppendMillis(nil, at)), at.UTC().Format("2006-01-02T15:04:05.000Z"); got != want {
			t.Errorf("millis: got %s, want %s", got, want)
		}
		if got, want := string(wire.AppendMicros([]byte("x"), at)), "x"+at.UTC().Format("2006-01-02T15:04:05.000000Z"); got != want {
			t.Errorf("micros: got %s, want %s", got, want)
		}
	}
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0),
		time.UnixMilli(-1),
		time.UnixMicro(-1),
		time.Date(1, 1, 1, 0, 0, 0, 0, zone),
		time.Date(-44, 3, 15, 12, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, zone),
	} {
		check(at)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		check(time.Unix(rng.Int64N(1<<37)-1<<36, rng.Int64N(1e9)).In(zone))
	}
}

func BenchmarkAppendMillis(b *testing.B) {
	at, buf := time.Date(2024, 5, 1, 9, 30, 0, 250e6, time.UTC), make([]byte, 0, 64)
	b.Run("wire", func(b *testing.B) {
		for b.Loop() {
			buf = wire.AppendMillis(buf[:0], at)
		}
	})
	b.Run("AppendFormat", func(b *testing.B) {
		for b.Loop() {
			buf = at.AppendFormat(buf[:0], "2006-01-02T15:04:05.000Z")
		}
	})
}
