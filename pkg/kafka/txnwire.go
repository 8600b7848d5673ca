package kafka

import (
	"context"
	"errors"
	"math"
	"time"

	"go.uber.org/zap"
)

// The requests of a transactional producer, each sent once; the state machine in txncommit.go repeats them.

// initProducerID adopts a new epoch, and a new id when epochs of the old one are used up.
//
// A request whose answer is lost may have raised the epoch. The coordinator recognises one such request when it is
// repeated; after two it takes us for an instance of the past and says PRODUCER_FENCED, though it was we who took over.
// So then the identity is asked for as by an instance that starts. Had another instance taken over meanwhile, that one
// would be fenced: of two that fight for an id the one with the better connection stays, as with any restart.
func (p *TxnProducer) initProducerID(ctx context.Context) error {
	err := p.askProducerID(ctx)
	if p.lost && p.pid >= 0 && fencingCode(err) {
		p.c.cfg.Log.Warn("transaction: answers were lost, and the coordinator knows a newer epoch than we do; taking over from ourselves",
			zap.String("transactional_id", p.cfg.ID), zap.Error(err))
		p.pid, p.epoch, p.lost = -1, -1, false
		err = p.askProducerID(ctx)
	}
	switch {
	case err == nil:
		p.lost = false
	case MaybeSent(err):
		p.lost = true
	}
	return err
}

func (p *TxnProducer) askProducerID(ctx context.Context) error {
	pid, epoch := int64(-1), int16(-1)
	err := p.c.do(ctx, &request{
		api: apiInitProducerID, min: 3, max: 5, to: toTxn(p.cfg.ID),
		write: func(e *encoder, _ int16) {
			e.str(p.cfg.ID)
			e.i32(int32(min(p.cfg.Timeout/time.Millisecond, math.MaxInt32)))
			e.i64(p.pid)
			e.i16(p.epoch)
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code := d.i16()
			pid, epoch = d.i64(), d.i16()
			d.tags()
			return codeErr(apiInitProducerID, code)
		},
	})
	if err == nil {
		p.pid, p.epoch = pid, epoch
	}
	return err
}

// addPartitions registers partitions with the transaction (version 1 only).
func (p *TxnProducer) addPartitions(ctx context.Context, parts []*txnPart) error {
	return p.c.do(ctx, &request{
		api: apiAddPartitionsToTxn, min: 2, max: 3, to: toTxn(p.cfg.ID), // from version 4 on it is for brokers
		write: func(e *encoder, _ int16) {
			e.str(p.cfg.ID)
			e.i64(p.pid)
			e.i16(p.epoch)
			topics := 0
			for i, pt := range parts {
				if i == 0 || pt.tp.Topic != parts[i-1].tp.Topic {
					topics++
				}
			}
			e.arr(topics)
			for i := 0; i < len(parts); {
				n := i
				for n < len(parts) && parts[n].tp.Topic == parts[i].tp.Topic {
					n++
				}
				e.str(parts[i].tp.Topic)
				e.arr(n - i)
				for ; i < n; i++ {
					e.i32(parts[i].tp.Partition)
				}
				e.tags()
			}
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			var worst error
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				topic := d.str()
				for k := d.arr(); k > 0 && d.err == nil; k-- {
					part, code := d.i32(), d.i16()
					d.tags()
					// OPERATION_NOT_ATTEMPTED is what the innocent partitions of a failed request get.
					if code != 0 && (worst == nil || Code(worst) == codeOperationNotAttempted) {
						worst = codeErrAt(apiAddPartitionsToTxn, code, topic, part)
					}
				}
				d.tags()
			}
			d.tags()
			return worst
		},
	})
}

// addOffsets registers a group's offsets with the transaction (version 1 only).
func (p *TxnProducer) addOffsets(ctx context.Context, group string) error {
	return p.c.do(ctx, &request{
		api: apiAddOffsetsToTxn, min: 2, max: 4, to: toTxn(p.cfg.ID),
		write: func(e *encoder, _ int16) {
			e.str(p.cfg.ID)
			e.i64(p.pid)
			e.i16(p.epoch)
			e.str(group)
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			code := d.i16()
			d.tags()
			return codeErr(apiAddOffsetsToTxn, code)
		},
	})
}

// commitOffsets stages a group's offsets in the transaction.
func (p *TxnProducer) commitOffsets(ctx context.Context, o *txnOffsets) error {
	lo, hi := int16(3), int16(4)
	if p.tv2 {
		lo, hi = 5, 5
	}
	byTopic := map[string][]int32{}
	for tp := range o.at {
		byTopic[tp.Topic] = append(byTopic[tp.Topic], tp.Partition)
	}
	return p.c.do(ctx, &request{
		api: apiTxnOffsetCommit, min: lo, max: hi, to: toGroup(o.meta.Group),
		write: func(e *encoder, _ int16) {
			e.str(p.cfg.ID)
			e.str(o.meta.Group)
			e.i64(p.pid)
			e.i16(p.epoch)
			e.i32(o.meta.Epoch)
			e.str(o.meta.MemberID)
			e.nullable(o.meta.InstanceID)
			e.arr(len(byTopic))
			for topic, parts := range byTopic {
				e.str(topic)
				e.arr(len(parts))
				for _, part := range parts {
					e.i32(part)
					e.i64(o.at[TopicPartition{topic, part}])
					e.i32(-1) // leader epoch: unknown
					e.str("") // metadata
					e.tags()
				}
				e.tags()
			}
			e.tags()
		},
		read: func(d *decoder, _ int16) error {
			d.throttled()
			var first error
			for n := d.arr(); n > 0 && d.err == nil; n-- {
				topic := d.str()
				for k := d.arr(); k > 0 && d.err == nil; k-- {
					part, code := d.i32(), d.i16()
					d.tags()
					if first == nil {
						first = codeErrAt(apiTxnOffsetCommit, code, topic, part)
					}
				}
				d.tags()
			}
			d.tags()
			return first
		},
	})
}

// endTxn commits or aborts. From version 5 on the answer carries the epoch, and perhaps the id, of the next one.
func (p *TxnProducer) endTxn(ctx context.Context, commit bool) error {
	lo, hi := int16(3), int16(4)
	if p.tv2 {
		lo, hi = 5, 5
	}
	pid, epoch := p.pid, p.epoch
	err := p.c.do(ctx, &request{
		api: apiEndTxn, min: lo, max: hi, to: toTxn(p.cfg.ID),
		write: func(e *encoder, _ int16) {
			e.str(p.cfg.ID)
			e.i64(p.pid)
			e.i16(p.epoch)
			e.bool(commit)
			e.tags()
		},
		read: func(d *decoder, v int16) error {
			d.throttled()
			code := d.i16()
			if v >= 5 {
				if id, ep := d.i64(), d.i16(); code == 0 && id >= 0 {
					pid, epoch = id, ep
				}
			}
			d.tags()
			return codeErr(apiEndTxn, code)
		},
	})
	if err != nil {
		return err
	}
	if p.tv2 {
		clear(p.seqs)
	}
	p.pid, p.epoch = pid, epoch
	return nil
}

// indefinite says whether a failed EndTxn may have been, or may still be, carried out.
func indefinite(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		switch e.Code {
		case -1, 7, 13, codeCoordinatorUnavailable, codeInvalidTxnState:
			return true
		}
		return false
	}
	var n *NetError
	return !errors.As(err, &n) || n.Sent
}
