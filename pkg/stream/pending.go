package stream

import "bytes"

// pending gathers what one reaction does. It is carried out when the reaction
// has succeeded and forgotten when it has failed, so a failed record leaves no
// trace. Everything lies in one buffer that is reused from record to record.
type pending struct {
	buf []byte
	ops []op

	// The first changed row is not copied: its buffers are exchanged for these.
	rowKey, rowValue []byte
	hasRow           bool
}

type op struct {
	out        int32 // -1: a change of state
	partition  int32
	key, value int32 // offsets: key is buf[key:value], value is buf[value:end]
	end        int32
	gone       bool // deletion or tombstone
	row        bool // a change of the row under key, to be published under key[1:]
	own        bool // key and value are rowKey and rowValue
	ts         int64
	hash       uint64 // of a row's key
}

func (p *pending) reset() { p.buf, p.ops, p.hasRow = p.buf[:0], p.ops[:0], false }

// of are the key and value of an op.
func (p *pending) of(o *op) (key, value []byte) {
	if o.own {
		return p.rowKey, p.rowValue
	}
	return p.buf[o.key:o.value:o.value], p.buf[o.value:o.end:o.end]
}

func (p *pending) add(out int, partition int32, ts int64, key, value []byte, gone bool) {
	o := op{out: int32(out), partition: partition, ts: ts, gone: gone, key: int32(len(p.buf))}
	p.buf = append(p.buf, key...)
	o.value = int32(len(p.buf))
	p.buf = append(p.buf, value...)
	o.end = int32(len(p.buf))
	p.ops = append(p.ops, o)
}

func (p *pending) put(key, value []byte) { p.add(-1, 0, 0, key, value, false) }

// row is a change of an unwindowed row that is published at once: put, or delete
// when gone, and emit in one. It takes the buffers over and gives others back.
func (p *pending) row(partition int32, ts int64, key, value *[]byte, hash uint64, gone bool) {
	if p.hasRow {
		var v []byte
		if !gone {
			v = *value
		}
		p.add(0, partition, ts, *key, v, gone)
		o := &p.ops[len(p.ops)-1]
		o.row, o.hash = true, hash
		return
	}
	p.hasRow = true
	p.rowKey, *key = *key, p.rowKey
	if gone {
		p.rowValue = p.rowValue[:0]
	} else {
		p.rowValue, *value = *value, p.rowValue
	}
	p.ops = append(p.ops, op{partition: partition, ts: ts, gone: gone, row: true, own: true, hash: hash})
}

func (p *pending) delete(key []byte) { p.add(-1, 0, 0, key, nil, true) }

func (p *pending) emit(out int, partition int32, ts int64, key, value []byte, gone bool) {
	p.add(out, partition, ts, key, value, gone)
}

// get is the newest change of state of key by this reaction.
func (p *pending) get(key []byte) (value []byte, deleted, ok bool) {
	for i := len(p.ops) - 1; i >= 0; i-- {
		o := &p.ops[i]
		if o.out >= 0 && !o.row {
			continue
		}
		if k, v := p.of(o); bytes.Equal(k, key) {
			return v, o.gone, true
		}
	}
	return nil, false, false
}
