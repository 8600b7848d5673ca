package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

// Modes of a subject or of the whole registry.
const (
	modeReadWrite        = "READWRITE"
	modeReadOnly         = "READONLY"
	modeReadOnlyOverride = "READONLY_OVERRIDE" // global, above every subject's own mode
	modeImport           = "IMPORT"            // ids and versions are given by the client, nothing is checked
	modeForward          = "FORWARD"           // read-only here; kept for tools that set it
)

func checkMode(mode string) error {
	switch mode {
	case modeReadWrite, modeReadOnly, modeReadOnlyOverride, modeImport, modeForward:
		return nil
	}
	return refuse(CodeInvalidMode, "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, IMPORT and FORWARD")
}

func (st *state) modeOf(name string) string {
	global := st.mode[""]
	if global == modeReadOnlyOverride {
		return global
	}
	if m := st.mode[name]; m != "" {
		return m
	}
	if global != "" {
		return global
	}
	return modeReadWrite
}

func (st *state) writable(name string) error {
	switch st.modeOf(name) {
	case modeReadWrite, modeImport:
		return nil
	}
	return refuse(CodeOperationNotPermitted, "Subject %s is in read-only mode", name)
}

func (s *Server) levelOf(st *state, name string) avro.Level {
	for _, scope := range []string{name, ""} {
		if c, ok := st.config[scope]; ok {
			if level, err := avro.ParseLevel(c.Level); err == nil {
				return level
			}
		}
	}
	return s.cfg.Compatibility
}

func (s *Server) normalizes(st *state, name string, asked bool) bool {
	for _, scope := range []string{name, ""} {
		if n := st.config[scope].Normalize; n != nil {
			return asked || *n
		}
	}
	return asked
}

// candidate is a schema that a client sent, read and checked as far as it can be without its subject.
type candidate struct {
	Schema
	parsed *schema.Schema
	key    contentKey
}

// candidate resolves what a client sent; strict refuses references to softly deleted versions.
func (s *Server) candidate(st *state, name string, b schemaBody, normalize, strict bool) (candidate, error) {
	sent := b.schema()
	sent.Metadata, sent.RuleSet = present(sent.Metadata), present(sent.RuleSet)
	sent.References = slices.Clone(sent.References)
	for i, r := range sent.References {
		if r.Version == -1 {
			live := st.live(r.Subject, false)
			if len(live) > 0 {
				sent.References[i].Version = live[len(live)-1].number
			}
		}
	}
	if strings.TrimSpace(sent.Text) == "" {
		return candidate{}, refuse(CodeInvalidSchema, "Empty schema")
	}
	parsed, err := st.parse(sent, !strict)
	if err != nil {
		if errors.Is(err, errNoSuchReference) {
			return candidate{}, refuse(CodeInvalidSchema, "Invalid schema: No schema reference found: %v", err)
		}
		return candidate{}, refuse(CodeInvalidSchema, "Invalid schema: %v", err)
	}
	c := candidate{Schema: stored(sent, parsed, s.normalizes(st, name, normalize)), parsed: parsed}
	c.key = keyOf(c.Schema)
	return c, nil
}

// matching returns the newest version of a subject that has this content, or nil.
func (st *state) matching(name string, key contentKey, deleted bool) *version {
	for _, v := range slices.Backward(st.live(name, deleted)) {
		if v.key == key {
			return v
		}
	}
	return nil
}

func checkSubject(name string) error {
	bad := name == "" || name == "__GLOBAL" || name == "__EMPTY" || len(name) > 1024 ||
		strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	if bad {
		return refuse(CodeInvalidSubject, "The specified subject '%s' is not a valid.", name)
	}
	return nil
}

// register gives a schema a version under a subject, and an id if no subject has it yet.
func (s *Server) register(ctx context.Context, name string, b schemaBody, normalize bool) (schemaBody, error) {
	var done schemaBody
	if err := checkSubject(name); err != nil {
		return done, err
	}
	err := s.write(ctx, func(st *state) ([]record, error) {
		c, err := s.candidate(st, name, b, normalize, true)
		if err != nil {
			return nil, err
		}
		importing := st.modeOf(name) == modeImport
		if v := st.matching(name, c.key, false); v != nil && (b.ID <= 0 || b.ID == v.id) && (b.Version <= 0 || b.Version == v.number || !importing) {
			done = describe(name, v)
			return nil, nil
		}
		if err := st.writable(name); err != nil {
			return nil, err
		}
		if importing {
			done, err = st.imported(name, b, c)
		} else {
			done, err = s.next(st, name, b, c)
		}
		if err != nil {
			return nil, err
		}
		return []record{schemaRecord(done, false)}, nil
	})
	return done, err
}

// next is a schema as the next version of its subject.
func (s *Server) next(st *state, name string, b schemaBody, c candidate) (schemaBody, error) {
	if b.ID > 0 {
		return schemaBody{}, refuse(CodeOperationNotPermitted, "Subject %s is not in import mode", name)
	}
	live := st.live(name, false)
	if messages := s.incompatibilities(st, s.levelOf(st, name), c.parsed, live); len(messages) > 0 {
		return schemaBody{}, refuse(CodeIncompatible,
			"Schema being registered is incompatible with an earlier schema for subject \"%s\", details: [%s], compatibility: %s",
			name, strings.Join(messages, "; "), s.levelOf(st, name))
	}
	number := 1
	if all := st.live(name, true); len(all) > 0 {
		number = all[len(all)-1].number + 1
	}
	if b.Version > 0 && b.Version != number {
		return schemaBody{}, refuse(CodeInvalidVersion, "Version is not one more than previous version: %d, want %d", b.Version, number)
	}
	id, guid := st.maxID+1, guidOf(c.Schema)
	if known := st.byKey[c.key]; known != nil {
		// Equal schemas share one id, and with it the text under which it was first seen.
		id, guid, c.Schema = known.id, known.guid, known.Schema
	}
	return bodyOf(name, number, id, guid, c.Schema), nil
}

// imported is a schema under the id and version that a client gives, as a copy of another registry's.
func (st *state) imported(name string, b schemaBody, c candidate) (schemaBody, error) {
	if b.ID <= 0 {
		return schemaBody{}, refuse(CodeOperationNotPermitted, "Subject %s is in import mode: a schema needs its id", name)
	}
	if other := st.byID[b.ID]; other != nil && other.key != c.key {
		return schemaBody{}, refuse(CodeOperationNotPermitted, "Overwrite new schema with id %d is not permitted.", b.ID)
	}
	number := b.Version
	if number <= 0 {
		number = 1
		if all := st.live(name, true); len(all) > 0 {
			number = all[len(all)-1].number + 1
		}
	}
	if old := st.find(name, number); old != nil && old.key != c.key {
		return schemaBody{}, refuse(CodeOperationNotPermitted, "Overwrite of version %d of subject %s is not permitted.", number, name)
	}
	guid := guidOf(c.Schema)
	if known := st.byID[b.ID]; known != nil {
		guid, c.Schema = known.guid, known.Schema
	}
	return bodyOf(name, number, b.ID, guid, c.Schema), nil
}

// incompatibilities says what a level has against a schema, given the versions there are.
func (s *Server) incompatibilities(st *state, level avro.Level, next *schema.Schema, live []*version) []string {
	if level == avro.LevelNone {
		return nil
	}
	if !level.Transitive() && len(live) > 1 {
		live = live[len(live)-1:]
	}
	var messages []string
	var earlier []avro.Version
	for _, v := range live {
		parsed, err := st.schemaOf(v.content)
		if err != nil {
			messages = append(messages, fmt.Sprintf("version %d: cannot be read: %v", v.number, err))
			continue
		}
		earlier = append(earlier, avro.Version{Number: v.number, Schema: parsed})
	}
	for _, i := range avro.CheckVersions(level, next, earlier) {
		messages = append(messages, i.String())
	}
	return messages
}

func schemaRecord(b schemaBody, deleted bool) record {
	return record{
		key: recordKey{Type: keySchema, Subject: b.Subject, Version: b.Version}.encode(),
		value: mustJSON(schemaValue{
			Subject: b.Subject, Version: b.Version, ID: b.ID, GUID: b.GUID, Type: b.Type, References: b.References,
			Metadata: b.Metadata, RuleSet: b.RuleSet, Schema: b.Schema, Deleted: deleted,
		}),
	}
}

func bodyOf(name string, number, id int, guid string, s Schema) schemaBody {
	return schemaBody{
		Subject: name, Version: number, ID: id, GUID: guid, Type: s.Type, References: s.References,
		Metadata: s.Metadata, RuleSet: s.RuleSet, Schema: s.Text,
	}
}

func describe(name string, v *version) schemaBody {
	b := bodyOf(name, v.number, v.id, v.guid, v.Schema)
	b.Deleted = v.deleted
	return b
}
