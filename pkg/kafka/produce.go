package kafka

import (
	"context"
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// produceItem is one batch of one partition on its way to the partition's leader, and what came of it.
type produceItem struct {
	tp    TopicPartition
	b     *BatchBuilder
	batch int // which batch of b
	meta  BatchMeta

	answered bool
	code     int16
	msg      string
	base     int64 // offset of the first record, -1 when the broker does not know it any more
	logStart int64
}

func (it *produceItem) err() error {
	if it.code == 0 {
		return nil
	}
	return &Error{API: apiProduce.name, Code: it.code, Topic: it.tp.Topic, Partition: it.tp.Partition, Msg: it.msg}
}

// stored says whether the broker has the batch: it appended it now, or had done so before.
func (it *produceItem) stored() bool {
	return it.answered && (it.code == 0 || it.code == codeDuplicateSequence)
}

// retriable says whether the same bytes with the same sequence number may be sent again.
func (it *produceItem) retriable() bool {
	if !it.answered {
		return true
	}
	switch it.code {
	case codeCoordinatorLoading, codeCoordinatorUnavailable, codeNotCoordinator, codeConcurrentTransactions:
		return true // the leader asks the transaction coordinator before it appends
	case codeOutOfOrderSequence, codeInvalidProducerEpoch, codeInvalidTxnState, codeTxnAbortable, codeUnknownProducerID:
		return false
	}
	return codes[it.code].retry
}

// maybeStored says whether a failed item may be in the log nevertheless.
func (it *produceItem) maybeStored() bool {
	if !it.answered {
		return true
	}
	switch it.code {
	case 7, 20, -1: // REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND, UNKNOWN_SERVER_ERROR
		return true
	}
	return false
}

// codeNetworkException stands in for a partition that an answer leaves out.
const codeNetworkException = 13

// maxProduceTV1 is the last version of Produce that does not add partitions to transactions by itself.
const (
	maxProduceTV1 = 11
	produceTV2    = 12
)

// produce sends items, at most one per partition and ordered by topic, to one broker with acks=all. The answers are
// in the items; the error is that of the request as a whole.
func (c *Client) produce(ctx context.Context, broker int32, txnID string, lo, hi int16, items []*produceItem) error {
	size := 256
	for _, it := range items {
		it.answered, it.code, it.msg, it.base, it.logStart = false, 0, "", -1, -1
		size += it.b.batchBytes(it.batch) + batchHeaderLen + len(it.tp.Topic) + 64
	}
	var encodeErr error
	req := &request{
		api: apiProduce, min: lo, max: hi, to: toBroker(broker), size: size,
		write: func(e *encoder, _ int16) {
			e.nullable(txnID)
			e.i16(-1) // acks: all replicas in sync
			e.i32(int32(min(c.cfg.RequestTimeout/time.Millisecond, math.MaxInt32)))
			e.arr(countTopics(items))
			for i := 0; i < len(items); {
				n := i
				for n < len(items) && items[n].tp.Topic == items[i].tp.Topic {
					n++
				}
				e.str(items[i].tp.Topic)
				e.arr(n - i)
				for ; i < n; i++ {
					e.i32(items[i].tp.Partition)
					if err := e.batch(items[i]); err != nil {
						encodeErr = err
					}
					e.tags()
				}
				e.tags()
			}
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			readProduce(d, v, items)
			return nil
		},
	}
	if err := c.do(ctx, req); err != nil {
		return err
	}
	return encodeErr
}

func countTopics(items []*produceItem) int {
	n := 0
	for i, it := range items {
		if i == 0 || it.tp.Topic != items[i-1].tp.Topic {
			n++
		}
	}
	return n
}

// batch appends the item's batch as a byte string, encoded in place.
func (e *encoder) batch(it *produceItem) error {
	at, width := len(e.b), 4
	if e.flex {
		width = uvarintLen(uint64(it.b.batchBytes(it.batch)+batchHeaderLen) + 1)
	}
	var zero [10]byte
	b, err := it.b.AppendBatch(append(e.b, zero[:width]...), it.batch, it.meta)
	if err != nil { // not possible with a codec that was checked; an empty byte string is refused by the broker
		e.bytesLen(0)
		return err
	}
	n := len(b) - at - width
	if !e.flex {
		binary.BigEndian.PutUint32(b[at:], uint32(n))
	} else {
		if w := uvarintLen(uint64(n) + 1); w != width { // compression changed the magnitude
			b = shift(b, at+width, w-width)
		}
		binary.PutUvarint(b[at:], uint64(n)+1)
	}
	e.b = b
	return nil
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// batchBytes is the size of the records of batch i, uncompressed.
func (b *BatchBuilder) batchBytes(i int) int {
	s := b.batch(i)
	if i >= len(b.sealed) {
		s.end = len(b.rec)
	}
	return s.end - s.start
}

func readProduce(d *decoder, v int16, items []*produceItem) {
	next := 0 // brokers answer in the order of the request, mostly
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topic := d.raw()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			p, code, base := d.i32(), d.i16(), d.i64()
			d.i64() // log append time
			logStart := int64(-1)
			if v >= 5 {
				logStart = d.i64()
			}
			var msg string
			if v >= 8 {
				for r := d.arr(); r > 0 && d.err == nil; r-- {
					d.i32()
					if m := d.raw(); len(m) > 0 && msg == "" {
						msg = string(m)
					}
					d.tags()
				}
				if m := d.raw(); len(m) > 0 {
					msg = string(m)
				}
			}
			d.tags()
			for range items {
				it := items[next%len(items)]
				next++
				if it.tp.Partition == p && it.tp.Topic == string(topic) {
					it.answered, it.code, it.msg, it.base, it.logStart = true, code, msg, base, logStart
					break
				}
			}
		}
		d.tags()
	}
	d.throttled()
	d.tags()
}

// nextSequence is the sequence number n records after seq: after the largest it starts from 0.
func nextSequence(seq int32, n int) int32 {
	return int32((int64(seq) + int64(n)) & math.MaxInt32)
}
