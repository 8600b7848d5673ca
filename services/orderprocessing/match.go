package orderprocessing

import (
	"time"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// match finds for every credited line of a row the sale lines it takes back. docs/cancellation-matching.md tells the
// rules. Sales and credits are in the order of time; pieces are taken back only once.
//
// Credit notes that name their order go first, for they are facts; the others follow in the order of time, each
// seeing what its predecessors left.
func match(r *orderproc.PurchaseLedger, window time.Duration) {
	m := matcher{sales: r.Purchases, left: make([]int64, len(r.Purchases)), window: window}
	for i := range r.Purchases {
		m.left[i] = r.Purchases[i].Units
	}
	for i := range r.Credits {
		if c := &r.Credits[i]; c.Cancels.Valid {
			m.named(c)
		}
	}
	for i := range r.Credits {
		if c := &r.Credits[i]; !c.Cancels.Valid {
			m.guess(c)
		}
	}
}

// matcher is the state of one matching: what is left of each sale line.
type matcher struct {
	sales  []orderproc.LedgerLine
	left   []int64
	window time.Duration
}

// named matches a credit that says which order it takes back.
func (m *matcher) named(c *orderproc.LedgerCredit) {
	line := &c.Line
	line.Matches, line.MatchedUnits, line.Confidence = nil, line.Units, orderproc.MatchConfidenceCertain
	line.Reason = schemas.None[orderproc.UnmatchedReason]()
	rest := line.Units
	for i := len(m.sales) - 1; i >= 0 && rest > 0; i-- {
		if m.sales[i].OrderID == c.Cancels.Value {
			rest -= m.take(line, i, rest)
		}
	}
}

// guess matches a credit that names no order.
func (m *matcher) guess(c *orderproc.LedgerCredit) {
	line := &c.Line
	line.Matches, line.MatchedUnits = nil, 0
	line.Reason = schemas.None[orderproc.UnmatchedReason]()
	whole, wholeAtPrice, enough, enoughAtPrice := newest{}, newest{}, newest{}, newest{}
	var known, open, last int
	for i := range m.sales {
		s := &m.sales[i]
		if s.OrderedAt.After(c.CreditedAt) || c.CreditedAt.Sub(s.OrderedAt) > m.window {
			continue
		}
		known++
		if m.left[i] == 0 {
			continue
		}
		open++
		last = i
		atPrice := s.UnitPrice == line.UnitPrice
		if m.left[i] == line.Units && s.Units == line.Units {
			whole.note(i, true)
			wholeAtPrice.note(i, atPrice)
		}
		if m.left[i] >= line.Units {
			enough.note(i, true)
			enoughAtPrice.note(i, atPrice)
		}
	}
	switch {
	case wholeAtPrice.n == 1:
		m.one(line, wholeAtPrice.at, orderproc.MatchConfidenceHigh)
	case wholeAtPrice.n > 1:
		m.one(line, wholeAtPrice.at, orderproc.MatchConfidenceMedium)
	case whole.n > 0:
		m.one(line, whole.at, orderproc.MatchConfidenceMedium)
	case enoughAtPrice.n == 1 && open == 1:
		m.one(line, enoughAtPrice.at, orderproc.MatchConfidenceMedium)
	case enoughAtPrice.n > 0:
		m.one(line, enoughAtPrice.at, orderproc.MatchConfidenceLow)
	case enough.n > 0:
		m.one(line, enough.at, orderproc.MatchConfidenceLow)
	case open > 0:
		m.several(c, last)
	case known > 0:
		m.none(line, orderproc.UnmatchedReasonNothingLeft)
	default:
		m.none(line, orderproc.UnmatchedReasonNoPurchase)
	}
}

// newest counts candidates and remembers the last one.
type newest struct{ n, at int }

func (w *newest) note(i int, fits bool) {
	if fits {
		w.n, w.at = w.n+1, i
	}
}

func (m *matcher) one(line *orderproc.CreditLine, i int, sure orderproc.MatchConfidence) {
	line.Confidence, line.MatchedUnits = sure, m.take(line, i, line.Units)
}

// several takes pieces from the latest sales backwards, as far as they go.
func (m *matcher) several(c *orderproc.LedgerCredit, last int) {
	line := &c.Line
	line.Confidence = orderproc.MatchConfidenceLow
	for i := last; i >= 0 && line.MatchedUnits < line.Units; i-- {
		if c.CreditedAt.Sub(m.sales[i].OrderedAt) > m.window {
			break
		}
		if m.left[i] > 0 {
			line.MatchedUnits += m.take(line, i, line.Units-line.MatchedUnits)
		}
	}
	if line.MatchedUnits < line.Units {
		line.Reason = schemas.Some(orderproc.UnmatchedReasonFewerLeft)
	}
}

func (m *matcher) none(line *orderproc.CreditLine, why orderproc.UnmatchedReason) {
	line.Confidence, line.Reason = orderproc.MatchConfidenceUnmatched, schemas.Some(why)
}

// take takes up to units pieces of a sale line back and says how many it gave.
func (m *matcher) take(line *orderproc.CreditLine, i int, units int64) int64 {
	units = min(units, m.left[i])
	if units == 0 {
		return 0
	}
	m.left[i] -= units
	s := &m.sales[i]
	line.Matches = append(line.Matches, orderproc.MatchedLine{
		OrderID: s.OrderID, LineNumber: s.LineNumber, Units: units, UnitPrice: s.UnitPrice, OrderedAt: s.OrderedAt,
	})
	return units
}
