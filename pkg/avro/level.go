package avro

import (
	"fmt"
	"strings"
)

// Level is a compatibility level of the schema registry: which versions a new schema is checked against, and who
// must be able to read whom.
type Level string

// The levels. Without TRANSITIVE only the latest version counts.
const (
	LevelNone               Level = "NONE"                // anything goes
	LevelBackward           Level = "BACKWARD"            // the new schema reads data of the latest version
	LevelBackwardTransitive Level = "BACKWARD_TRANSITIVE" // the new schema reads data of every version
	LevelForward            Level = "FORWARD"             // the latest version reads data of the new schema
	LevelForwardTransitive  Level = "FORWARD_TRANSITIVE"  // every version reads data of the new schema
	LevelFull               Level = "FULL"                // both, with the latest version
	LevelFullTransitive     Level = "FULL_TRANSITIVE"     // both, with every version; the default of this registry
)

// ParseLevel reads a level in any letter case.
func ParseLevel(text string) (Level, error) {
	switch l := Level(strings.ToUpper(text)); l {
	case LevelNone, LevelBackward, LevelBackwardTransitive, LevelForward, LevelForwardTransitive, LevelFull, LevelFullTransitive:
		return l, nil
	}
	return "", fmt.Errorf("compatibility level %q is none of NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, "+
		"FORWARD_TRANSITIVE, FULL, FULL_TRANSITIVE", text)
}

// Backward reports whether the new schema must read earlier data.
func (l Level) Backward() bool {
	return l == LevelBackward || l == LevelBackwardTransitive || l == LevelFull || l == LevelFullTransitive
}

// Forward reports whether earlier schemas must read new data.
func (l Level) Forward() bool {
	return l == LevelForward || l == LevelForwardTransitive || l == LevelFull || l == LevelFullTransitive
}

// Transitive reports whether every earlier version counts.
func (l Level) Transitive() bool {
	return l == LevelBackwardTransitive || l == LevelForwardTransitive || l == LevelFullTransitive
}
