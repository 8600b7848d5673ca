package shop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrCheckpoint is returned for bytes that are not a checkpoint of the same shop.
var ErrCheckpoint = errors.New("not a checkpoint of this shop")

const checkpointMagic = "meshwork shop 1\n"

// shopKey is what two simulators must have in common for one to go on where the other was. Gap, Start and Count may
// differ, where Gap says that Start does not matter.
func (s *Simulator) shopKey() string {
	c := s.c
	start := int64(0)
	if c.Gap == 0 {
		start = c.Start.UnixMilli()
	}
	return fmt.Sprint(c.Seed, c.Prefix, c.Customers, c.Products, start, c.Steady, c.Emit, c.Strangers, c.Bots, c.Garbage, c.Gap > 0)
}

// Checkpoint is the whole state of the shop, for Restore: 24 bytes per customer, 5 per product and what is under way.
func (s *Simulator) Checkpoint() []byte {
	w := writer(make([]byte, 0, 1<<16+len(s.people)*24+len(s.articles)*5))
	w = append(w, checkpointMagic...)
	w.text(s.shopKey())
	for _, v := range []uint64{
		uint64(s.made), uint64(s.at), uint64(s.announced), s.opened, s.strangers, s.stirs, uint64(s.nextStir), uint64(s.nextBirth),
		s.plansMet,
	} {
		w.u64(v)
	}
	w.u64(uint64(len(s.people)))
	for i := range s.people {
		p := &s.people[i]
		w.u32(p.last)
		w.u32(p.left)
		w.u16(p.purchases)
		w.u16(p.visits)
		w = append(w, p.device, p.moves, p.flags)
	}
	w.u64(uint64(len(s.articles)))
	for i := range s.articles {
		a := &s.articles[i]
		w.u32(uint32(a.price))
		w.flag(a.gone)
	}
	w.u64(uint64(len(s.visits)))
	for i := range s.visits {
		w.visit(&s.visits[i])
	}
	w.u64(uint64(len(s.plans)))
	for i := range s.plans {
		w.plan(&s.plans[i])
	}
	for _, list := range [][]uint64{s.comebacks, s.underWay, s.planned, s.regulars} {
		w.u64(uint64(len(list)))
		for _, v := range list {
			w.u64(v)
		}
	}
	for _, list := range [][]uint32{s.freeVisit, s.freePlan} {
		w.u64(uint64(len(list)))
		for _, v := range list {
			w.u32(v)
		}
	}
	w, _ = binary.Append(w, binary.LittleEndian, &s.tally)
	return binary.LittleEndian.AppendUint32(w, crc32.ChecksumIEEE(w))
}

// Restore makes a simulator that goes on where the one of the checkpoint was. c must describe the same shop; Count, and
// with Gap also Start and Gap, may be others.
func Restore(c Config, checkpoint []byte) (*Simulator, error) {
	n := len(checkpoint) - 4
	if n < len(checkpointMagic) || string(checkpoint[:len(checkpointMagic)]) != checkpointMagic {
		return nil, fmt.Errorf("%w: other bytes", ErrCheckpoint)
	}
	if crc32.ChecksumIEEE(checkpoint[:n]) != binary.LittleEndian.Uint32(checkpoint[n:]) {
		return nil, fmt.Errorf("%w: damaged", ErrCheckpoint)
	}
	s := New(c)
	r := reader{b: checkpoint[len(checkpointMagic):n]}
	if key := r.text(); key != s.shopKey() {
		return nil, fmt.Errorf("%w: it is of %q, not of %q", ErrCheckpoint, key, s.shopKey())
	}
	s.made, s.at, s.announced = int64(r.u64()), int64(r.u64()), int(r.u64())
	s.opened, s.strangers, s.stirs = r.u64(), r.u64(), r.u64()
	s.nextStir, s.nextBirth, s.plansMet = int64(r.u64()), int64(r.u64()), r.u64()
	s.people = make([]person, r.count(15))
	for i := range s.people {
		p := &s.people[i]
		p.last, p.left, p.purchases, p.visits = r.u32(), r.u32(), r.u16(), r.u16()
		p.device, p.moves, p.flags = r.u8(), r.u8(), r.u8()
	}
	articles := r.count(5)
	for len(s.articles) < articles {
		s.addArticle()
	}
	for i := range s.articles {
		s.articles[i].price, s.articles[i].gone = int32(r.u32()), r.u8() == 1
	}
	s.visits = make([]visit, r.count(40))
	for i := range s.visits {
		r.visit(&s.visits[i])
	}
	s.plans = make([]plan, r.count(40))
	for i := range s.plans {
		r.plan(&s.plans[i])
	}
	for _, list := range []*[]uint64{(*[]uint64)(&s.comebacks), (*[]uint64)(&s.underWay), (*[]uint64)(&s.planned), &s.regulars} {
		*list = make([]uint64, r.count(8))
		for i := range *list {
			(*list)[i] = r.u64()
		}
	}
	for _, list := range []*[]uint32{&s.freeVisit, &s.freePlan} {
		*list = make([]uint32, r.count(4))
		for i := range *list {
			(*list)[i] = r.u32()
		}
	}
	if _, err := binary.Decode(r.b, binary.LittleEndian, &s.tally); err != nil || r.short {
		return nil, fmt.Errorf("%w: it ends early", ErrCheckpoint)
	}
	return s, nil
}

type writer []byte

func (w *writer) u64(v uint64) { *w = binary.LittleEndian.AppendUint64(*w, v) }
func (w *writer) u32(v uint32) { *w = binary.LittleEndian.AppendUint32(*w, v) }
func (w *writer) u16(v uint16) { *w = binary.LittleEndian.AppendUint16(*w, v) }
func (w *writer) flag(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	*w = append(*w, b)
}

func (w *writer) text(s string) {
	w.u64(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) visit(v *visit) {
	w.u64(uint64(v.d))
	w.u64(v.number)
	w.u64(v.visitor)
	w.u32(uint32(v.product))
	w.u32(uint32(v.customer))
	w.u16(uint16(v.left))
	w.u16(v.step)
	w.u16(v.flags)
	*w = append(*w, byte(v.page), byte(v.from), v.category, v.n, v.queued)
	for _, k := range v.queue {
		*w = append(*w, byte(k))
	}
	for _, l := range v.basket[:v.n] {
		w.u32(uint32(l.product))
		w.u16(uint16(l.quantity))
	}
}

func (w *writer) plan(p *plan) {
	*w = append(*w, byte(p.what))
	w.u32(uint32(p.customer))
	w.u32(uint32(p.product))
	w.u32(uint32(p.price))
	w.u16(uint16(p.quantity))
	w.u16(p.step)
	w.u64(p.visit)
	w.u64(p.visitor)
	w.u64(uint64(p.from))
}

// reader takes a checkpoint apart; past the end it gives zeros and remembers it.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.short, r.b = true, nil
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u8() uint8   { return r.take(1)[0] }

// count reads how many entries of at least size bytes follow.
func (r *reader) count(size int) int {
	n := r.u64()
	if n > uint64(len(r.b)/size) {
		r.short = true
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return string(r.take(r.count(1))) }

func (r *reader) visit(v *visit) {
	v.d, v.number, v.visitor = dice(r.u64()), r.u64(), r.u64()
	v.product, v.customer = int32(r.u32()), int32(r.u32())
	v.left, v.step, v.flags = int16(r.u16()), r.u16(), r.u16()
	v.page, v.from, v.category = page(r.u8()), page(r.u8()), r.u8()
	v.n, v.queued = min(r.u8(), maxLines), r.u8()
	for i := range v.queue {
		v.queue[i] = kind(r.u8())
	}
	for i := range v.n {
		v.basket[i] = line{int32(r.u32()), int16(r.u16())}
	}
}

func (r *reader) plan(p *plan) {
	p.what = planned(r.u8())
	p.customer, p.product, p.price = int32(r.u32()), int32(r.u32()), int32(r.u32())
	p.quantity, p.step = int16(r.u16()), r.u16()
	p.visit, p.visitor, p.from = r.u64(), r.u64(), int64(r.u64())
}
