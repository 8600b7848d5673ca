package registry

import (
	"encoding/json"
	"fmt"
)

// The records of the schemas topic, in the format of the Confluent registry: JSON keys that name their type, JSON
// values, a null value to remove. Members of a key stand in its order, as compaction compares bytes.

type keyType string

const (
	keySchema        keyType = "SCHEMA"
	keyConfig        keyType = "CONFIG"
	keyMode          keyType = "MODE"
	keyDeleteSubject keyType = "DELETE_SUBJECT"
	keyClearSubject  keyType = "CLEAR_SUBJECT"
	keyContext       keyType = "CONTEXT"
	keyNoop          keyType = "NOOP"
)

type recordKey struct {
	Type    keyType
	Subject string // empty is global
	Version int    // of keySchema
}

func (k recordKey) encode() []byte {
	var v any
	switch k.Type {
	case keySchema:
		v = struct {
			Type    keyType `json:"keytype"`
			Subject string  `json:"subject"`
			Version int     `json:"version"`
			Magic   int     `json:"magic"`
		}{k.Type, k.Subject, k.Version, 1}
	case keyNoop:
		v = struct {
			Type  keyType `json:"keytype"`
			Magic int     `json:"magic"`
		}{k.Type, 0}
	default:
		var subject *string
		if k.Subject != "" {
			subject = &k.Subject
		}
		v = struct {
			Type    keyType `json:"keytype"`
			Subject *string `json:"subject"`
			Magic   int     `json:"magic"`
		}{k.Type, subject, 0}
	}
	return mustJSON(v)
}

func decodeKey(text []byte) (recordKey, error) {
	var k struct {
		Type    keyType `json:"keytype"`
		Subject string  `json:"subject"`
		Version int     `json:"version"`
		Magic   int     `json:"magic"`
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return recordKey{}, fmt.Errorf("key: %w", err)
	}
	switch k.Type {
	case keySchema, keyConfig, keyMode, keyDeleteSubject, keyClearSubject, keyContext, keyNoop:
	default:
		return recordKey{}, fmt.Errorf("key type %q is not known", k.Type)
	}
	if k.Magic > 1 || k.Magic < 0 {
		return recordKey{}, fmt.Errorf("key magic %d is not known", k.Magic)
	}
	return recordKey{Type: k.Type, Subject: k.Subject, Version: k.Version}, nil
}

type schemaValue struct {
	Subject    string          `json:"subject"`
	Version    int             `json:"version"`
	ID         int             `json:"id"`
	GUID       string          `json:"guid,omitempty"`
	Type       string          `json:"schemaType,omitempty"`
	References []Reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
	Schema     string          `json:"schema"`
	Deleted    bool            `json:"deleted"`
}

type configValue struct {
	Subject   string `json:"subject,omitempty"`
	Level     string `json:"compatibilityLevel"`
	Normalize *bool  `json:"normalize,omitempty"`
}

type modeValue struct {
	Subject string `json:"subject,omitempty"`
	Mode    string `json:"mode"`
}

type deleteValue struct {
	Subject string `json:"subject"`
	Version int    `json:"version"` // this one and all before it
}

// noopValue is what the no-op record carries here: the highest id ever given out, so that none is given twice after
// its schema has been deleted for good. Other registries do not look at the value of a no-op.
type noopValue struct {
	MaxID int `json:"maxId"`
}

// mustJSON encodes values whose types always can be.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return text
}
