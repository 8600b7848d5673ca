package shop

import (
	"strconv"
	"strings"
)

// identity is who a customer is.
type identity struct {
	first, last string
	email       string
	phone       string
	line1       string
	town        *town
	consent     bool
}

// identity makes up customer k after a number of moves. The same person under two ids has the same e-mail address,
// written in another way, and the same name.
func (s *Simulator) identity(k, moves int) identity {
	i := s.same(k)
	d := roll(s.c.Seed, forPerson, uint64(i)|1<<40)
	w := s.words
	p := identity{first: w.first[d.below(len(w.first))], last: w.last[d.below(len(w.last))], consent: d.in1000(550)}
	number := strconv.Itoa(i)
	p.email = strings.ToLower(p.first) + "." + strings.ToLower(p.last) + number + "@example.org"
	p.phone = "+44 1632 96" + strconv.Itoa(1000+d.below(9000)) // a range that is never given to anybody
	if i != k {
		p.email = " " + p.first + "." + p.last + number + "@Example.ORG"
	}
	home := roll(s.c.Seed, forPerson, uint64(i)|uint64(moves+1)<<44)
	town := home.below(7)
	if home.in1000(200) {
		town = home.below(len(w.towns))
	}
	p.town = &w.towns[town]
	p.line1 = strconv.Itoa(1+home.below(180)) + " " + w.streets[home.below(len(w.streets))]
	return p
}
