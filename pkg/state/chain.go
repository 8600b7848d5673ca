package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// chain proves that no Apply of a disk store is missing before a later one.
//
// Pebble itself would not notice: it takes a damaged end of its manifest, or a
// lost pointer to it, as an older list of tables, and replays over that the
// newest logs, whose position then stands for tables that are not there. So
// every Apply writes a link, a key with its number. When the store is opened,
// the links up to the last Apply must be there without a gap, back to before the
// oldest log that may be replayed; what lies before that is in tables, of which
// a manifest always lists a prefix.
type chain struct {
	first, last uint64 // links present; last is the newest Apply

	created atomic.Int64     // logs Pebble has begun
	seen    int64            // of them, by the owner
	starts  [keptLogs]uint64 // last when they were seen, a ring
}

const (
	linkPrefix = "\x00link"

	// More logs than this never wait to be flushed: the queue of memtables is
	// limited to the size of four, and the first few are smaller.
	keptLogs = 16
)

func linkKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte(linkPrefix), n) }

// logCreated takes Pebble's announcement of a new log.
func (c *chain) logCreated(pebble.WALCreateInfo) { c.created.Add(1) }

// extend adds the link of the Apply that batch makes.
func (c *chain) extend(batch *pebble.Batch) error {
	for created := c.created.Load(); c.seen < created; c.seen++ {
		at := &c.starts[c.seen%keptLogs]
		if *at > c.first {
			if err := batch.DeleteRange(linkKey(c.first), linkKey(*at), nil); err != nil {
				return err
			}
			c.first = *at
		}
		*at = c.last
	}
	c.last++
	return batch.Set(linkKey(c.last), nil, nil)
}

func (c *chain) append(dst []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, c.first), c.last)
}

// parse reads what append has written and returns its length, or 0.
func (c *chain) parse(b []byte) int {
	first, n := binary.Uvarint(b)
	if n <= 0 {
		return 0
	}
	last, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return 0
	}
	c.first, c.last = first, last
	return n + m
}

// verify returns ErrCorrupt unless all links are there and no others.
func (c *chain) verify(db *pebble.DB) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte(linkPrefix), UpperBound: successor([]byte(linkPrefix))})
	if err != nil {
		return readError(err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	want := max(c.first, 1)
	for ok := it.First(); ok; ok = it.Next() {
		n := binary.BigEndian.Uint64(it.Key()[len(linkPrefix):])
		if n != want {
			return fmt.Errorf("%w: batch %d is missing before %d", ErrCorrupt, want, n)
		}
		want++
	}
	if err := it.Error(); err != nil {
		return readError(err)
	}
	if want != c.last+1 {
		return fmt.Errorf("%w: batch %d is missing", ErrCorrupt, want)
	}
	return nil
}
