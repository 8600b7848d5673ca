package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/avro/schema"
)

// state is the registry as the records read so far make it. One goroutine applies records; any number read.
type state struct {
	mu       sync.RWMutex
	position int64         // of the next record
	moved    chan struct{} // closed when position moves, and replaced

	subjects map[string]*subject
	byID     map[int]*content
	byKey    map[contentKey]*content
	byGUID   map[string]*content
	maxID    int
	config   map[string]configValue // the global one under ""
	mode     map[string]string
}

// subject holds its versions in ascending order, softly deleted ones included.
type subject struct{ versions []*version }

type version struct {
	number  int
	deleted bool
	*content
}

// content is one schema under one id, immutable but for uses and the lazily parsed form.
type content struct {
	id   int
	guid string
	Schema
	key  contentKey
	uses int // versions that have it, deleted ones included; at 0 it is forgotten

	parse  sync.Once
	parsed *schema.Schema
	err    error
}

func newState() *state {
	return &state{
		moved: make(chan struct{}), subjects: make(map[string]*subject), byID: make(map[int]*content),
		byKey: make(map[contentKey]*content), byGUID: make(map[string]*content),
		config: make(map[string]configValue), mode: make(map[string]string),
	}
}

// size is the number of schemas.
func (st *state) size() int {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return len(st.byID)
}

// advance moves the position and wakes those who wait for it.
func (st *state) advance(position int64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.position = position
	close(st.moved)
	st.moved = make(chan struct{})
}

// apply takes one record in. An error means the record was skipped; the state is then as before.
func (st *state) apply(key, value []byte) error {
	k, err := decodeKey(key)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	switch k.Type {
	case keySchema:
		return st.applySchema(k, value)
	case keyConfig:
		return applyScoped(st.config, k, value, func(v configValue) error { _, err := avro.ParseLevel(v.Level); return err })
	case keyMode:
		modes := make(map[string]modeValue)
		err := applyScoped(modes, k, value, func(v modeValue) error { return checkMode(v.Mode) })
		if err == nil {
			delete(st.mode, k.Subject)
			if m, ok := modes[k.Subject]; ok {
				st.mode[k.Subject] = m.Mode
			}
		}
		return err
	case keyDeleteSubject:
		var v deleteValue
		if len(value) == 0 {
			return nil
		}
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("value: %w", err)
		}
		if s := st.subjects[k.Subject]; s != nil {
			for _, ver := range s.versions {
				ver.deleted = ver.deleted || ver.number <= v.Version
			}
		}
		return nil
	case keyClearSubject:
		if len(value) > 0 {
			for s := st.subjects[k.Subject]; s != nil && len(s.versions) > 0; s = st.subjects[k.Subject] {
				st.remove(k.Subject, s.versions[0].number)
			}
		}
		return nil
	case keyNoop:
		var v noopValue
		if len(value) > 0 && json.Unmarshal(value, &v) == nil {
			st.maxID = max(st.maxID, v.MaxID)
		}
	default: // contexts say nothing that is needed here
	}
	return nil
}

func applyScoped[V any](m map[string]V, k recordKey, value []byte, check func(V) error) error {
	if len(value) == 0 {
		delete(m, k.Subject)
		return nil
	}
	var v V
	if err := json.Unmarshal(value, &v); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if err := check(v); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	m[k.Subject] = v
	return nil
}

func (st *state) applySchema(k recordKey, value []byte) error {
	if len(value) == 0 {
		st.remove(k.Subject, k.Version)
		return nil
	}
	var v schemaValue
	if err := json.Unmarshal(value, &v); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if v.ID <= 0 || k.Version <= 0 || k.Subject == "" {
		return fmt.Errorf("subject %q version %d id %d cannot be", k.Subject, k.Version, v.ID)
	}
	text := Schema{Type: v.Type, Text: v.Schema, References: v.References, Metadata: present(v.Metadata), RuleSet: present(v.RuleSet)}
	key := keyOf(text)
	c := st.byID[v.ID]
	if c != nil && c.key != key {
		return fmt.Errorf("id %d is already that of another schema", v.ID)
	}
	if c == nil {
		c = &content{id: v.ID, guid: v.GUID, Schema: text, key: key}
		if c.guid == "" {
			c.guid = guidOf(text)
		}
		st.byID[c.id] = c
		if st.byKey[key] == nil {
			st.byKey[key] = c
		}
		if st.byGUID[c.guid] == nil {
			st.byGUID[c.guid] = c
		}
		st.maxID = max(st.maxID, c.id)
	}
	c.uses++
	st.remove(k.Subject, k.Version) // what this record replaces; after uses++, so that shared content stays
	s := st.subjects[k.Subject]
	if s == nil {
		s = &subject{}
		st.subjects[k.Subject] = s
	}
	at, _ := slices.BinarySearchFunc(s.versions, k.Version, func(ver *version, n int) int { return ver.number - n })
	s.versions = slices.Insert(s.versions, at, &version{number: k.Version, deleted: v.Deleted, content: c})
	return nil
}

// remove forgets a version, and its schema when no other version has it.
func (st *state) remove(name string, number int) {
	s := st.subjects[name]
	if s == nil {
		return
	}
	i := slices.IndexFunc(s.versions, func(v *version) bool { return v.number == number })
	if i < 0 {
		return
	}
	c := s.versions[i].content
	s.versions = slices.Delete(s.versions, i, i+1)
	if len(s.versions) == 0 {
		delete(st.subjects, name)
	}
	if c.uses--; c.uses > 0 {
		return
	}
	delete(st.byID, c.id)
	if st.byKey[c.key] == c {
		delete(st.byKey, c.key)
	}
	if st.byGUID[c.guid] == c {
		delete(st.byGUID, c.guid)
	}
}

// find returns a version, deleted or not, or nil.
func (st *state) find(name string, number int) *version {
	if s := st.subjects[name]; s != nil {
		for _, v := range s.versions {
			if v.number == number {
				return v
			}
		}
	}
	return nil
}

// live returns the versions of a subject; softly deleted ones only if deleted is true.
func (st *state) live(name string, deleted bool) []*version {
	s := st.subjects[name]
	if s == nil {
		return nil
	}
	list := make([]*version, 0, len(s.versions))
	for _, v := range s.versions {
		if deleted || !v.deleted {
			list = append(list, v)
		}
	}
	return list
}

// referenced returns the ids of schemas that refer to a version and are not deleted, in ascending order.
func (st *state) referenced(name string, number int) []int {
	ids := []int{}
	for _, s := range st.subjects {
		for _, v := range s.versions {
			if v.deleted {
				continue
			}
			if slices.ContainsFunc(v.References, func(r Reference) bool { return r.Subject == name && r.Version == number }) {
				ids = append(ids, v.id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

var errNoSuchReference = errors.New("no such schema")

// schemaOf parses content with what it refers to. The caller holds mu.
func (st *state) schemaOf(c *content) (*schema.Schema, error) {
	c.parse.Do(func() { c.parsed, c.err = st.parse(c.Schema, true) })
	return c.parsed, c.err
}

// parse reads a schema whose references are in the state; softly deleted ones count if deleted is true.
func (st *state) parse(s Schema, deleted bool) (*schema.Schema, error) {
	if s.Type != "" && s.Type != Avro {
		return nil, fmt.Errorf("%w: schema type %s is not supported, only %s", avro.ErrSchema, s.Type, Avro)
	}
	return parseSchema(s.Text, s.References, func(r Reference) (Schema, error) {
		v := st.find(r.Subject, r.Version)
		if v == nil || v.deleted && !deleted {
			return Schema{}, errNoSuchReference
		}
		return v.Schema, nil
	})
}

func present(m json.RawMessage) json.RawMessage {
	if string(m) == "null" {
		return nil
	}
	return m
}
