package registry

import (
	"encoding/json"
	"fmt"
	"maps"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

// Avro is the schema type this registry checks; the only one it stores.
const Avro = "AVRO"

// Reference names a schema under another subject whose types a schema uses.
type Reference struct {
	Name    string `json:"name"`    // full name of the type, by convention
	Subject string `json:"subject"` // where it is registered
	Version int    `json:"version"` // -1 is the latest at registration
}

// Schema is a schema as the registry knows it. When one is registered, looked up or checked, only Text, Type,
// References, Metadata and RuleSet are read.
type Schema struct {
	Subject    string
	ID         int    // shared by equal schemas of all subjects
	GUID       string // the same in every registry that holds the schema
	Version    int    // within Subject, counted from 1
	Type       string // empty means Avro
	Text       string
	References []Reference
	Metadata   json.RawMessage // free properties, tags and the like; part of the schema's identity
	RuleSet    json.RawMessage // data-quality and migration rules, kept but not run
}

const (
	maxReferences     = 1000 // distinct references that one schema may lead to
	maxReferenceDepth = 64
)

// resolver parses schemas with what they refer to; get finds the schema behind a reference.
type resolver struct {
	get  func(Reference) (Schema, error)
	done map[Reference]map[string]*schema.Schema
}

func parseSchema(text string, refs []Reference, get func(Reference) (Schema, error)) (*schema.Schema, error) {
	r := resolver{get: get, done: make(map[Reference]map[string]*schema.Schema)}
	return r.parse(text, refs, 0)
}

func (r *resolver) parse(text string, refs []Reference, depth int) (*schema.Schema, error) {
	if depth > maxReferenceDepth {
		return nil, fmt.Errorf("%w: references nest deeper than %d", avro.ErrSchema, maxReferenceDepth)
	}
	known := make(map[string]*schema.Schema)
	for _, ref := range refs {
		types, err := r.reference(ref, depth)
		if err != nil {
			return nil, err
		}
		maps.Copy(known, types)
	}
	s, err := schema.ParseWith(text, known)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", avro.ErrSchema, err)
	}
	return s, nil
}

func (r *resolver) reference(ref Reference, depth int) (map[string]*schema.Schema, error) {
	key := Reference{Subject: ref.Subject, Version: ref.Version}
	if types, ok := r.done[key]; ok {
		if types == nil {
			return nil, fmt.Errorf("%w: references of %s version %d lead back to it", avro.ErrSchema, ref.Subject, ref.Version)
		}
		return types, nil
	}
	if len(r.done) >= maxReferences {
		return nil, fmt.Errorf("%w: more than %d references", avro.ErrSchema, maxReferences)
	}
	r.done[key] = nil
	found, err := r.get(ref)
	if err != nil {
		return nil, fmt.Errorf("reference %s to %s version %d: %w", ref.Name, ref.Subject, ref.Version, err)
	}
	s, err := r.parse(found.Text, found.References, depth+1)
	if err != nil {
		return nil, fmt.Errorf("reference %s to %s version %d: %w", ref.Name, ref.Subject, ref.Version, err)
	}
	r.done[key] = s.Named()
	return r.done[key], nil
}
