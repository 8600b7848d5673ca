package avro_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/schemas"
)

// point is a record {x long, y long default 5} with a codec as the generator writes them.
type point struct{ X, Y int64 }

const (
	pointSchema = `{"type":"record","name":"Point","fields":[{"name":"x","type":"long"},{"name":"y","type":"long","default":5}]}`
	pointOnlyX  = `{"type":"record","name":"Point","fields":[{"name":"x","type":"int"}]}`
	pointNamed  = `{"type":"record","name":"Point","doc":"Same bytes.","fields":[{"name":"x","type":"long"},{"name":"y","type":"long"}]}`
)

func pointCodec() schemas.Codec[point] {
	return schemas.Codec[point]{
		Append: func(dst []byte, p *point) []byte { return binary.AppendVarint(binary.AppendVarint(dst, p.X), p.Y) },
		Decode: func(p *point, src []byte) error {
			x, n := binary.Varint(src)
			if n <= 0 {
				return errors.New("short")
			}
			y, m := binary.Varint(src[n:])
			if m <= 0 || n+m != len(src) {
				return errors.New("short")
			}
			p.X, p.Y = x, y
			return nil
		},
	}
}

// source is a registry in memory that counts what it is asked.
type source struct {
	mu    sync.Mutex
	ids   map[int]string
	guids map[[16]byte]string
	err   error
	asked int
}

func (s *source) SchemaByID(_ context.Context, id int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(s.ids[id])
}

func (s *source) SchemaByGUID(_ context.Context, guid [16]byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(s.guids[guid])
}

func (s *source) answer(text string) (string, error) {
	s.asked++
	if s.err != nil {
		return "", s.err
	}
	if text == "" {
		return "", fmt.Errorf("no: %w", avro.ErrUnknownSchema)
	}
	return text, nil
}

func framed(id int32, payload ...byte) []byte { return append(avro.AppendHeader(nil, id), payload...) }

func TestDecoder(t *testing.T) {
	guid := avro.GUID{1, 2, 3}
	src := &source{
		ids:   map[int]string{2: pointNamed, 3: pointOnlyX, 4: `"string"`},
		guids: map[[16]byte]string{guid: pointOnlyX},
	}
	d, err := avro.NewDecoder(pointCodec(), pointSchema, src)
	require.NoError(t, err)
	d.Announce(1)
	var p point
	for range 3 {
		require.NoError(t, d.Decode(&p, framed(1, 2, 4)))
		require.Equal(t, point{1, 2}, p)
		require.NoError(t, d.Decode(&p, framed(2, 6, 8)))
		require.Equal(t, point{3, 4}, p)
		require.NoError(t, d.Decode(&p, framed(3, 6)))
		require.Equal(t, point{3, 5}, p)
		require.ErrorIs(t, d.Decode(&p, framed(4, 2, 'x')), avro.ErrIncompatible)
		require.ErrorIs(t, d.Decode(&p, framed(1, 2)), avro.ErrMalformed)
		require.ErrorIs(t, d.Decode(&p, framed(3)), avro.ErrMalformed)
		err := d.Decode(&p, framed(9, 2))
		require.ErrorIs(t, err, avro.ErrUnknownSchema)
		require.ErrorContains(t, err, "schema id 9")
		require.False(t, avro.IsRetriable(err))
		require.ErrorIs(t, d.Decode(&p, nil), avro.ErrMalformed)
		require.NoError(t, d.DecodeRecord(t.Context(), &p, []byte{6}, headers{avro.ValueHeader: guid[:]}))
		require.Equal(t, point{3, 5}, p)
	}
	require.Equal(t, 5, src.asked, "each schema is asked for once, and one that does not exist is not asked for at once again")
}

func TestDecoderWithoutRegistry(t *testing.T) {
	src := &source{ids: map[int]string{7: pointSchema}, err: errors.New("connection refused")}
	d, err := avro.NewDecoder(pointCodec(), pointSchema, src)
	require.NoError(t, err)
	var p point
	err = d.Decode(&p, framed(7, 2, 4))
	require.ErrorIs(t, err, avro.ErrUnavailable)
	require.NotErrorIs(t, err, avro.ErrUnknownSchema)
	require.True(t, avro.IsRetriable(err))
	src.err = nil
	require.NoError(t, d.Decode(&p, framed(7, 2, 4)), "the registry is back")

	d, err = avro.NewDecoder(pointCodec(), pointSchema, nil)
	require.NoError(t, err)
	require.ErrorIs(t, d.Decode(&p, framed(7, 2, 4)), avro.ErrUnknownSchema)
	_, err = avro.NewDecoder(pointCodec(), `{`, nil)
	require.ErrorIs(t, err, avro.ErrSchema)
}

func TestDecoderManyIDsAtOnce(t *testing.T) {
	src := &source{ids: make(map[int]string)}
	for id := 1; id <= 50; id++ {
		src.ids[id] = []string{pointSchema, pointOnlyX, pointNamed}[id%3]
	}
	d, err := avro.NewDecoder(pointCodec(), pointSchema, src)
	require.NoError(t, err)
	var wg sync.WaitGroup
	var failed atomic.Int32
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				id := int32(1 + (i*7+g)%50)
				value := framed(id, 2)
				if id%3 != 1 {
					value = append(value, 10)
				}
				var p point
				if d.Decode(&p, value) != nil || p != (point{1, 5}) {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, failed.Load())
	require.Equal(t, 50, src.asked)
}

func TestDecodingAllocatesNothing(t *testing.T) {
	d, err := avro.NewDecoder(pointCodec(), pointSchema, &source{ids: map[int]string{1: pointSchema, 2: pointOnlyX}})
	require.NoError(t, err)
	var p point
	for _, value := range [][]byte{framed(1, 2, 4), framed(2, 6)} {
		require.NoError(t, d.Decode(&p, value))
		allocs := testing.AllocsPerRun(200, func() {
			if err := d.Decode(&p, value); err != nil {
				t.Fatal(err)
			}
		})
		require.Less(t, allocs, 1.0)
	}
}

func BenchmarkDecoder(b *testing.B) {
	d, err := avro.NewDecoder(pointCodec(), pointSchema, &source{ids: map[int]string{1: pointSchema, 2: pointOnlyX}})
	require.NoError(b, err)
	for _, c := range []struct {
		name  string
		value []byte
	}{{"same", framed(1, 2, 4)}, {"resolved", framed(2, 6)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var p point
			for b.Loop() {
				if err := d.Decode(&p, c.value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
