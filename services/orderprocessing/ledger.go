package orderprocessing

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas/orderproc"
)

// maxLedger bounds the sale lines and the credited lines of a row of the ledger, each; the oldest give way.
const maxLedger = 1000

var errPosting = errors.New("the posting is of a kind that is not known here")

// post tells the ledger what an order means for each of its products. Orders without customer are not in the ledger:
// nobody could be found who bought and gave back.
func post(c order, kind orderproc.PostingKind) {
	o := &c.State
	customer, ok := o.Customer.Get()
	if !ok {
		return
	}
	items := make([]*orderproc.OrderItem, len(o.Items))
	for i := range o.Items {
		items[i] = &o.Items[i]
	}
	slices.SortStableFunc(items, func(a, b *orderproc.OrderItem) int { return strings.Compare(a.ProductID, b.ProductID) })
	for i := 0; i < len(items); {
		p := orderproc.PurchasePosting{
			CustomerID: customer.ID, ProductID: items[i].ProductID, OrderID: o.OrderID, Kind: kind,
			OrderedAt: o.OrderDate, Cancels: o.Cancels,
		}
		for ; i < len(items) && items[i].ProductID == p.ProductID; i++ {
			if kind == orderproc.PostingKindWithdrawn {
				continue
			}
			units := int64(items[i].Quantity)
			if kind == orderproc.PostingKindCredited {
				units = -units
			}
			p.Lines = append(p.Lines, orderproc.PostedLine{
				LineNumber: items[i].LineNumber, Units: units, UnitPrice: items[i].UnitPrice,
			})
		}
		stream.Emit(c, orderproc.PurchasePostingEvent,
			orderproc.PurchaseLedgerKey{CustomerID: p.CustomerID, ProductID: p.ProductID}, p)
	}
}

// ledger holds the fold of the purchase ledger.
type ledger struct{ window time.Duration }

// book writes a posting into the row of its customer and product, and tells credit notes what it changes for them.
// The matches are a function of what is in the row, whatever order it came in: a sale that arrives after the credit
// note for it is found then.
func (l ledger) book(c *stream.Ctx[orderproc.PurchaseLedgerKey, orderproc.PurchaseLedger], p orderproc.PurchasePosting) error {
	r := &c.State
	r.CustomerID, r.ProductID = c.Key.CustomerID, c.Key.ProductID
	switch p.Kind {
	case orderproc.PostingKindPurchased:
		addPurchases(r, &p)
	case orderproc.PostingKindWithdrawn:
		r.Purchases = slices.DeleteFunc(r.Purchases, func(s orderproc.LedgerLine) bool { return s.OrderID == p.OrderID })
	case orderproc.PostingKindCredited:
		addCredits(r, &p)
	case orderproc.PostingKindUnknown:
		return stream.Reject(errPosting)
	}
	l.forget(r)
	if len(r.Credits) == 0 {
		return nil
	}
	before := make([]orderproc.CreditLine, len(r.Credits))
	for i := range r.Credits {
		before[i] = r.Credits[i].Line
	}
	match(r, l.window)
	for i := range r.Credits {
		if line := &r.Credits[i].Line; !sameMatch(&before[i], line) {
			stream.Emit(c, orderproc.CreditLineMatchedEvent, r.Credits[i].OrderID,
				orderproc.CreditLineMatched{OrderID: r.Credits[i].OrderID, Line: *line})
		}
	}
	return nil
}

func addPurchases(r *orderproc.PurchaseLedger, p *orderproc.PurchasePosting) {
	for _, line := range p.Lines {
		r.Purchases = append(r.Purchases, orderproc.LedgerLine{
			OrderID: p.OrderID, LineNumber: line.LineNumber, Units: line.Units, UnitPrice: line.UnitPrice, OrderedAt: p.OrderedAt,
		})
	}
	slices.SortFunc(r.Purchases, func(a, b orderproc.LedgerLine) int {
		return cmp.Or(a.OrderedAt.Compare(b.OrderedAt), strings.Compare(a.OrderID, b.OrderID), cmp.Compare(a.LineNumber, b.LineNumber))
	})
}

func addCredits(r *orderproc.PurchaseLedger, p *orderproc.PurchasePosting) {
	for _, line := range p.Lines {
		r.Credits = append(r.Credits, orderproc.LedgerCredit{
			OrderID: p.OrderID, CreditedAt: p.OrderedAt, Cancels: p.Cancels,
			Line: orderproc.CreditLine{
				LineNumber: line.LineNumber, ProductID: r.ProductID, Units: line.Units, UnitPrice: line.UnitPrice,
			},
		})
	}
	slices.SortFunc(r.Credits, func(a, b orderproc.LedgerCredit) int {
		return cmp.Or(a.CreditedAt.Compare(b.CreditedAt), strings.Compare(a.OrderID, b.OrderID), cmp.Compare(a.Line.LineNumber, b.Line.LineNumber))
	})
}

// forget drops what no late order can change any more: lines older than two windows before the newest one, and the
// oldest where there are too many. A dropped credit keeps the match it had.
func (l ledger) forget(r *orderproc.PurchaseLedger) {
	var newest time.Time
	if n := len(r.Purchases); n > 0 {
		newest = r.Purchases[n-1].OrderedAt
	}
	if n := len(r.Credits); n > 0 && r.Credits[n-1].CreditedAt.After(newest) {
		newest = r.Credits[n-1].CreditedAt
	}
	old := newest.Add(-2 * l.window)
	i := 0
	for i < len(r.Purchases) && (r.Purchases[i].OrderedAt.Before(old) || len(r.Purchases)-i > maxLedger) {
		i++
	}
	r.Purchases = slices.Delete(r.Purchases, 0, i)
	i = 0
	for i < len(r.Credits) && (r.Credits[i].CreditedAt.Before(old) || len(r.Credits)-i > maxLedger) {
		i++
	}
	r.Credits = slices.Delete(r.Credits, 0, i)
}

// sameMatch tells whether a line was matched the same way before.
func sameMatch(a, b *orderproc.CreditLine) bool {
	return a.Confidence == b.Confidence && a.Reason == b.Reason && a.MatchedUnits == b.MatchedUnits &&
		slices.Equal(a.Matches, b.Matches)
}
