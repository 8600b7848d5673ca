package stream

import (
	"encoding/binary"

	"meshwork.dev/schemas"
)

// Namespaces of a task's store. Everything but rows that the output topic
// holds, and joined rows, which their own topic holds, goes to the side
// changelog under the same key.
const (
	rowState   byte = 's' // + key: the framed row
	rowWindow  byte = 'w' // + text(key) + start: the framed row of a window
	closeTimer byte = 'C' // + text(key) + start: when the window is to be closed
	sessions   byte = 'S' // + key: start and last event time of every open session
	eventTimer byte = 'T' // + text(name) + key [as in a window]: when it is due
	wallTimer  byte = 'W' // the same by the time of day
	seenID     byte = 'd' // + text(topic) + text(key) + id: when it may be forgotten
	clockState byte = 'c' // the event clock
	joinRow    byte = 'j' // + text(topic) + key: the framed row
)

// appendText appends a length and the bytes, so that what follows cannot be
// mistaken for part of them.
func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// cutText undoes appendText.
func cutText(b []byte) (s, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end:end], b[end:], true
}

// appendTime appends milliseconds so that byte order is time order.
func appendTime(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(ms)^1<<63)
}

func readTime(b []byte) (int64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b) ^ 1<<63), true
}

// joinPrefix is the namespace of a joined table.
func joinPrefix(info *schemas.Info) []byte { return appendText([]byte{joinRow}, info.Name) }
