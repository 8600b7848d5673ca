package registry

import (
	"crypto/sha256"
	"encoding/json"
)

// The JSON bodies of the REST API, shared by client and server. Unknown members are ignored on both sides.

type schemaBody struct {
	Subject    string          `json:"subject,omitempty"`
	Version    int             `json:"version,omitempty"`
	ID         int             `json:"id,omitempty"`
	GUID       string          `json:"guid,omitempty"`
	Type       string          `json:"schemaType,omitempty"`
	References []Reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
	Schema     string          `json:"schema"`
	Deleted    bool            `json:"deleted,omitempty"`
}

func body(s Schema) schemaBody {
	t := s.Type
	if t == Avro {
		t = "" // the default, and the oldest registries know no other
	}
	return schemaBody{Schema: s.Text, Type: t, References: s.References, Metadata: s.Metadata, RuleSet: s.RuleSet}
}

func (b schemaBody) schema() Schema {
	return Schema{
		Subject: b.Subject, ID: b.ID, GUID: b.GUID, Version: b.Version, Type: b.Type, Text: b.Schema,
		References: b.References, Metadata: b.Metadata, RuleSet: b.RuleSet,
	}
}

func registrationKey(subject string, s Schema) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode([]any{subject, body(s)}); err != nil {
		// Only an invalid Metadata or RuleSet cannot be encoded, and the request will say so.
		return "invalid"
	}
	return string(h.Sum(nil))
}

type errorBody struct {
	Code    Code   `json:"error_code"`
	Message string `json:"message"`
}

type compatibilityBody struct {
	IsCompatible bool     `json:"is_compatible"`
	Messages     []string `json:"messages,omitempty"`
}

type configBody struct {
	Level         string `json:"compatibilityLevel,omitempty"`
	Compatibility string `json:"compatibility,omitempty"`
	Normalize     *bool  `json:"normalize,omitempty"`
}

type modeBody struct {
	Mode string `json:"mode"`
}

type subjectVersionBody struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// byIDBody is a schema asked for by id: without the subjects that have it.
type byIDBody struct {
	Type       string          `json:"schemaType,omitempty"`
	Schema     string          `json:"schema"`
	References []Reference     `json:"references,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	RuleSet    json.RawMessage `json:"ruleSet,omitempty"`
	GUID       string          `json:"guid,omitempty"`
	MaxID      int             `json:"maxId,omitempty"`
}
