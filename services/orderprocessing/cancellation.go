package orderprocessing

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
)

// creditNote is what the folds of CancellationMatch work with.
type creditNote = *stream.Ctx[string, orderproc.CancellationMatch]

// noted takes in a credit note: its lines, not matched yet, or as sure as the note itself is.
func noted(c creditNote, e orderproc.OrderCancelled) error {
	if e.Effect != orderproc.CancelEffectCredited {
		return nil // a withdrawn order was never sold
	}
	r := &c.State
	known := r.CreditedAt.UnixMilli() > 0
	r.OrderID, r.CustomerID, r.CreditedAt, r.Currency = e.OrderID, e.CustomerID, e.OrderDate, e.Currency
	r.Cancels, r.Amount = e.Cancels, -e.Totals.Net
	for i := range e.Lines {
		if at, found := lineAt(r, e.Lines[i].LineNumber); !found {
			r.Lines = slices.Insert(r.Lines, at, newCredit(&e, &e.Lines[i]))
		}
	}
	if !known {
		for i := range r.Lines {
			tellReturns(c, &r.Lines[i], 1)
		}
	}
	sumUp(r, c.Time())
	return nil
}

func newCredit(e *orderproc.OrderCancelled, l *orderproc.OrderLine) orderproc.CreditLine {
	line := orderproc.CreditLine{
		LineNumber: l.LineNumber, ProductID: l.ProductID, Units: -int64(l.Quantity), UnitPrice: l.UnitPrice,
		Confidence: orderproc.MatchConfidenceUnmatched, Reason: schemas.Some(orderproc.UnmatchedReasonPending),
	}
	switch {
	case e.Cancels.Valid:
		line.Confidence, line.Reason = orderproc.MatchConfidenceCertain, schemas.None[orderproc.UnmatchedReason]()
		line.MatchedUnits = line.Units
	case !e.CustomerID.Valid:
		line.Reason = schemas.Some(orderproc.UnmatchedReasonAnonymous)
	}
	return line
}

// matched takes in the match of a line, or a better one.
func matched(c creditNote, e orderproc.CreditLineMatched) error {
	r := &c.State
	r.OrderID = e.OrderID
	known := r.CreditedAt.UnixMilli() > 0
	at, found := lineAt(r, e.Line.LineNumber)
	if found {
		if known {
			tellReturns(c, &r.Lines[at], -1)
		}
		r.Lines[at] = e.Line
	} else {
		r.Lines = slices.Insert(r.Lines, at, e.Line)
	}
	if known {
		tellReturns(c, &e.Line, 1)
	}
	sumUp(r, c.Time())
	return nil
}

// lineAt is the place of a line by its number.
func lineAt(r *orderproc.CancellationMatch, number int32) (int, bool) {
	return slices.BinarySearchFunc(r.Lines, number, func(l orderproc.CreditLine, n int32) int {
		return cmp.Compare(l.LineNumber, n)
	})
}

// tellReturns publishes the sale lines a line takes back; sign -1 takes them back again.
func tellReturns(c creditNote, l *orderproc.CreditLine, sign int64) {
	r := &c.State
	for i := range l.Matches {
		m := &l.Matches[i]
		stream.Emit(c, orderproc.ReturnMatchedEvent, c.Key, orderproc.ReturnMatched{
			Identity: orderproc.Identity{
				EventID: c.ID(), IdempotenceID: r.OrderID + "/" + strconv.Itoa(int(l.LineNumber)), Created: c.Time(),
			},
			OrderID: r.OrderID, LineNumber: l.LineNumber, CustomerID: r.CustomerID.Value, ProductID: l.ProductID,
			SaleOrderID: m.OrderID, SaleLineNumber: m.LineNumber, SoldAt: m.OrderedAt, Units: sign * m.Units,
			UnitPrice: m.UnitPrice, Currency: r.Currency, Confidence: l.Confidence, MatchedAt: c.Time(),
		})
	}
}

// sumUp makes the figures of the note from its lines.
func sumUp(r *orderproc.CancellationMatch, at time.Time) {
	var orders []string
	if named, ok := r.Cancels.Get(); ok {
		orders = append(orders, named)
	}
	r.Units, r.MatchedUnits, r.Reason = 0, 0, schemas.None[orderproc.UnmatchedReason]()
	r.Confidence = orderproc.MatchConfidenceCertain
	for i := range r.Lines {
		l := &r.Lines[i]
		r.Units += l.Units
		r.MatchedUnits += l.MatchedUnits
		r.Confidence = min(r.Confidence, l.Confidence)
		if !r.Reason.Valid {
			r.Reason = l.Reason
		}
		for j := range l.Matches {
			orders = append(orders, l.Matches[j].OrderID)
		}
	}
	slices.Sort(orders)
	r.MatchedOrderIDs = slices.Compact(orders)
	if at.After(r.Changed) {
		r.Changed = at
	}
}
