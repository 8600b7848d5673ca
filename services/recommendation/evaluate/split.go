package evaluate

import (
	"slices"
	"strings"
	"time"
)

// split is a data set cut by date.
type split struct {
	cut       time.Time
	train     []*basket
	test      []*basket // every basket on or after the cut
	items     []string  // products of the training part, ascending; an item's number is its place
	number    map[string]int
	customers map[string]*person
	cases     []*nextBasket
}

// person is a customer of the training part.
type person struct {
	id      string
	baskets []*basket
	counts  map[int]int // orders per item
}

// nextBasket is a test of the lists: what a known customer bought first on or after the cut.
type nextBasket struct {
	who   *person
	truth map[int]bool // items of the training part
	fresh map[int]bool // those the customer had not bought before
}

func divide(baskets []*basket, cut time.Time) *split {
	s := &split{cut: cut, number: map[string]int{}, customers: map[string]*person{}}
	for _, b := range baskets {
		if !b.at.Before(cut) {
			s.test = append(s.test, b)
			continue
		}
		s.train = append(s.train, b)
		for _, id := range b.items {
			if _, ok := s.number[id]; !ok {
				s.number[id] = 0
				s.items = append(s.items, id)
			}
		}
	}
	slices.Sort(s.items)
	for i, id := range s.items {
		s.number[id] = i
	}
	for _, b := range s.train {
		p := s.customers[b.customer]
		if p == nil {
			p = &person{id: b.customer, counts: map[int]int{}}
			s.customers[b.customer] = p
		}
		p.baskets = append(p.baskets, b)
		for _, id := range b.items {
			p.counts[s.number[id]]++
		}
	}
	done := map[string]bool{}
	for _, b := range s.test {
		p := s.customers[b.customer]
		if p == nil || done[b.customer] {
			continue
		}
		done[b.customer] = true
		c := &nextBasket{who: p, truth: map[int]bool{}, fresh: map[int]bool{}}
		for _, id := range b.items {
			if i, ok := s.number[id]; ok {
				c.truth[i] = true
				if p.counts[i] == 0 {
					c.fresh[i] = true
				}
			}
		}
		if len(c.truth) > 0 {
			s.cases = append(s.cases, c)
		}
	}
	slices.SortFunc(s.cases, func(a, b *nextBasket) int { return strings.Compare(a.who.id, b.who.id) })
	return s
}

// completion is a test of cart completion: the products of a basket but the last one, which is hidden.
type completion struct {
	cart   []int
	hidden int
}

// completions takes every basket on or after the cut with at least two products of the training part.
func (s *split) completions() []completion {
	var out []completion
	for _, b := range s.test {
		var known []int
		for _, id := range b.items {
			if i, ok := s.number[id]; ok {
				known = append(known, i)
			}
		}
		if n := len(known); n >= 2 {
			out = append(out, completion{known[:n-1], known[n-1]})
		}
	}
	return out
}
