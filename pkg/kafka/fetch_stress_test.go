package kafka

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"meshwork.dev/pkg/broker"
)

// flakyConn breaks after a while.
type flakyConn struct {
	net.Conn
	left atomic.Int64
}

// Read fails once the connection's time has come.
func (c *flakyConn) Read(p []byte) (int, error) {
	if c.left.Add(-1) < 0 {
		_ = c.Close()
	}
	return c.Conn.Read(p)
}

// While partitions are added at other offsets, removed and paused, leaders move and connections break, what is
// delivered of a partition continues exactly where the last chunk ended or where it was added.
func TestFetchUnderStress(t *testing.T) {
	t.Parallel()
	const parts, records = 6, 3000
	b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(parts/2, "x", "y"))
	cl := foreign(t, b.Addrs(), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	all := append(tps("x", parts/2), tps("y", parts/2)...)
	for _, tp := range all {
		for i := 0; i < records; i += 50 {
			var v []string
			for j := range 50 {
				v = append(v, strconv.Itoa(i+j))
			}
			produce(t, cl, tp.Topic, tp.Partition, v...)
		}
	}
	c := testClient(t, b.Addrs(), func(cfg *Config) {
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			f := &flakyConn{Conn: nc}
			f.left.Store(20 + rand.Int64N(300))
			return f, nil
		}
	})
	f := fetcher(t, c, FetchConfig{MaxPartitionBytes: 2000, MaxBufferedBytes: 20_000, MaxWait: 20 * time.Millisecond})
	want := map[TopicPartition]int64{}
	rnd := rand.New(rand.NewPCG(1, 2))
	add := func(tp TopicPartition) {
		want[tp] = rnd.Int64N(records)
		f.Add(tp, want[tp])
	}
	for _, tp := range all {
		add(tp)
	}
	delivered, jumps := 0, 0
	paused := map[TopicPartition]bool{}
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); {
		tp := all[rnd.IntN(len(all))]
		switch rnd.IntN(40) {
		case 0:
			require.NoError(t, b.Kfake().MoveTopicPartition(tp.Topic, tp.Partition, rnd.Int32N(3)))
		case 1:
			f.Remove(tp)
			delete(want, tp)
			delete(paused, tp)
		case 2, 3:
			add(tp)
			jumps++
		case 4:
			if _, ok := want[tp]; ok {
				f.Pause(tp)
				paused[tp] = true
			}
		case 5:
			f.Resume(tp)
			delete(paused, tp)
		}
		if len(want)-len(paused) == 0 {
			add(tp)
			f.Resume(tp)
			delete(paused, tp)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		chunks, err := f.Poll(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			continue
		}
		for _, ch := range chunks {
			next, ok := want[ch.TopicPartition]
			require.True(t, ok, "%v was removed", ch.TopicPartition)
			require.False(t, paused[ch.TopicPartition], "%v is paused", ch.TopicPartition)
			var r Record
			for ch.Next(&r) {
				require.Equal(t, next, r.Offset)
				require.Equal(t, strconv.FormatInt(r.Offset, 10), string(r.Value))
				next++
				delivered++
			}
			require.NoError(t, ch.Err())
			require.Equal(t, next, ch.NextOffset())
			want[ch.TopicPartition] = next
			tp, end := ch.TopicPartition, ch.AtEnd()
			ch.Release() // it is somebody else's from here on
			if end {
				add(tp)
			}
		}
	}
	t.Log(delivered, "records,", jumps, "jumps")
	require.Greater(t, delivered, 1000)
}

// A record arrives at once, whatever partition it comes on, although all others wait for theirs.
func TestFetchLatency(t *testing.T) {
	b := broker.New(t, broker.WithTopics(6, "x", "y"))
	cl := foreign(t, b.Addrs(), kgo.ProducerLinger(0))
	all := append(tps("x", 6), tps("y", 6)...)
	f := fetcher(t, testClient(t, b.Addrs()), FetchConfig{MaxWait: time.Minute})
	for i, tp := range all {
		f.Add(tp, 0)
		if i%4 == 0 {
			readToEnd(t, f, tp)
		}
	}
	var took []time.Duration
	for i := range 60 {
		tp := all[i*7%len(all)]
		if i%10 == 5 {
			f.Add(all[(i*5+1)%len(all)], 0) // one more request beside the waiting ones
		}
		start := time.Now()
		produce(t, cl, tp.Topic, tp.Partition, "v")
		for found := false; !found; {
			chunks, err := f.Poll(t.Context())
			require.NoError(t, err)
			for _, c := range chunks {
				var r Record
				for c.Next(&r) {
					found = found || c.TopicPartition == tp
				}
				c.Release()
			}
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Log("median", took[len(took)/2], "longest", took[len(took)-1])
	require.Less(t, took[len(took)-1], 20*time.Second)
}

// What is fetched ahead stays within the budget while nobody polls.
func TestFetchBufferIsBounded(t *testing.T) {
	set := benchSet(t, CodecNone)
	cb := newCannedBroker(t, set, 16)
	f := fetcher(t, testClient(t, []string{cb.l.Addr().String()}), FetchConfig{MaxPartitionBytes: 1 << 20, MaxBufferedBytes: 8 << 20})
	for _, tp := range tps("x", 16) {
		f.Add(tp, 0)
	}
	held := 0
	quiet := func() bool { // nothing under way, and nothing asked for in a while
		before := cb.sent.Load()
		<-time.After(150 * time.Millisecond)
		f.mu.Lock()
		defer f.mu.Unlock()
		held = f.buffered
		return held > 0 && f.reserved == 0 && cb.sent.Load() == before
	}
	for !quiet() {
		require.NoError(t, t.Context().Err())
	}
	// The canned broker ignores limits and sends a whole set each time: one per partition at most.
	require.LessOrEqual(t, held, 2*16*len(set))
	require.Positive(t, held)
}

// Compaction may leave nothing between a position and the first open transaction.
func TestFetchPassesGap(t *testing.T) {
	t.Parallel()
	f := fetcher(t, testClient(t, []string{"127.0.0.1:1"}), FetchConfig{})
	p := &fetchPart{tp: TopicPartition{"x", 0}, pos: 5, max: 1 << 20, told: -1}
	it := &fetchItem{part: p, tp: p.tp, offset: 5, answered: true, stable: 10, high: 20, max: 1 << 20}
	f.mu.Lock()
	f.file(it, nil)
	require.Empty(t, f.ready)
	for range 10 {
		it.max = int32(p.max)
		f.file(it, nil)
	}
	f.mu.Unlock()
	chunks, err := f.Poll(t.Context())
	require.NoError(t, err)
	require.Len(t, chunks, 1)
	require.Equal(t, int64(10), chunks[0].NextOffset())
	require.True(t, chunks[0].AtEnd())
	chunks[0].Release()
}

// Aborted transactions in an order of first offsets that is not sorted, as some brokers send them.
func TestScanSortsAborted(t *testing.T) {
	batch := func(base, pid int64, attr uint16, value string) []byte {
		b := &BatchBuilder{}
		if attr&attrControl != 0 {
			b.Append(1, []byte{0, 0, 0, value[0] - '0'}, []byte{0, 0, 0, 0, 0, 0}, nil, 0)
		} else {
			b.Append(1, nil, []byte(value), nil, 0)
		}
		p, err := b.AppendBatch(nil, 0, BatchMeta{PID: pid, Txn: true})
		require.NoError(t, err)
		binary.BigEndian.PutUint64(p, uint64(base))
		binary.BigEndian.PutUint16(p[21:], attr|attrTxn)
		binary.BigEndian.PutUint32(p[17:], crcOf(p))
		return p
	}
	const abort, commit = "0", "1"
	raw := slices.Concat(
		batch(0, 1, 0, "one aborted"), batch(1, 2, 0, "two aborted"), batch(2, 3, 0, "three"),
		batch(3, 2, attrControl, abort), batch(4, 2, 0, "two after its abort"), batch(5, 3, attrControl, commit),
		batch(6, 1, 0, "one aborted too"), batch(7, 1, attrControl, abort), batch(8, 2, attrControl, commit), batch(9, 1, 0, "one"),
		batch(10, 1, attrControl, commit),
	)
	for _, aborted := range [][]abortedTxn{{{1, 0}, {2, 1}}, {{2, 1}, {1, 0}}} {
		c := &Chunk{}
		c.scan(raw, aborted, ReadCommitted)
		var got []string
		var r Record
		for c.Next(&r) {
			got = append(got, string(r.Value))
		}
		require.Equal(t, []string{"three", "two after its abort", "one"}, got)
		require.Equal(t, int64(11), c.NextOffset())
	}
}
