package faults

import (
	"strings"

	"meshwork.dev/schemas"
	"meshwork.dev/schemas/wire"
)

// added is the field that newer senders write.
const added = `,{"name":"senderNote","type":["null","string"],"default":null,"doc":"A field that readers of today do not know."}`

// Newer is a topic as the next compatible version of its contract has it: with an optional field more, which is
// always written. Readers of today leave it out.
func Newer[K, V any](topic *schemas.Topic[K, V]) *schemas.Topic[K, V] {
	next := *topic
	fields := strings.TrimSuffix(topic.Info.Schema, "]}")
	next.Info.Schema = fields + added + "]}"
	next.Values.Append = func(dst []byte, v *V) []byte {
		dst = topic.Values.Append(dst, v)
		return wire.AppendString(append(dst, 2), "from the future") // 2 is the second branch: there is a text
	}
	return &next
}
