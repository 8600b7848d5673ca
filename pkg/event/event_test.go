package event_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/event"
)

var at = time.Date(2011, 12, 9, 12, 50, 7, 123456789, time.UTC)

func TestNewIsTimeOrderedVersion7(t *testing.T) {
	id := event.New(at)
	got, ok := id.Time()
	require.True(t, ok)
	require.Equal(t, at.Truncate(time.Millisecond), got)
	require.Equal(t, byte('7'), id.String()[14])
	require.NotEqual(t, id, event.New(at))
	require.Less(t, id.String(), event.New(at.Add(time.Millisecond)).String())
	back, err := event.ParseID(id.String())
	require.NoError(t, err)
	require.Equal(t, id, back)
}

func TestParseIDRefusesOtherTexts(t *testing.T) {
	for _, s := range []string{"", "x", "00000000-0000-0000-0000-00000000000g", "00000000x0000-0000-0000-000000000000"} {
		_, err := event.ParseID(s)
		require.ErrorIs(t, err, event.ErrMalformed, s)
	}
}

func TestDeriveIsInjectiveAndRepeatable(t *testing.T) {
	type where struct {
		source    uint64
		partition int32
		offset    int64
		n         int
	}
	gen := rapid.Custom(func(t *rapid.T) where {
		return where{
			rapid.Uint64Range(0, 1<<42-1).Draw(t, "source"), int32(rapid.IntRange(0, 1<<16-1).Draw(t, "partition")),
			rapid.Int64Range(0, 1<<48-1).Draw(t, "offset"), rapid.IntRange(0, 1<<16-1).Draw(t, "n"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		ida := event.Derive(a.source, a.partition, a.offset, a.n)
		idb := event.Derive(b.source, b.partition, b.offset, b.n)
		require.Equal(t, a == b, ida == idb, "%+v %+v", a, b)
		require.Equal(t, byte(8), ida[6]>>4)
		require.Equal(t, byte(2), ida[8]>>6)
	})
	first, again := event.Derive(event.Source("p"), 3, 77, 1), event.Derive(event.Source("p"), 3, 77, 1)
	require.Equal(t, first, again)
}

func TestDeriveFlipsOneBitForOneBit(t *testing.T) {
	base := event.Derive(0, 0, 0, 0)
	seen := map[event.ID]bool{base: true}
	for i := range 42 {
		seen[event.Derive(1<<i, 0, 0, 0)] = true
	}
	for i := range 16 {
		seen[event.Derive(0, 1<<i, 0, 0)] = true
		seen[event.Derive(0, 0, 0, 1<<i)] = true
	}
	for i := range 48 {
		seen[event.Derive(0, 0, 1<<i, 0)] = true
	}
	require.Len(t, seen, 1+42+16+16+48)
}

func TestTraceRoundTrip(t *testing.T) {
	const text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	tr, ok := event.ParseTrace([]byte(text))
	require.True(t, ok)
	require.Equal(t, text, tr.String())
	child := tr.Child()
	require.Equal(t, tr.TraceID, child.TraceID)
	require.NotEqual(t, tr.SpanID, child.SpanID)
	id := event.Derive(1, 2, 3, 4)
	span, again := tr.ChildOf(id), tr.ChildOf(id)
	require.Equal(t, span, again)
	require.NotEqual(t, tr.ChildOf(id), tr.ChildOf(event.Derive(1, 2, 3, 5)))
	require.True(t, event.NewTrace(true).Valid())
	require.False(t, event.Trace{}.Child().Valid())
	require.Empty(t, event.Trace{}.String())

	later := "cc" + text[2:] + "-more"
	_, ok = event.ParseTrace([]byte(later))
	require.True(t, ok, "a later version with more fields")
	for _, bad := range []string{
		"", text[:54], text + "-x", "ff" + text[2:], "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", "zz" + text[2:],
	} {
		_, ok := event.ParseTrace([]byte(bad))
		require.False(t, ok, bad)
	}
}

// decode reads encoded headers as a Kafka consumer does.
func decode(t *testing.T, b []byte, count int) map[string]string {
	t.Helper()
	field := func() string {
		n, size := binary.Varint(b)
		require.Positive(t, size)
		b = b[size:]
		s := string(b[:n])
		b = b[n:]
		return s
	}
	got := map[string]string{}
	for range count {
		k := field()
		got[k] = field()
	}
	require.Empty(t, b)
	return got
}

func TestTemplateEncodesKafkaHeaders(t *testing.T) {
	tpl := event.NewTemplate("/product/product-sales", "ecomm.product.product-sales.state.v1")
	id, trace := event.New(at), event.NewTrace(false)
	b, n := tpl.Append(nil, id, at, trace)
	got := decode(t, b, n)
	require.Equal(t, map[string]string{
		"ce_specversion": "1.0", "ce_id": id.String(), "ce_source": "/product/product-sales",
		"ce_type": "ecomm.product.product-sales.state.v1", "ce_time": "2011-12-09T12:50:07.123Z", "traceparent": trace.String(),
	}, got)
	for _, h := range tpl.Headers(id, at, trace) {
		require.Equal(t, got[h.Key], string(h.Value))
	}
	b, n = tpl.Append(nil, id, at, event.Trace{})
	require.NotContains(t, decode(t, b, n), "traceparent")

	buf := make([]byte, 0, 512)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = tpl.Append(buf[:0], id, at, trace) }))
}

func TestTimeIsWrittenAsTheLibraryWould(t *testing.T) {
	tpl := event.NewTemplate("s", "t")
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-62135596800000, 253402300799999).Draw(t, "ms"))
		h := tpl.Headers(event.ID{}, at, event.Trace{})
		require.Equal(t, at.UTC().Format(event.TimeLayout), string(h[4].Value))
		back, err := event.ParseTime(h[4].Value)
		require.NoError(t, err)
		require.True(t, back.Equal(at))
	})
	_, err := event.ParseTime([]byte("yesterday"))
	require.ErrorIs(t, err, event.ErrMalformed)
}

func BenchmarkTemplate(b *testing.B) {
	tpl, id, buf := event.NewTemplate("/product/product-sales", "ecomm.product.product-sales.state.v1"), event.New(at), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = tpl.Append(buf[:0], id, at, event.Trace{})
	}
}
