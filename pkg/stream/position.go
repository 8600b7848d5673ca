package stream

import (
	"encoding/hex"
	"encoding/json"
	"time"
)

// position is what a store remembers of Kafka: how far it has followed its
// changelogs and joined topics. It can be behind, never ahead.
type position struct {
	At     int64            `json:"at"` // milliseconds; when it was true
	Topics map[string]place `json:"topics"`
}

// place is the next offset to read, in this very topic: a deleted and created
// one of the same name has another id.
type place struct {
	ID   string `json:"id"`
	Next int64  `json:"next"`
}

func readPosition(b []byte) position {
	var p position
	if len(b) > 0 && json.Unmarshal(b, &p) != nil {
		p = position{}
	}
	if p.Topics == nil {
		p.Topics = map[string]place{}
	}
	return p
}

func (p *position) encode(now time.Time) []byte {
	p.At = now.UnixMilli()
	b, err := json.Marshal(p)
	if err != nil {
		return nil // cannot happen; a store without position is rebuilt
	}
	return b
}

func topicID(id [16]byte) string { return hex.EncodeToString(id[:]) }
