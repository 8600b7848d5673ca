package stream

import (
	"bytes"
	"slices"
)

// pending gathers what one reaction does. It is carried out when the reaction
// has succeeded and forgotten when it has failed, so a failed record leaves no
// trace. Everything lies in one buffer that is reused from record to record.
type pending struct {
	buf []byte
	ops []op

	// Which ops change state, and once they are many, the newest of each key: a reaction may read a million keys after
	// it has published as much.
	state []int32
	index map[string]int32

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

// idlePending is how much memory is kept however little of it is used, in bytes and in changes.
const idlePending, idleOps = 64 << 10, 1 << 10

// reset forgets everything and keeps the memory, of much memory only what was used to a quarter.
func (p *pending) reset() {
	if cap(p.buf) > idlePending && len(p.buf) < cap(p.buf)/4 {
		p.buf = nil
	}
	if cap(p.ops) > idleOps && len(p.ops) < cap(p.ops)/4 {
		p.ops = nil
	}
	if cap(p.state) > idleOps && len(p.state) < cap(p.state)/4 {
		p.state = nil
	}
	p.buf, p.ops, p.hasRow, p.state, p.index = p.buf[:0], p.ops[:0], false, p.state[:0], nil
}

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

func (p *pending) put(key, value []byte) {
	p.add(-1, 0, 0, key, value, false)
	p.changed()
}

// scanned is how many changes of state are looked through one by one.
const scanned = 32

// changed notes that the last op changes state.
func (p *pending) changed() {
	p.state = append(p.state, int32(len(p.ops)-1))
	switch n := len(p.state); {
	case n <= scanned:
		return
	case p.index == nil:
		p.index = map[string]int32{}
		for _, i := range p.state[:n-1] {
			key, _ := p.of(&p.ops[i])
			p.index[string(key)] = i
		}
	}
	key, _ := p.of(&p.ops[len(p.ops)-1])
	p.index[string(key)] = int32(len(p.ops) - 1)
}

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
		p.changed()
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
	p.changed()
}

func (p *pending) delete(key []byte) {
	p.add(-1, 0, 0, key, nil, true)
	p.changed()
}

func (p *pending) emit(out int, partition int32, ts int64, key, value []byte, gone bool) {
	p.add(out, partition, ts, key, value, gone)
}

// get is the newest change of state of key by this reaction.
func (p *pending) get(key []byte) (value []byte, deleted, ok bool) {
	if p.index != nil {
		i, ok := p.index[string(key)]
		if !ok {
			return nil, false, false
		}
		_, v := p.of(&p.ops[i])
		return v, p.ops[i].gone, true
	}
	for _, i := range slices.Backward(p.state) {
		o := &p.ops[i]
		if k, v := p.of(o); bytes.Equal(k, key) {
			return v, o.gone, true
		}
	}
	return nil, false, false
}
