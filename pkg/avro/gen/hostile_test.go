package gen_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro/gen/internal/golden/bench"
	"meshwork.dev/pkg/avro/gen/internal/golden/zoo"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/wire"
)

func animal() *zoo.Animal {
	at := time.Date(2011, 12, 9, 12, 50, 0, 123_456_000, time.UTC)
	return &zoo.Animal{
		AnimalID: "leo|1", Kind: zoo.KindBigCat, Born: schemas.NewDate(2001, 2, 3), SeenAt: at, Fed: at.Truncate(time.Millisecond),
		Tame: true, Legs: 4, Steps: -1 << 40, Warmth: 37.5, Weight: 190.25, Price: 1999, Share: -500_000_000,
		Photo: []byte{1, 2, 3}, Chip: [4]byte{9, 8, 7, 6}, PageURL: schemas.Some("/leo"),
		Mother: schemas.Some(zoo.Parent{Name: "elsa", Chip: schemas.Some([4]byte{1})}),
		Places: [][]zoo.Parent{nil, {{Name: "den"}, {Name: "rock"}}}, Voids: make([]zoo.Void, 3),
		Marks:   map[string]schemas.Opt[int64]{"scar": schemas.Some[int64](2), "spot": {}},
		Flags:   map[string]struct{}{"wild": {}, "old": {}},
		Tree:    map[string][]map[string]string{"a": {{"x": "y"}, nil}},
		Payload: zoo.AnimalPayloadUnion{Index: 5, Array: []int32{1, -1}},
		Choices: []zoo.AnimalChoicesItemUnion{{Boolean: true}, {Index: 1, Kind: zoo.KindVip}},
	}
}

func TestRoundTrip(t *testing.T) {
	want := animal()
	text := want.AppendAvro(nil)
	require.Equal(t, text, want.AppendAvro(nil), "maps are written in one order")
	var got zoo.Animal
	require.NoError(t, got.DecodeAvro(text))
	require.Equal(t, want, &got)
	kept := got
	clear(text)
	require.Equal(t, want, &got, "values do not alias the message")
	require.NoError(t, got.DecodeAvro(new(zoo.Animal).AppendAvro(nil)))
	require.Equal(t, want, &kept, "nor do they share memory with the next value")
}

func TestKeyRoundTrip(t *testing.T) {
	topic := zoo.AnimalState
	v := animal()
	v.Fed = v.SeenAt.In(time.FixedZone("", 3600)) // more precise than the field, and elsewhere
	k := topic.KeyOf(v)
	text := topic.Keys.Append(nil, k)
	require.Equal(t, `leo\|1|BIG_CAT|2001-02-03|2011-12-09T12:50:00.123456Z|2011-12-09T12:50:00.123Z|true|4|-1099511627776|1.999`, string(text))
	back, err := topic.Keys.Parse(text)
	require.NoError(t, err)
	require.Contains(t, map[zoo.AnimalKey]bool{k: true}, back, "keys are comparable with ==")
	for _, bad := range []string{"", "leo", string(text) + "|", string(text[:len(text)-1]) + "x", `a\b`} {
		_, err := topic.Keys.Parse([]byte(bad))
		require.ErrorIs(t, err, schemas.ErrKey, bad)
	}
}

func TestInfo(t *testing.T) {
	i := zoo.AnimalState.TopicInfo()
	require.Equal(t, []any{schemas.State, schemas.Compact, 12, time.Duration(0), "urn:golden:animals", "zoo", true},
		[]any{i.Kind, i.Cleanup, i.Partitions, i.Retention, i.Product, i.Owner, i.PII})
	i = bench.OrderEvent.TopicInfo()
	require.Equal(t, []any{schemas.Event, schemas.Delete, 3, 90 * time.Minute, "priv.ecomm.bench.order.event.v1-value", false},
		[]any{i.Kind, i.Cleanup, i.Partitions, i.Retention, i.Subject, i.PII})
}

// TestValuesWithoutMeaning: what names no symbol and no branch still has an encoding that readers accept.
func TestValuesWithoutMeaning(t *testing.T) {
	v := zoo.Animal{Kind: 200, Payload: zoo.AnimalPayloadUnion{Index: 99}}
	var got zoo.Animal
	require.NoError(t, got.DecodeAvro(v.AppendAvro(nil)))
	require.Equal(t, zoo.KindUnknown, got.Kind)
	require.Zero(t, got.Payload)
	_, err := v.Kind.MarshalText()
	require.Error(t, err)
}

// amplification is what a decoder may allocate for each byte of a message, at most: the worst that these types hold
// is a map of one entry (a table of eight slots) for three bytes.
const amplification = 160

// allocated is what decoding src allocates, in bytes.
func allocated(tb testing.TB, src []byte, decode func([]byte) error) uint64 {
	tb.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_ = decode(src)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func decodeAnimal(src []byte) error { return new(zoo.Animal).DecodeAvro(src) }

// hostile are messages that claim more than they hold.
func hostile() map[string][]byte {
	text := animal().AppendAvro(nil)
	places := zoo.Animal{Mother: schemas.Some(zoo.Parent{})}
	head := places.AppendAvro(nil)
	head = head[:len(head)-7] // up to places
	huge := binary.AppendVarint(nil, math.MaxInt64)
	low := binary.AppendVarint(nil, math.MinInt64)
	out := map[string][]byte{
		"a string of 2^63": huge, "a string of -1": {1}, "nothing": {}, "a varint without end": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"an array of 2^63": append(slices.Clip(head), huge...), "an array of -2^63": append(slices.Clip(head), low...),
		"many small arrays": append(append(slices.Clip(head), binary.AppendVarint(nil, 5000)...), make([]byte, 5000)...),
	}
	for at := range text { // every length of a real message blown up
		bad := append(append(append([]byte(nil), text[:at]...), huge...), text[at:]...)
		out["2^63 at "+string(rune('0'+at%10))+string(text[:at])] = bad
	}
	var blocks []byte // blocks of the most items that are left, one after the other
	blocks = append(blocks, head...)
	for range 200 {
		blocks = append(binary.AppendVarint(blocks, 1000), make([]byte, 1000)...)
	}
	out["block after block"] = blocks
	voids := append(slices.Clip(head), 0)
	for range 100_000 {
		voids = append(voids, binary.AppendVarint(nil, wire.MaxEmptyItems-1)...)
	}
	out["items that take no bytes"] = voids
	return out
}

// TestHostileLengths: a message gets an error and no more memory than a multiple of its own length.
func TestHostileLengths(t *testing.T) {
	for name, src := range hostile() {
		start := time.Now()
		require.Error(t, decodeAnimal(src), name)
		require.Less(t, time.Since(start), 5*time.Second, name)
		require.LessOrEqual(t, allocated(t, src, decodeAnimal), uint64(4096+amplification*len(src)), name)
	}
}

// TestAllocations pins what the codecs of a plain event cost: one copy for all strings, one slice for the lines.
func TestAllocations(t *testing.T) {
	o := benchOrder()
	text := o.AppendAvro(nil)
	buf := make([]byte, 0, 512)
	var back bench.Order
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = o.AppendAvro(buf[:0]) }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = back.DecodeAvro(text) }), 2.0)
}

// FuzzDecode: any bytes decode to an error or to a value that encodes and decodes to itself, within bounded memory.
func FuzzDecode(f *testing.F) {
	f.Add(animal().AppendAvro(nil))
	f.Add(new(zoo.Animal).AppendAvro(nil))
	for _, src := range hostile() {
		if len(src) < 4096 {
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var v zoo.Animal
		err := v.DecodeAvro(src)
		if got, most := allocated(t, src, decodeAnimal), uint64(64<<10+amplification*len(src)); got > most {
			t.Fatalf("%d bytes made it allocate %d", len(src), got)
		}
		if err != nil {
			return
		}
		text := v.AppendAvro(nil)
		var again zoo.Animal
		if err := again.DecodeAvro(text); err != nil {
			t.Fatal(err)
		}
		// NaN is not equal to itself, so the bytes are compared.
		if !bytes.Equal(again.AppendAvro(nil), text) {
			t.Fatalf("%+v does not encode as %+v", again, v)
		}
	})
}

// FuzzDecodeOrder does the same for the plain event, with other writers' block layouts in the corpus.
func FuzzDecodeOrder(f *testing.F) {
	f.Add(benchOrder().AppendAvro(nil))
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		b := make([]byte, rnd.IntN(200))
		for i := range b {
			b[i] = byte(rnd.IntN(40))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var v, again bench.Order
		if v.DecodeAvro(src) != nil {
			return
		}
		if err := again.DecodeAvro(v.AppendAvro(nil)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestForeignBlocks: arrays and maps in several blocks, with and without their size, as other writers make them.
func TestForeignBlocks(t *testing.T) {
	o := benchOrder()
	want := *o
	o.Items = nil
	text := o.AppendAvro(nil)
	text = text[:len(text)-1]
	line := func(l bench.Line) []byte { return l.AppendAvro(nil) }
	first, rest := line(want.Items[0]), append(line(want.Items[1]), line(want.Items[2])...)
	text = append(append(text, 1), binary.AppendVarint(nil, int64(len(first)))...) // one item, with its size
	text = append(append(text, first...), 4)                                       // two items
	text = append(append(text, rest...), 0)
	var got bench.Order
	require.NoError(t, got.DecodeAvro(text))
	require.True(t, reflect.DeepEqual(want, got))
}
