package stream

import "sync/atomic"

// TxnMemory is what the transactions of all products of a process may hold together, open ones and those being
// committed, shared by its runners. As long as there is room, a product that is behind gathers up to
// Config.MaxTxnBytes: large transactions cost less per record, and publish a row once that changed many times. When
// there is none, each transaction ends at its share, so that nobody waits for others. It is safe for concurrent use.
type TxnMemory struct {
	limit, share int64
	used         atomic.Int64
}

// NewTxnMemory makes a budget of limit bytes, of which a transaction may have share in any case.
func NewTxnMemory(limit, share int64) *TxnMemory { return &TxnMemory{limit: limit, share: share} }

// txnHold is what one product holds of the budget. It belongs to the product's goroutine.
type txnHold struct {
	m            *TxnMemory // nil: no budget
	open, sealed int64
}

// grown notes the size of the open transaction, and says whether it is to end here.
func (h *txnHold) grown(n int) bool {
	if h.m == nil {
		return false
	}
	used := h.m.used.Add(int64(n) - h.open)
	h.open = int64(n)
	return int64(n) >= h.m.share && used >= h.m.limit
}

// seal makes the open transaction the one being committed.
func (h *txnHold) seal() { h.open, h.sealed = 0, h.sealed+h.open }

// committed gives back what the transaction being committed has held; dropped, what the open one has.
func (h *txnHold) committed() { h.give(&h.sealed) }
func (h *txnHold) dropped()   { h.give(&h.open) }

func (h *txnHold) give(n *int64) {
	if h.m != nil {
		h.m.used.Add(-*n)
	}
	*n = 0
}
