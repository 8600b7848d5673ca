package customer

import (
	"cmp"
	"slices"
	"sort"
	"strconv"

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
	spent  schemas.Money
	orders int32
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

// standing is a customer on the day of a ranking.
type standing struct {
	id   string
	now  figures
	news bool // the figures are not those of the ranking before
}

// tables ranks customers. Rows are looked at once: what is kept of every customer, however many, is thirty-two bytes.
type tables struct {
	day    schemas.Date
	before schemas.Date // the day of the ranking before
	to     int64        // what was noted up to there was ranked then
	all    bool         // everybody is news
	old    [rankings][]customer.RankCut

	list    []entry
	names   []string             // ids that are no plain numbers
	aliases map[string]*standing // what aliases bought, by the customer they are
	left    map[string]bool      // customers with fewer accounts than before
	gone    map[string]bool
	cuts    [rankings][]customer.RankCut

	customers int // that are ranked
}

// entry is a customer to be ranked.
type entry struct {
	id   int64 // the number that the id is, or −1 − its place among names
	now  figures
	news bool
}

// newTables prepares a ranking as of a day; last is the ranking before, with what was noted since.
func newTables(last *customer.CustomerRanking, day schemas.Date) *tables {
	return &tables{
		day: day, before: last.RankedDay.Or(day), to: last.RankedTo,
		all:     !last.RankedDay.Valid || last.RankedTo == 0,
		old:     [rankings][]customer.RankCut{last.RecencyCuts, last.FrequencyCuts, last.MonetaryCuts},
		list:    make([]entry, 0, last.Customers+last.Customers/8),
		aliases: map[string]*standing{}, left: map[string]bool{}, gone: map[string]bool{},
	}
}

// everyRow calls look with the row of every account.
type everyRow func(look func(id string, row *customer.CustomerRanking)) error

// tellRank is called with what a customer bought and the quintiles that follow; without any orders, the customer is
// ranked no longer.
type tellRank func(id string, now figures, r, f, m int32)

// standingOf is what an account bought, without what its aliases did.
func (t *tables) standingOf(id string, row *customer.CustomerRanking) (s standing) {
	s.id, s.news = id, row.Noted > t.to
	if last, ok := row.LastDay.Get(); ok {
		s.now.add(row.Frequency, row.Monetary, last)
	}
	for i := range row.Days {
		d := &row.Days[i]
		if d.Day >= t.day {
			continue
		}
		s.now.add(d.Orders, d.Spent, d.LastDay)
		s.news = s.news || d.Day >= t.before
	}
	return s
}

// aliasOf is the customer whose alias an account is; empty where it is none.
func aliasOf(id string, row *customer.CustomerRanking) string {
	if row.CanonicalID == id {
		return ""
	}
	return row.CanonicalID
}

// add takes in the row of an account.
func (t *tables) add(id string, row *customer.CustomerRanking) {
	if row.Noted > t.to {
		for _, former := range row.FormerIDs {
			t.left[former] = true
		}
	}
	if row.Gone {
		t.gone[id] = true
		return
	}
	s := t.standingOf(id, row)
	if s.now.orders == 0 {
		return
	}
	if head := aliasOf(id, row); head != "" {
		s.id = head
		if a := t.aliases[head]; a != nil {
			a.join(&s)
			return
		}
		first := s // aliases are few; the others stay off the heap
		t.aliases[head] = &first
		return
	}
	t.enter(&s)
}

func (s *standing) join(o *standing) {
	s.news = s.news || o.news
	s.now.add(o.now.orders, o.now.spent, o.now.last)
}

func (t *tables) enter(s *standing) {
	e := entry{id: plainNumber(s.id), now: s.now, news: s.news}
	if e.id < 0 {
		t.names = append(t.names, s.id)
		e.id = -int64(len(t.names))
	}
	t.list = append(t.list, e)
}

// name is the id of an entry.
func (t *tables) name(id int64) string {
	if id < 0 {
		return t.names[-1-id]
	}
	return strconv.FormatInt(id, 10)
}

// rank ranks everybody, and tells of everybody whose figures or quintiles are news, in no order.
func (t *tables) rank(every everyRow, tell tellRank) error {
	if err := every(t.add); err != nil {
		return err
	}
	t.joinAliases()
	t.cut()
	for i := range t.list {
		t.tell(&t.list[i], tell)
	}
	for id := range t.left { // nothing is left of what they had
		tell(id, figures{}, 0, 0, 0)
	}
	return nil
}

// joinAliases adds what aliases bought to the customers they are.
func (t *tables) joinAliases() {
	if len(t.aliases) == 0 {
		return
	}
	entered := map[string]bool{}
	for i := range t.list {
		e := &t.list[i]
		id := t.name(e.id)
		if a := t.aliases[id]; a != nil {
			entered[id] = true
			e.now.add(a.now.orders, a.now.spent, a.now.last)
			e.news = e.news || a.news
		}
	}
	for head, a := range t.aliases {
		if !t.gone[head] && !entered[head] {
			t.enter(a)
		}
	}
}

// cut finds the first customers of the quintiles.
func (t *tables) cut() {
	t.customers = len(t.list)
	slices.SortFunc(t.list, func(a, b entry) int {
		if a.id >= 0 && b.id >= 0 { // as most are, and much faster
			return cmp.Compare(a.id, b.id)
		}
		return compareIDs(t.name(a.id), t.name(b.id))
	})
	places := make([]place, len(t.list))
	for k := range rankings {
		for i := range t.list {
			places[i] = place{t.list[i].now.value(k), int32(i)}
		}
		slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.at, b.at)) })
		t.cuts[k] = nil
		for rank, p := range places {
			if q := 1 + 5*rank/len(places); q > len(t.cuts[k])+1 {
				t.cuts[k] = cutsUpTo(t.cuts[k], q, p.value, t.name(t.list[p.at].id))
			}
		}
	}
}

// tell tells of a customer if there is news: figures that changed, or a quintile that did although they are the same.
func (t *tables) tell(e *entry, tell tellRank) {
	news := t.all || e.news
	if len(t.left) > 0 {
		id := t.name(e.id)
		news = news || t.left[id]
		delete(t.left, id)
	}
	var is [rankings]int8
	for k := range rankings {
		is[k] = t.quintile(t.cuts[k], e, k)
		news = news || is[k] != t.quintile(t.old[k], e, k)
	}
	if news {
		tell(t.name(e.id), e.now, int32(is[byRecency]), int32(is[byFrequency]), int32(is[byMoney]))
	}
}

// place is a customer by what it is sorted by.
type place struct {
	value int64
	at    int32 // in the order of ids
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

// quintile is the one a customer is in. Ids decide between equal values.
func (t *tables) quintile(cuts []customer.RankCut, e *entry, ranking int) int8 {
	value := e.now.value(ranking)
	return int8(1 + sort.Search(len(cuts), func(i int) bool {
		if cuts[i].Value != value {
			return cuts[i].Value > value
		}
		return compareIDs(cuts[i].CustomerID, t.name(e.id)) > 0
	}))
}
