package kafka

import (
	"time"
)

// fetchItem is one partition of a fetch request, and its answer.
type fetchItem struct {
	part   *fetchPart
	tp     TopicPartition
	offset int64
	max    int32

	answered bool
	code     int16
	high     int64
	stable   int64
	aborted  []abortedTxn
	raw      []byte // aliases the answer
}

// fetchCall is one fetch request. Versions 4 to 12 name topics by name; there is no use for more.
type fetchCall struct {
	req     request
	items   []fetchItem
	broker  int32
	cfg     *FetchConfig
	wait    time.Duration
	reserve int // bytes of the buffer budget it may use up
}

// wholeMax is the byte limit of a whole answer: none in effect. The limits per partition bound it, and a broker
// that cuts at this limit may leave out the list of aborted transactions (the embedded one does).
const wholeMax = 1 << 30

func (f *fetchCall) write(e *encoder, v int16) {
	e.i32(-1) // not a replica
	e.i32(int32(f.wait.Milliseconds()))
	e.i32(int32(f.cfg.MinBytes))
	e.i32(wholeMax)
	e.i8(f.cfg.Isolation.wire())
	if v >= 7 {
		e.i32(0)  // no fetch session
		e.i32(-1) // nor a new one
	}
	topics := 0
	for i := range f.items {
		if i == 0 || f.items[i].tp.Topic != f.items[i-1].tp.Topic {
			topics++
		}
	}
	e.arr(topics)
	for i := 0; i < len(f.items); {
		n := i
		for n < len(f.items) && f.items[n].tp.Topic == f.items[i].tp.Topic {
			n++
		}
		e.str(f.items[i].tp.Topic)
		e.arr(n - i)
		for ; i < n; i++ {
			it := &f.items[i]
			e.i32(it.tp.Partition)
			if v >= 9 {
				e.i32(-1) // leader epoch: not checked
			}
			e.i64(it.offset)
			if v >= 12 {
				e.i32(-1) // epoch of the last record fetched: not checked
			}
			if v >= 5 {
				e.i64(-1) // log start: followers only
			}
			e.i32(it.max)
			e.tags()
		}
		e.tags()
	}
	if v >= 7 {
		e.arr(0) // forgotten by the session
	}
	if v >= 11 {
		e.str("") // rack
	}
	e.tags()
}

func (f *fetchCall) read(d *decoder, v int16) error {
	d.throttled()
	if v >= 7 {
		code := d.i16()
		d.i32() // session
		if code != 0 {
			d.b = nil
			return codeErr(apiFetch, code)
		}
	}
	expect := 0 // brokers answer in the order asked, mostly
	for n := d.arr(); n > 0 && d.err == nil; n-- {
		topic := d.raw()
		for k := d.arr(); k > 0 && d.err == nil; k-- {
			p := d.i32()
			it := f.find(topic, p, expect)
			if it == nil {
				it = &fetchItem{} // not asked for: read over it
			} else {
				expect++
			}
			it.answered = true
			it.code = d.i16()
			it.high, it.stable = d.i64(), d.i64()
			if v >= 5 {
				d.i64() // log start
			}
			for a := d.arr(); a > 0 && d.err == nil; a-- {
				it.aborted = append(it.aborted, abortedTxn{pid: d.i64(), first: d.i64()})
				d.tags()
			}
			if v >= 11 {
				d.i32() // preferred replica
			}
			it.raw = d.bytes()
			d.tags()
		}
		d.tags()
	}
	d.tags()
	return nil
}

func (f *fetchCall) find(topic []byte, p int32, expect int) *fetchItem {
	if expect < len(f.items) {
		if it := &f.items[expect]; it.tp.Partition == p && it.tp.Topic == string(topic) {
			return it
		}
	}
	for i := range f.items {
		if it := &f.items[i]; it.tp.Partition == p && it.tp.Topic == string(topic) {
			return it
		}
	}
	return nil
}
