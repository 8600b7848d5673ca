package kafka

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"meshwork.dev/pkg/broker"
)

var allCodecs = []Codec{CodecNone, CodecGzip, CodecSnappy, CodecLZ4, CodecZstd}

// produceRaw sends finished batches of one partition.
func produceRaw(tb testing.TB, c *Client, tp TopicPartition, batches ...[]byte) {
	tb.Helper()
	for _, b := range batches {
		leader, err := c.leader(tb.Context(), tp)
		require.NoError(tb, err)
		require.NoError(tb, c.do(tb.Context(), &request{
			api: apiProduce, min: 9, max: 9, to: toBroker(leader),
			write: func(e *encoder, _ int16) {
				e.null()
				e.i16(-1)
				e.i32(10_000)
				e.arr(1)
				e.str(tp.Topic)
				e.arr(1)
				e.i32(tp.Partition)
				e.bytes(b)
				e.tags()
				e.tags()
				e.tags()
			},
			read: func(d *decoder, _ int16) error {
				d.arr()
				d.raw()
				d.arr()
				d.i32()
				return codeErr(apiProduce, d.i16())
			},
		}))
	}
}

type wantRecord struct {
	ts         int64
	key, value []byte
	headers    []Header
}

func (w wantRecord) encoded() (b []byte, n int) {
	for _, h := range w.headers {
		b = AppendHeader(b, h.Key, h.Value)
	}
	return b, len(w.headers)
}

// fill appends records, one half whole and the other half in place.
func fill(b *BatchBuilder, recs []wantRecord) {
	for i, r := range recs {
		h, n := r.encoded()
		if i%2 == 0 || r.value == nil {
			b.Append(r.ts, r.key, r.value, h, n)
			continue
		}
		b.Begin(r.ts+1, []byte("dropped"))
		buf := b.Begin(r.ts, r.key)
		b.Finish(append(buf, r.value...), h, n)
	}
}

func encodeAll(t require.TestingT, b *BatchBuilder) (batches [][]byte) {
	seq := int32(0)
	for i := range b.Batches() {
		p, err := b.AppendBatch(nil, i, BatchMeta{PID: -1, Epoch: -1, Seq: -1})
		require.NoError(t, err)
		batches = append(batches, p)
		seq += int32(b.BatchLen(i))
	}
	require.Equal(t, b.Len(), int(seq))
	return batches
}

func decodeAll(t require.TestingT, raw []byte) (recs []wantRecord) {
	c, _ := chunkPool.Get().(*Chunk)
	c.scan(raw, nil, ReadCommitted)
	defer c.Release()
	var r Record
	for c.Next(&r) {
		w := wantRecord{ts: r.Timestamp, key: bytes.Clone(r.Key), value: bytes.Clone(r.Value)}
		for k, v := range r.Headers() {
			w.headers = append(w.headers, Header{string(k), bytes.Clone(v)})
		}
		require.Len(t, w.headers, r.HeaderCount())
		recs = append(recs, w)
	}
	require.NoError(t, c.Err())
	return recs
}

func TestBatchRoundTrip(t *testing.T) {
	bytesGen := rapid.Custom(func(t *rapid.T) []byte {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return []byte{}
		case 2:
			return bytes.Repeat([]byte("x"), rapid.SampledFrom([]int{63, 64, 65, 8190, 8191, 8192, 8193, 20000}).Draw(t, "edge"))
		default:
			return rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "bytes")
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		var recs []wantRecord
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			r := wantRecord{ts: rapid.Int64Range(0, 1<<42).Draw(t, "ts"), key: bytesGen.Draw(t, "key"), value: bytesGen.Draw(t, "value")}
			for range rapid.IntRange(0, 2).Draw(t, "headers") {
				r.headers = append(r.headers, Header{rapid.StringN(0, 5, 10).Draw(t, "hk"), bytesGen.Draw(t, "hv")})
			}
			recs = append(recs, r)
		}
		b := &BatchBuilder{Codec: rapid.SampledFrom(allCodecs).Draw(t, "codec"), MaxBytes: rapid.SampledFrom([]int{0, 100, 5000}).Draw(t, "max")}
		for range 2 { // the second time with a used buffer
			b.Reset()
			fill(b, recs)
			require.Equal(t, len(recs), b.Len())
			var got []wantRecord
			for _, batch := range encodeAll(t, b) {
				got = append(got, decodeAll(t, batch)...)
			}
			require.Len(t, got, len(recs))
			for i := range recs {
				require.Equal(t, recs[i], got[i])
			}
		}
	})
}

func TestBatchSplit(t *testing.T) {
	b := &BatchBuilder{MaxBytes: 1000}
	var recs []wantRecord
	for i := range 100 {
		recs = append(recs, wantRecord{ts: int64(1000 + i), key: fmt.Appendf(nil, "k%d", i), value: bytes.Repeat([]byte{'v'}, 50+i%3*400)})
	}
	fill(b, recs)
	require.Greater(t, b.Batches(), 20)
	for i, batch := range encodeAll(t, b) {
		require.LessOrEqual(t, len(batch), 1000+batchHeaderLen)
		require.Equal(t, uint32(b.BatchLen(i)), binary.BigEndian.Uint32(batch[57:]))
	}
}

// A transaction of many batches takes the room of what is sent, not of what it says.
func TestSealedBatchesAreCompressed(t *testing.T) {
	for _, codec := range []Codec{CodecNone, CodecSnappy} {
		b := &BatchBuilder{Codec: codec, MaxBytes: 100_000}
		value := bytes.Repeat([]byte("the same again "), 20)
		for i := range 10_000 {
			b.Append(int64(i), []byte("key"), value, nil, 0)
		}
		require.Greater(t, b.Bytes(), 3_000_000, "uncompressed")
		require.Equal(t, 10_000, b.Len())
		if codec == CodecSnappy {
			require.Less(t, b.Cap(), 1_000_000)
		}
		n := 0
		for _, batch := range encodeAll(t, b) {
			n += int(binary.BigEndian.Uint32(batch[57:]))
		}
		require.Equal(t, 10_000, n)
		b.Reset()
		require.Zero(t, b.Bytes())
		require.Zero(t, b.Batches())
	}
}

// A codec that there is not is an error of every batch, not of those alone that are sealed with it.
func TestSealingFails(t *testing.T) {
	b := &BatchBuilder{Codec: 7, MaxBytes: 10}
	b.Append(1, []byte("key"), []byte("value"), nil, 0)
	b.Append(2, []byte("key"), []byte("value"), nil, 0)
	for i := range b.Batches() {
		_, err := b.AppendBatch(nil, i, BatchMeta{})
		require.ErrorIs(t, err, ErrUnsupported)
	}
}

// A client of another make reads what we write, in every codec.
func TestBatchReadByOthers(t *testing.T) {
	b := broker.New(t, broker.WithTopics(1, "x"))
	c := testClient(t, b.Addrs())
	var want []string
	tp := TopicPartition{"x", 0}
	for _, codec := range allCodecs {
		bb := &BatchBuilder{Codec: codec, MaxBytes: 100_000}
		for i := range 2000 {
			v := fmt.Sprintf("%v-%d-%s", codec, i, strings.Repeat("ab", i%100))
			want = append(want, v)
			h := AppendHeader(AppendHeader(nil, "a", []byte("1")), "b", nil)
			buf := bb.Begin(int64(1_600_000_000_000+i), []byte("key"))
			bb.Finish(append(buf, v...), h, 2)
		}
		require.Greater(t, bb.Batches(), 1)
		produceRaw(t, c, tp, encodeAll(t, bb)...)
	}
	cl := foreign(t, b.Addrs(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"x": {0: kgo.NewOffset().AtStart()}}))
	var got []string
	for len(got) < len(want) {
		fs := cl.PollFetches(t.Context())
		require.NoError(t, fs.Err())
		fs.EachRecord(func(r *kgo.Record) {
			got = append(got, string(r.Value))
			require.Equal(t, []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}, r.Headers)
			require.Equal(t, "key", string(r.Key))
		})
	}
	require.Equal(t, want, got)

	f := fetcher(t, c, FetchConfig{})
	f.Add(tp, 0)
	require.Equal(t, want, values(readToEnd(t, f, tp)[tp]))
}

func TestAppendDoesNotAllocate(t *testing.T) {
	b := &BatchBuilder{}
	key, value, headers := []byte("key"), bytes.Repeat([]byte("v"), 100), AppendHeader(nil, "h", []byte("x"))
	run := func() {
		b.Reset()
		for i := range 1000 {
			b.Append(int64(i), key, value, headers, 1)
			b.Finish(append(b.Begin(int64(i), key), value...), headers, 1)
		}
	}
	run()
	require.Zero(t, testing.AllocsPerRun(10, run))
}

func TestPartitionAgreesWithJava(t *testing.T) {
	// Values of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		require.Equal(t, want, int32(murmur2([]byte(text))), text)
	}
	p := kgo.StickyKeyPartitioner(nil).ForTopic("x")
	for i := range 1000 {
		key := fmt.Appendf(nil, "key-%d", i)
		require.Equal(t, p.Partition(&kgo.Record{Key: key}, 12), int(Partition(key, 12)))
	}
}

func TestDamagedBatches(t *testing.T) {
	b := &BatchBuilder{}
	fill(b, []wantRecord{{ts: 1, value: []byte("one")}, {ts: 2, value: []byte("two")}})
	good := encodeAll(t, b)[0]
	scan := func(raw []byte) *Chunk {
		c := &Chunk{TopicPartition: TopicPartition{"x", 0}}
		c.scan(raw, nil, ReadCommitted)
		var r Record
		for c.Next(&r) {
		}
		return c
	}
	require.NoError(t, scan(good).Err())
	for i := 21; i < len(good); i++ {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		require.ErrorIs(t, scan(bad).Err(), ErrCorrupt, "byte %d", i)
	}
	for i := range good {
		c := scan(good[:i])
		require.NoError(t, c.Err())
		require.Zero(t, c.NextOffset())
	}
	bad := bytes.Clone(good)
	bad[16] = 1
	require.ErrorIs(t, scan(bad).Err(), ErrUnsupported)
}

// bomb makes a batch of few bytes that claims or unpacks to many.
func bomb(codec Codec, payload []byte) []byte {
	b := make([]byte, batchHeaderLen, batchHeaderLen+len(payload))
	b = append(b, payload...)
	be := binary.BigEndian
	be.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = batchMagic
	be.PutUint16(b[21:], uint16(codec))
	be.PutUint32(b[57:], 1<<30)
	be.PutUint32(b[23:], 1<<30)
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func TestBombsAreBounded(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 2*limit)
	for _, codec := range []Codec{CodecGzip, CodecSnappy, CodecLZ4, CodecZstd} {
		packed, err := compress(nil, zeros, codec)
		require.NoError(t, err)
		_, err = inflate(packed, codec, 0, limit)
		require.ErrorIs(t, err, ErrCorrupt, codec)
	}
	for name, p := range map[string]struct {
		codec   Codec
		payload []byte
	}{
		"snappy claims 4 GiB": {CodecSnappy, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3}},
		"zstd claims 128 MiB": {CodecZstd, []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 8, 1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				c := &Chunk{}
				c.scan(bomb(p.codec, p.payload), nil, ReadCommitted)
				var r Record
				for c.Next(&r) {
				}
				require.Error(t, c.Err())
			}
			runtime.ReadMemStats(&after)
			used := int64(after.TotalAlloc-before.TotalAlloc) / runs
			require.Less(t, used, int64(2<<20))
		})
	}
}

func FuzzScan(f *testing.F) {
	for _, codec := range allCodecs {
		b := &BatchBuilder{Codec: codec}
		fill(b, []wantRecord{{ts: 5, key: []byte("k"), value: []byte("v"), headers: []Header{{"h", nil}}}, {ts: 6, value: bytes.Repeat([]byte("ab"), 200)}})
		f.Add(encodeAll(f, b)[0], int64(0), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, from int64, fix bool) {
		if fix && len(raw) >= batchHeaderLen { // let the fuzzer past the checksum
			binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
			raw[16] = batchMagic
			binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], castagnoli))
		}
		c := &Chunk{from: from}
		c.scan(raw, []abortedTxn{{1, 2}, {3, 0}}, ReadCommitted)
		var r Record
		n := 0
		for c.Next(&r) {
			n += len(r.Key) + len(r.Value)
			for k, v := range r.Headers() {
				n += len(k) + len(v)
			}
		}
		if c.Err() == nil {
			require.GreaterOrEqual(t, c.NextOffset(), from)
		}
		for _, b := range c.inflated {
			b.release()
		}
	})
}

func TestFlexibleVersionsAgree(t *testing.T) {
	for _, a := range []api{
		apiProduce, apiFetch, apiListOffsets, apiMetadata, apiOffsetCommit, apiOffsetFetch, apiFindCoordinator, apiJoinGroup,
		apiHeartbeat, apiLeaveGroup, apiSyncGroup, apiDescribeGroups, apiListGroups, apiAPIVersions, apiCreateTopics, apiDeleteTopics,
		apiDeleteRecords, apiInitProducerID, apiAddPartitionsToTxn, apiAddOffsetsToTxn, apiEndTxn, apiTxnOffsetCommit,
		apiDescribeConfigs, apiDeleteGroups, apiIncrementalAlterConfigs, apiOffsetDelete, apiDescribeCluster,
		apiConsumerGroupHeartbeat, apiConsumerGroupDescribe,
	} {
		r := kmsg.RequestForKey(a.key)
		require.Equal(t, kmsg.NameForKey(a.key), strings.ReplaceAll(a.name, "Id", "ID"))
		for v := range r.MaxVersion() + 1 {
			r.SetVersion(v)
			require.Equal(t, r.IsFlexible(), a.flexible(v), "%s v%d", a.name, v)
		}
	}
}

// Every answer cut short is an error, none a panic.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1}, int16(9))
	f.Fuzz(func(_ *testing.T, p []byte, v int16) {
		v = 4 + (v%9+9)%9
		for _, flex := range []bool{false, true} {
			a := metadataAnswer{topics: map[string]TopicMeta{}, errs: map[string]error{}}
			a.read(&decoder{b: p, flex: flex}, v)
			_ = (&fetchCall{items: make([]fetchItem, 2)}).read(&decoder{b: p, flex: flex}, v)
			(&brokerVersions{features: map[string]int{}}).readFeatures(&decoder{b: p, flex: flex})
			readConsumerMember(&decoder{b: p, flex: flex}, v)
			readConfigs(&decoder{b: p, flex: flex}, v)
			readClassicAssignment(p)
		}
	})
}

func crcOf(batch []byte) uint32 { return crc32.Checksum(batch[21:], castagnoli) }
