package streamtest

import (
	"encoding/binary"

	"meshwork.dev/pkg/stream"
)

// DeadLetter is a record of a dead-letter topic.
type DeadLetter struct {
	Key, Value []byte
	Headers    map[string]string // see stream.DLQReason and its neighbours
}

// DeadLetters returns the dead letters of a topic in the order they were
// written.
func (d *Driver) DeadLetters(of stream.TopicRef) []DeadLetter {
	t := d.topics[stream.DeadLetterTopic(of.TopicInfo().Name)]
	if t == nil {
		return nil
	}
	var all []DeadLetter
	for _, p := range t.order {
		r := t.parts[p.part][p.n]
		all = append(all, DeadLetter{r.key, r.value, headers(r.headers, r.count)})
	}
	return all
}

// headers decodes record headers: length and bytes of name and value each.
func headers(b []byte, count int) map[string]string {
	m := map[string]string{}
	field := func() string {
		n, size := binary.Varint(b)
		if size <= 0 || n < 0 || n > int64(len(b)-size) {
			b = nil
			return ""
		}
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s
	}
	for range count {
		k := field()
		m[k] = field()
	}
	return m
}
