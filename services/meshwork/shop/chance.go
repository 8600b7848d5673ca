package shop

import "math/bits"

// dice is a source of chance (splitmix64). The zero value is one like any other.
type dice uint64

// roll mixes a seed with what a throw is for. Two different purposes give unrelated dice.
func roll(seed uint64, purpose, n uint64) dice {
	d := dice(seed ^ purpose*0x9e3779b97f4a7c15)
	d = dice(d.next() ^ n*0xd1342543de82ef95)
	return dice(d.next())
}

// What dice are for.
const (
	forHabits = iota + 1
	forSession
	forVisitor
	forStranger
	forPerson
	forProduct
	forNeighbour
	forFavourite
	forBirth
	forLater
	forCatalogue
	forPartner
)

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is one of 0 … n-1.
func (d *dice) below(n int) int { return int((d.next() >> 32) * uint64(n) >> 32) }

// in1000 is true with a chance of p in a thousand.
func (d *dice) in1000(p int) bool { return d.below(1000) < p }

// popular is one of 0 … n-1, the first ones more often: its cube root is uniform.
func (d *dice) popular(n int) int {
	u := d.next() >> 32
	return int(((u * u >> 32) * u >> 32) * uint64(n) >> 32)
}

// logTable holds log2(1+i/256) in units of 2^-32. It is computed with whole numbers, because the last bits of
// math.Log are not the same on all processors.
type logTable [257]uint64

func newLogTable() *logTable {
	var t logTable
	for i := range 256 {
		x := uint64(256+i) << 55
		var l uint64
		for range 32 {
			hi, lo := bits.Mul64(x, x)
			l <<= 1
			if hi>>63 == 1 {
				l |= 1
				x = hi
			} else {
				x = hi<<1 | lo>>63
			}
		}
		t[i] = l
	}
	t[256] = 1 << 32
	return &t
}

const ln2 = 2977044472 // in units of 2^-32

// expo is exponentially distributed with the given mean.
func (t *logTable) expo(d *dice, mean int64) int64 {
	u := d.next() | 1
	zeros := bits.LeadingZeros64(u)
	f := u << (zeros + 1) // the fraction behind the leading one
	i := f >> 56
	frac := f >> 24 & 0xffffffff
	l := t[i] + (t[i+1]-t[i])*frac>>32
	minusLog2 := uint64(zeros+1)<<32 - l
	hi, lo := bits.Mul64(uint64(mean), ln2)
	m := hi<<32 | lo>>32
	hi, lo = bits.Mul64(m, minusLog2)
	return int64(hi<<32 | lo>>32)
}

// agenda is a queue of numbers by time. One entry is time<<22 | number, so entries of one time come by number. It is a
// heap of four branches: shallow, and one cache line holds a family.
type agenda []uint64

const (
	numberBits = 22
	// MaxNumber bounds the entries of an agenda.
	maxNumber = 1<<numberBits - 1
	never     = int64(1)<<62 - 1
)

// due is the time of the first entry.
func (a agenda) due() int64 {
	if len(a) == 0 {
		return never
	}
	return int64(a[0] >> numberBits)
}

func (a *agenda) add(at int64, number int) {
	h := append(*a, uint64(at)<<numberBits|uint64(number))
	i := len(h) - 1
	e := h[i]
	for i > 0 {
		up := (i - 1) / 4
		if h[up] <= e {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	*a = h
}

// take removes the first entry and returns its number.
func (a *agenda) take() int {
	h := *a
	first := h[0]
	n := len(h) - 1
	e := h[n]
	h = h[:n]
	*a = h
	if n > 0 {
		h.sink(e)
	}
	return int(first & maxNumber)
}

// move gives the first entry another time.
func (a agenda) move(at int64) { a.sink(uint64(at)<<numberBits | a[0]&maxNumber) }

// sink puts e in the place of the first entry.
func (a agenda) sink(e uint64) {
	i, n := 0, len(a)
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, n); c++ {
			if a[c] < a[least] {
				least = c
			}
		}
		if a[least] >= e {
			break
		}
		a[i] = a[least]
		i = least
	}
	a[i] = e
}
