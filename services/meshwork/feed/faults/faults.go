package faults

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
)

// Config says how many of which fault, in ten thousand messages. The zero value changes nothing.
type Config struct {
	Seed       uint64
	Duplicates int // sent again, up to Distance messages later
	// Reordered are held back for up to Distance messages or Within, whichever is sooner, with all that follow under
	// the same key.
	Reordered int
	// Late are page views and searches held back until they are LateBy behind, whatever else their visitor does.
	Late   int
	Poison int // records of bytes nobody can read, put between the messages, on the topics of the messages
	Newer  int // written under a newer version of the contract

	Distance int           // 100
	Within   time.Duration // 2 minutes
	LateBy   time.Duration // 2 hours
}

func (c Config) withDefaults() Config {
	if c.Distance <= 0 {
		c.Distance = 100
	}
	if c.Within <= 0 {
		c.Within = 2 * time.Minute
	}
	if c.LateBy <= 0 {
		c.LateBy = 2 * time.Hour
	}
	return c
}

// Injected counts the faults so far.
type Injected struct {
	Messages                           int64 // of the feed that have been passed on
	Duplicates, Reordered, Late, Newer int64
	Poison                             map[string]int64 // by topic
}

// Poisoned is the number of poison records on all topics.
func (i *Injected) Poisoned() (n int64) {
	for _, v := range i.Poison {
		n += v
	}
	return n
}

// held are messages of one key that wait.
type held struct {
	key     string
	list    []feed.Message
	release int64 // at this number of messages
}

// Source is a feed with faults.
type Source struct {
	c     Config
	from  feed.Source
	r     *rand.Rand
	n     int64 // messages taken from the feed
	ready []feed.Message
	again []held // duplicates and late ones, to be sent at their number or time
	byKey map[string]*held
	wait  []*held // in the order they were held
	ended bool
	count Injected
}

var _ feed.Stopper = (*Source)(nil)

// New puts faults on a feed.
func New(from feed.Source, c Config) *Source {
	c = c.withDefaults()
	return &Source{
		c: c, from: from, r: rand.New(rand.NewPCG(c.Seed, 0xfa017)), byKey: map[string]*held{},
		count: Injected{Poison: map[string]int64{}},
	}
}

// Injected gives the counts so far.
func (s *Source) Injected() Injected { return s.count }

// Next returns the next message, or io.EOF when the feed and all that was held back have ended.
func (s *Source) Next() (feed.Message, error) {
	for {
		if len(s.ready) > 0 {
			m := s.ready[0]
			s.ready[0] = feed.Message{}
			s.ready = s.ready[1:]
			return m, nil
		}
		s.ready = nil
		if s.ended {
			return feed.Message{}, io.EOF
		}
		m, err := s.from.Next()
		switch {
		case errors.Is(err, io.EOF):
			s.ended = true
			s.release(time.Time{})
		case err != nil:
			return feed.Message{}, err //nolint:wrapcheck // the feed's own error
		default:
			s.n++
			s.take(m)
			s.release(m.At)
		}
	}
}

// Stop lets Next return everything that is held back, before its time, and then io.EOF. The feed is not asked again.
func (s *Source) Stop() {
	if !s.ended {
		s.ended = true
		s.release(time.Time{})
	}
}

func (s *Source) chance(share int) bool { return share > 0 && s.r.IntN(10_000) < share }

// take decides what becomes of a message.
func (s *Source) take(m feed.Message) {
	topic, key := address(&m)
	if s.chance(s.c.Poison) {
		s.ready = append(s.ready, feed.Message{At: m.At, Raw: &feed.Raw{Topic: topic, Key: []byte(key), Value: s.poison()}})
		s.count.Poison[topic]++
	}
	if s.chance(s.c.Newer) {
		m.Newer = true
		s.count.Newer++
	}
	s.count.Messages++
	due := s.n + 1 + s.r.Int64N(int64(s.c.Distance))
	if s.chance(s.c.Late) && mayBeLate(&m) {
		s.again = append(s.again, held{key: key, list: []feed.Message{m}})
		s.count.Late++
		return
	}
	if s.chance(s.c.Duplicates) {
		s.again = append(s.again, held{key: key, list: []feed.Message{m}, release: due})
		s.count.Duplicates++
	}
	if h := s.byKey[key]; h != nil {
		h.list = append(h.list, m) // behind the others of its key
		return
	}
	if s.chance(s.c.Reordered) {
		h := &held{key: key, list: []feed.Message{m}, release: due}
		s.byKey[key] = h
		s.wait = append(s.wait, h)
		s.count.Reordered++
		return
	}
	s.ready = append(s.ready, m)
}

// release passes on what has waited long enough; the zero time means everything.
func (s *Source) release(now time.Time) {
	left := s.wait[:0]
	for _, h := range s.wait {
		if now.IsZero() || s.n >= h.release || now.Sub(h.list[0].At) > s.c.Within {
			s.ready = append(s.ready, h.list...)
			delete(s.byKey, h.key)
			continue
		}
		left = append(left, h)
	}
	clear(s.wait[len(left):])
	s.wait = left

	again := s.again[:0]
	for _, h := range s.again {
		m := h.list[0]
		late := h.release == 0
		switch {
		case !now.IsZero() && late && now.Sub(m.At) <= s.c.LateBy, !now.IsZero() && !late && s.n < h.release:
			again = append(again, h)
		case s.byKey[h.key] != nil: // never before the others of its key
			again = append(again, h)
		default:
			s.ready = append(s.ready, m)
		}
	}
	clear(s.again[len(again):])
	s.again = again
}

// mayBeLate says whether a message means the same later: nothing is counted on a page view.
func mayBeLate(m *feed.Message) bool {
	return m.Action != nil && (m.Action.Kind == shop.ActionKindPage || m.Action.Kind == shop.ActionKindSearch)
}

// unknownSchema is an id that no registry has given out.
const unknownSchema = 0x7ffffff0

// poison is a value in one of four ways unreadable.
func (s *Source) poison() []byte {
	noise := binary.BigEndian.AppendUint64([]byte{0xff}, s.r.Uint64())
	switch s.r.IntN(4) {
	case 0:
		return noise // no framing
	case 1:
		return []byte{0, 0, 0} // the framing is cut off
	case 2:
		return append(binary.BigEndian.AppendUint32([]byte{0}, unknownSchema), noise...)
	default:
		return []byte(`{"json": "is no Avro"}`)
	}
}

// address is the topic and the key of a message.
func address(m *feed.Message) (topic, key string) {
	switch {
	case m.Action != nil:
		return shop.ShopActionEvent.Name(), m.Action.VisitorID
	case m.Order != nil:
		return orderproc.CreateOrderCommand.Name(), m.Order.OrderID
	case m.Cancel != nil:
		return orderproc.CancelOrderCommand.Name(), m.Cancel.OrderID
	case m.Change != nil:
		return product.ProductChangeEvent.Name(), m.Change.ProductID
	case m.Customer != nil:
		return customer.CustomerChangeEvent.Name(), m.Customer.CustomerID
	case m.Interaction != nil:
		return customerint.InteractionCommand.Name(), m.Interaction.CustomerID
	default:
		return m.Raw.Topic, string(m.Raw.Key)
	}
}
