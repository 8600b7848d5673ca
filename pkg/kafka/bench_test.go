//go:build !windows

package kafka

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	fetchmsg "github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	benchBatches = 4
	benchRecords = 2000 // per batch
)

// benchSet is a record set of benchBatches batches of benchRecords records of about 120 bytes.
func benchSet(tb testing.TB, codec Codec) []byte {
	tb.Helper()
	var out []byte
	value := bytes.Repeat([]byte("0123456789"), 10)
	for i := range benchBatches {
		b := &BatchBuilder{Codec: codec}
		for j := range benchRecords {
			copy(value, strconv.Itoa(j*7919))
			b.Append(int64(1_600_000_000_000+j), strconv.AppendInt(nil, int64(j), 10), value, nil, 0)
		}
		p, err := b.AppendBatch(nil, 0, BatchMeta{PID: 7, Seq: int32(i * benchRecords), Txn: true})
		require.NoError(tb, err)
		binary.BigEndian.PutUint64(p, uint64(i*benchRecords))
		out = append(out, p...)
	}
	return out
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perCPU reports records per second of processor time, garbage collection included.
func perCPU(b *testing.B, records int, run func()) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime()
	run()
	b.ReportMetric(float64(records)/(cpuTime()-start).Seconds()/1e6, "Mrec/cpu-s")
}

func BenchmarkDecode(b *testing.B) {
	for _, codec := range []Codec{CodecNone, CodecLZ4, CodecZstd} {
		set := benchSet(b, codec)
		const n = benchBatches * benchRecords
		b.Run(codec.String()+"/ours", func(b *testing.B) {
			var r Record
			sum := 0
			perCPU(b, n*b.N, func() {
				for range b.N {
					c, _ := chunkPool.Get().(*Chunk)
					c.scan(set, nil, ReadCommitted)
					got := 0
					for c.Next(&r) {
						got++
						sum += len(r.Key) + len(r.Value)
					}
					if got != n || c.Err() != nil {
						b.Fatal(got, c.Err())
					}
					c.Release()
				}
			})
		})
		b.Run(codec.String()+"/kgo", func(b *testing.B) {
			perCPU(b, n*b.N, func() {
				for range b.N {
					rp := &kmsg.FetchResponseTopicPartition{RecordBatches: set, HighWatermark: 1 << 40, LastStableOffset: 1 << 40}
					fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: "x", IsolationLevel: kgo.ReadCommitted()}, rp, kgo.DefaultDecompressor(), nil)
					if len(fp.Records) != n {
						b.Fatal(len(fp.Records), fp.Err)
					}
				}
			})
		})
		b.Run(codec.String()+"/kafka-go", func(b *testing.B) {
			answer := kafkaGoAnswer(b, set)
			perCPU(b, n*b.N, func() {
				for range b.N {
					_, m, err := protocol.ReadResponse(bytes.NewReader(answer), protocol.Fetch, 11)
					if err != nil {
						b.Fatal(err)
					}
					res, _ := m.(*fetchmsg.Response)
					recs := res.Topics[0].Partitions[0].RecordSet.Records
					got := 0
					for {
						rec, err := recs.ReadRecord()
						if err != nil {
							break
						}
						if _, err := io.Copy(io.Discard, rec.Value); err != nil {
							b.Fatal(err)
						}
						got++
					}
					if got != n {
						b.Fatal(got)
					}
				}
			})
		})
	}
}

func kafkaGoAnswer(tb testing.TB, set []byte) []byte {
	tb.Helper()
	e := encoder{b: make([]byte, 4)}
	e.i32(1) // correlation
	appendFetchAnswer(&e, 11, "x", []int32{0}, set)
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
	return e.b
}

func appendFetchAnswer(e *encoder, v int16, topic string, parts []int32, set []byte) {
	e.flex = v >= 12
	e.i32(0)
	e.i16(0)
	e.i32(0)
	e.arr(1)
	e.str(topic)
	e.arr(len(parts))
	for _, p := range parts {
		e.i32(p)
		e.i16(0)
		e.i64(1 << 60)
		e.i64(1 << 60)
		e.i64(0)
		e.arr(0)
		e.i32(-1)
		e.bytes(set)
		e.tags()
	}
	e.tags()
	e.tags()
}

// cannedBroker answers every fetch at once with the same record set, at the offset asked.
type cannedBroker struct {
	l     net.Listener
	set   []byte
	parts int
	wg    sync.WaitGroup
	sent  atomic.Int64
}

func newCannedBroker(tb testing.TB, set []byte, parts int) *cannedBroker {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	cb := &cannedBroker{l: l, set: set, parts: parts}
	var conns sync.Map
	cb.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(nc, nil)
			cb.wg.Go(func() { cb.serve(nc) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		conns.Range(func(k, _ any) bool {
			nc, ok := k.(net.Conn)
			if ok {
				_ = nc.Close()
			}
			return true
		})
		cb.wg.Wait()
	})
	return cb
}

func (cb *cannedBroker) serve(nc net.Conn) {
	set := bytes.Clone(cb.set)
	var e encoder
	var head [4]byte
	for {
		if _, err := io.ReadFull(nc, head[:]); err != nil {
			return
		}
		req := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(nc, req); err != nil {
			return
		}
		d := decoder{b: req}
		key, v, corr := d.i16(), d.i16(), d.i32()
		d.raw()
		e.b, e.flex = append(e.b[:0], 0, 0, 0, 0), false
		e.i32(corr)
		switch key {
		case apiAPIVersions.key:
			e.flex = v >= 3
			e.i16(0)
			e.arr(3)
			for _, a := range [][3]int16{{1, 4, 12}, {3, 0, 12}, {18, 0, 3}} {
				e.i16(a[0])
				e.i16(a[1])
				e.i16(a[2])
				e.tags()
			}
			if v >= 1 {
				e.i32(0)
			}
			e.tags()
		case apiMetadata.key:
			cb.metadata(&e, v)
		case apiFetch.key:
			cb.fetch(&e, &d, set)
		}
		binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-4))
		if _, err := nc.Write(e.b); err != nil {
			return
		}
	}
}

func (cb *cannedBroker) metadata(e *encoder, v int16) {
	if e.flex = v >= 9; e.flex {
		e.tags()
	}
	if v >= 3 {
		e.i32(0)
	}
	host, port, _ := net.SplitHostPort(cb.l.Addr().String())
	n, _ := strconv.Atoi(port)
	e.arr(1)
	e.i32(1)
	e.str(host)
	e.i32(int32(n))
	e.null()
	e.tags()
	if v >= 2 {
		e.str("canned")
	}
	e.i32(1)
	e.arr(1)
	e.i16(0)
	e.str("x")
	if v >= 10 {
		e.uuid([16]byte{1})
	}
	e.bool(false)
	e.arr(cb.parts)
	for p := range cb.parts {
		e.i16(0)
		e.i32(int32(p))
		e.i32(1)
		if v >= 7 {
			e.i32(0)
		}
		for range 2 {
			e.arr(1)
			e.i32(1)
		}
		if v >= 5 {
			e.arr(0)
		}
		e.tags()
	}
	if v >= 8 {
		e.i32(0)
	}
	e.tags()
	if v >= 8 && v <= 10 {
		e.i32(0)
	}
	e.tags()
}

func (cb *cannedBroker) fetch(e *encoder, d *decoder, set []byte) {
	e.flex = true
	e.tags()
	d.flex = true
	d.tags()
	d.take(4 + 4 + 4 + 4 + 1 + 4 + 4)
	e.i32(0)
	e.i16(0)
	e.i32(0)
	topics := d.arr()
	e.arr(topics)
	for range topics {
		d.raw()
		e.str("x")
		n := d.arr()
		e.arr(n)
		for range n {
			p := d.i32()
			d.i32()
			offset := d.i64()
			d.i32()
			d.i64()
			d.i32()
			d.tags()
			for rest, i := set, 0; len(rest) > 0; i++ { // the checksum does not cover the offset
				binary.BigEndian.PutUint64(rest, uint64(offset)+uint64(i*benchRecords))
				rest = rest[12+binary.BigEndian.Uint32(rest[8:]):]
			}
			e.i32(p)
			e.i16(0)
			e.i64(1 << 60)
			e.i64(1 << 60)
			e.i64(0)
			e.arr(0)
			e.i32(-1)
			e.bytes(set)
			e.tags()
			cb.sent.Add(benchBatches * benchRecords)
		}
		d.tags()
		e.tags()
	}
	e.tags()
}

// BenchmarkFetchLoopback reads from a canned broker in the same process, whose work counts too.
func BenchmarkFetchLoopback(b *testing.B) {
	for _, codec := range []Codec{CodecNone, CodecLZ4} {
		for _, parts := range []int{1, 4} {
			b.Run(codec.String()+"/"+strconv.Itoa(parts), func(b *testing.B) {
				cb := newCannedBroker(b, benchSet(b, codec), parts)
				c, err := NewClient(Config{Brokers: []string{cb.l.Addr().String()}})
				require.NoError(b, err)
				defer c.Close()
				f := c.NewFetcher(FetchConfig{})
				defer f.Close()
				for _, tp := range tps("x", parts) {
					f.Add(tp, 0)
				}
				const per = benchBatches * benchRecords
				var r Record
				sum := 0
				perCPU(b, b.N*per, func() {
					for n := 0; n < b.N*per; {
						chunks, err := f.Poll(b.Context())
						if err != nil {
							b.Fatal(err)
						}
						for _, ch := range chunks {
							for ch.Next(&r) {
								n++
								sum += len(r.Key) + len(r.Value)
							}
							if ch.Err() != nil {
								b.Fatal(ch.Err())
							}
							ch.Release()
						}
					}
				})
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	key, value := []byte("key-12345"), bytes.Repeat([]byte("0123456789"), 10)
	for _, codec := range []Codec{CodecNone, CodecSnappy, CodecLZ4, CodecZstd} {
		b.Run(codec.String(), func(b *testing.B) {
			bb := &BatchBuilder{Codec: codec}
			var out []byte
			perCPU(b, b.N*benchRecords, func() {
				for range b.N {
					bb.Reset()
					for j := range benchRecords {
						bb.Finish(append(bb.Begin(int64(j), key), value...), nil, 0)
					}
					out, _ = bb.AppendBatch(out[:0], 0, BatchMeta{})
				}
			})
		})
	}
}
