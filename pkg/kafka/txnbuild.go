package kafka

// GroupMeta identifies a group member at one moment: the offsets of a transaction are accepted only while it still
// is that member in that epoch. The zero member (Epoch -1, no MemberID) writes offsets without that check.
type GroupMeta struct {
	Group      string
	MemberID   string
	InstanceID string
	Epoch      int32 // member epoch (KIP-848) or generation (classic); -1 for none
}

// Txn is a transaction being built in memory. It is not safe for concurrent use, but several may be built at once
// and one built while another is committed. [TxnProducer.Commit] or Discard end its use: its memory is used again.
type Txn struct {
	p       *TxnProducer
	parts   map[TopicPartition]*txnPart
	used    []*txnPart // those with a builder asked for in this transaction
	offsets map[string]*txnOffsets
}

type txnPart struct {
	BatchBuilder
	tp    TopicPartition
	inUse bool
	next  int   // batch to be sent next
	seq   int32 // its sequence number
	item  produceItem
}

type txnOffsets struct {
	meta GroupMeta
	at   map[TopicPartition]int64
}

// NewTxn begins a transaction in memory. Nothing is sent before Commit.
func (p *TxnProducer) NewTxn() *Txn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		t := p.free[n-1]
		p.free = p.free[:n-1]
		return t
	}
	return &Txn{p: p, parts: map[TopicPartition]*txnPart{}, offsets: map[string]*txnOffsets{}}
}

// Partition is the builder of one partition's records. It stays valid until the transaction is committed or
// discarded; keep it in a variable when many records go to the same partition.
func (t *Txn) Partition(tp TopicPartition) *BatchBuilder {
	pt := t.parts[tp]
	if pt == nil {
		pt = &txnPart{tp: tp, BatchBuilder: BatchBuilder{Codec: t.p.cfg.Codec, MaxBytes: t.p.cfg.MaxBatchBytes}}
		t.parts[tp] = pt
	}
	if !pt.inUse {
		pt.inUse = true
		t.used = append(t.used, pt)
	}
	return &pt.BatchBuilder
}

// Append adds a record. ts is in milliseconds since 1970; a nil key or value is a null.
func (t *Txn) Append(tp TopicPartition, ts int64, key, value []byte, headers ...Header) {
	b := t.Partition(tp)
	if len(headers) == 0 {
		b.Append(ts, key, value, nil, 0)
		return
	}
	var room [256]byte
	enc := room[:0]
	for _, h := range headers {
		enc = AppendHeader(enc, h.Key, h.Value)
	}
	b.Append(ts, key, value, enc, len(headers))
}

// Offset makes next the committed offset of the group for the partition when the transaction commits. The member
// given last for a group is the one that commits all its offsets.
func (t *Txn) Offset(m GroupMeta, tp TopicPartition, next int64) {
	o := t.offsets[m.Group]
	if o == nil {
		o = &txnOffsets{at: map[TopicPartition]int64{}}
		t.offsets[m.Group] = o
	}
	o.meta = m
	o.at[tp] = next
}

// Records is the number of records so far.
func (t *Txn) Records() int {
	n := 0
	for _, pt := range t.used {
		n += pt.Len()
	}
	return n
}

// Bytes is the size of the records so far, uncompressed.
func (t *Txn) Bytes() int {
	n := 0
	for _, pt := range t.used {
		n += pt.Bytes()
	}
	return n
}

// Discard drops the transaction. Nothing of it was sent, so this costs nothing.
func (t *Txn) Discard() { t.p.recycle(t) }

const (
	spareTxns  = 4
	spareParts = 4096 // more partitions than this are not remembered
)

// recycle empties the transaction and keeps what is small of it for another. The memory of its records goes to whichever
// transaction of the process needs some next: a process has dozens of products with dozens of partitions each.
func (p *TxnProducer) recycle(t *Txn) {
	for _, pt := range t.used {
		pt.release()
		pt.inUse, pt.next = false, 0
	}
	t.used = t.used[:0]
	for _, o := range t.offsets {
		clear(o.at)
	}
	if len(t.parts) > spareParts || len(t.offsets) > spareParts {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < spareTxns {
		p.free = append(p.free, t)
	}
}
