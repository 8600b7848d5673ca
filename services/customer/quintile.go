package customer

import (
	"cmp"
	"slices"
	"sort"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
)

// The rankings there are.
const (
	byRecency = iota
	byFrequency
	byMoney
	rankings
)

// figures is what a customer bought up to a day.
type figures struct {
	orders int32
	spent  schemas.Money
	last   schemas.Date // of the last purchase; meaningless without any
}

func (f *figures) add(orders int32, spent schemas.Money, last schemas.Date) {
	if f.orders == 0 || last > f.last {
		f.last = last
	}
	f.orders += orders
	f.spent += spent
}

// value is what one of the rankings orders by, ascending.
func (f *figures) value(ranking int) int64 {
	switch ranking {
	case byRecency:
		return int64(f.last) // fewer days are a later day
	case byFrequency:
		return int64(f.orders)
	default:
		return f.spent.Unscaled()
	}
}

// standing is a customer on the day of a ranking, and what it was at the ranking before.
type standing struct {
	id       string
	now, was figures
	news     bool // bought something in between
}

// tables ranks customers.
type tables struct {
	day    schemas.Date
	before schemas.Date // the day of the ranking before
	all    bool         // everybody is news
	old    [rankings][]customer.RankCut

	list    []standing
	aliases map[string]*standing // what aliases bought, by the customer they are
	gone    map[string]bool
	cuts    [rankings][]customer.RankCut
}

// newTables prepares a ranking as of a day; last is the ranking before, with what was noted since.
func newTables(last *customer.CustomerRanking, day schemas.Date) *tables {
	return &tables{
		day: day, before: last.RankedDay.Or(day), all: last.Late || !last.RankedDay.Valid,
		old:     [rankings][]customer.RankCut{last.RecencyCuts, last.FrequencyCuts, last.MonetaryCuts},
		list:    make([]standing, 0, last.Customers+last.Customers/8),
		aliases: map[string]*standing{}, gone: map[string]bool{},
	}
}

// add takes in the row of an account.
func (t *tables) add(id string, row *customer.CustomerRanking) {
	if row.Gone {
		t.gone[id] = true
		return
	}
	s := standing{id: id}
	if last, ok := row.LastDay.Get(); ok {
		s.now.add(row.Frequency, row.Monetary, last)
		s.was = s.now
	}
	for i := range row.Days {
		d := &row.Days[i]
		if d.Day >= t.day {
			continue
		}
		s.now.add(d.Orders, d.Spent, d.LastDay)
		if d.Day < t.before {
			s.was.add(d.Orders, d.Spent, d.LastDay)
		} else {
			s.news = true
		}
	}
	if s.now.orders == 0 {
		return
	}
	if head := row.CanonicalID; head != "" && head != id {
		s.id = head
		if a := t.aliases[head]; a != nil {
			a.join(&s)
			return
		}
		first := s // aliases are few; the others stay off the heap
		t.aliases[head] = &first
		return
	}
	t.list = append(t.list, s)
}

func (s *standing) join(o *standing) {
	s.news = s.news || o.news
	s.now.add(o.now.orders, o.now.spent, o.now.last)
	if o.was.orders > 0 {
		s.was.add(o.was.orders, o.was.spent, o.was.last)
	}
}

// rank ranks who was added, and tells of everybody whose figures or quintiles are news.
func (t *tables) rank(tell func(s *standing, r, f, m int32)) {
	for i := range t.list {
		if a := t.aliases[t.list[i].id]; a != nil {
			t.list[i].join(a)
			delete(t.aliases, a.id)
		}
	}
	for head, a := range t.aliases {
		if !t.gone[head] {
			t.list = append(t.list, *a)
		}
	}
	places := t.byID()
	order := make([]int32, len(places)) // the customers in the order of ids
	for i, p := range places {
		order[i] = p.at
	}
	var quintiles [rankings][]int8 // in that order too
	for k := range rankings {
		for i, at := range order {
			places[i] = place{t.list[at].now.value(k), int32(i)}
		}
		slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.at, b.at)) })
		quintiles[k] = make([]int8, len(places))
		t.cuts[k] = nil
		for rank, p := range places {
			q := int8(1 + 5*rank/len(places))
			quintiles[k][p.at] = q
			if int(q) > len(t.cuts[k])+1 {
				t.cuts[k] = cutsUpTo(t.cuts[k], int(q), p.value, t.list[order[p.at]].id)
			}
		}
	}
	for i, at := range order {
		s := &t.list[at]
		r, f, m := quintiles[byRecency][i], quintiles[byFrequency][i], quintiles[byMoney][i]
		if t.all || s.news || s.was.orders == 0 || r != t.quintile(byRecency, s) || f != t.quintile(byFrequency, s) || m != t.quintile(byMoney, s) {
			tell(s, int32(r), int32(f), int32(m))
		}
	}
}

// place is a customer by what it is sorted by.
type place struct {
	value int64
	at    int32
}

// byID is the list in the order of ids, as places in it.
func (t *tables) byID() []place {
	places := make([]place, len(t.list))
	for i := range t.list {
		places[i] = place{plainNumber(t.list[i].id), int32(i)}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.value >= 0 && b.value >= 0 { // as most are, and much faster
			return cmp.Compare(a.value, b.value)
		}
		return compareIDs(t.list[a.at].id, t.list[b.at].id)
	})
	return places
}

// plainNumber is the number that an id is written as, in one way only; −1 where it is none or too large.
func plainNumber(id string) int64 {
	if len(id) == 0 || len(id) > 18 || id[0] == '0' {
		return -1
	}
	n := int64(0)
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return -1
		}
		n = 10*n + int64(id[i]-'0')
	}
	return n
}

// cutsUpTo adds the first customer of a quintile; where fewer than five customers skip quintiles, also of those
// skipped.
func cutsUpTo(cuts []customer.RankCut, quintile int, value int64, id string) []customer.RankCut {
	for len(cuts) < quintile-1 {
		cuts = append(cuts, customer.RankCut{Value: value, CustomerID: id})
	}
	return cuts
}

// quintile is the one a customer was in at the ranking before.
func (t *tables) quintile(ranking int, s *standing) int8 {
	value := s.was.value(ranking)
	cuts := t.old[ranking]
	return int8(1 + sort.Search(len(cuts), func(i int) bool {
		return cmp.Or(cmp.Compare(cuts[i].Value, value), compareIDs(cuts[i].CustomerID, s.id)) > 0
	}))
}
