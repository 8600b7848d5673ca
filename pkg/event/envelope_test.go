package event_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/event"
)

// TestEnvelopeSaysWhatTheTemplateSays for times that stay, move within a day,
// go back, and leave the years that can be written.
func TestEnvelopeSaysWhatTheTemplateSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tmpl := event.NewTemplate(rapid.String().Draw(t, "source"), rapid.String().Draw(t, "type"))
		e := tmpl.Envelope()
		ms := rapid.SampledFrom([]int64{0, 1_322_729_999_000, -5, 253_402_300_799_000, -62_167_219_200_000}).Draw(t, "start")
		for range 20 {
			ms += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-90_000_000, 90_000_000), rapid.Int64Range(-1e12, 1e12), rapid.Int64Range(0, 5000)).Draw(t, "later")
			id := event.Derive(rapid.Uint64().Draw(t, "source id"), rapid.Int32().Draw(t, "partition"), rapid.Int64().Draw(t, "offset"), rapid.Int().Draw(t, "n"))
			want, n := tmpl.Append(nil, id, time.UnixMilli(ms), event.Trace{})
			got, m := e.Set(id, ms)
			require.Equal(t, string(want), string(got), "at %d", ms)
			require.Equal(t, n, m)
		}
	})
}
