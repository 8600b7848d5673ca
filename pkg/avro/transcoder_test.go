package avro_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

// Random pairs of schemas and values: what an independent implementation makes of the writer's bytes under the
// reader's schema must be what it reads from the transcoded bytes.
func TestTranscoderAgreesWithTwmb(t *testing.T) {
	resolved, identical := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := &maker{T: t}
		writer := m.schema(3, true)
		w, r := text(t, writer), text(t, m.change(writer))
		tw, err := twmb.Parse(w)
		if err != nil {
			t.Skip(err)
		}
		tr, err := twmb.Parse(r)
		if err != nil {
			t.Skip(err)
		}
		ws, err := schema.Parse(w)
		require.NoError(t, err, w)
		both, err := twmb.Resolve(tw, tr)
		transcoder, ourErr := avro.NewTranscoder(w, r)
		if err != nil {
			return // stricter than ours: it refuses what only some values cannot do
		}
		require.NoError(t, ourErr, "writer %s\nreader %s", w, r)
		resolved++
		if transcoder.Identity() {
			identical++
		}
		src := value(t, ws, nil, 0)
		var want, got any
		if _, err := both.Decode(src, &want); err != nil {
			_, ourErr := transcoder.Transcode(nil, src)
			if !errors.Is(ourErr, avro.ErrIncompatible) {
				t.Skipf("writer %s\nreader %s: %v, ours %v", w, r, err, ourErr)
			}
			return
		}
		out, err := transcoder.Transcode(nil, src)
		require.NoError(t, err, "writer %s\nreader %s\nvalue %x", w, r, src)
		rest, err := tr.Decode(out, &got)
		require.NoError(t, err, "writer %s\nreader %s\nvalue %x\ngot %x", w, r, src, out)
		require.Empty(t, rest)
		require.Equal(t, want, got, "writer %s\nreader %s\nvalue %x\ngot %x", w, r, src, out)

		// Whatever is cut off or flipped, the answer is a value or an error.
		for n := range src {
			_, err := transcoder.Transcode(nil, src[:n])
			require.ErrorIs(t, err, avro.ErrMalformed)
		}
		if len(src) > 0 {
			bad := append([]byte{}, src...)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "flip")] ^= rapid.Byte().Draw(t, "with")
			_, _ = transcoder.Transcode(nil, bad)
		}
	})
	t.Logf("%d pairs resolved, %d of them identical", resolved, identical)
}
