package registry

import "context"

// deleteSubject deletes all versions of a subject, softly or for good, and returns their numbers.
func (s *Server) deleteSubject(ctx context.Context, name string, permanent bool) ([]int, error) {
	var numbers []int
	err := s.write(ctx, func(st *state) ([]record, error) {
		numbers = numbers[:0]
		all, live := st.live(name, true), st.live(name, false)
		switch {
		case len(all) == 0:
			return nil, subjectNotFound(name)
		case !permanent && len(live) == 0:
			return nil, refuse(CodeSubjectSoftDeleted, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", name)
		case permanent && len(live) > 0:
			return nil, refuse(CodeSubjectNotSoftDeleted, "Subject '%s' was not deleted first before being permanently deleted", name)
		}
		if err := st.writable(name); err != nil {
			return nil, err
		}
		for _, v := range all {
			if v.deleted && !permanent {
				continue
			}
			if err := st.free(name, v.number); err != nil {
				return nil, err
			}
			numbers = append(numbers, v.number)
		}
		if !permanent {
			last := all[len(all)-1].number
			return []record{{
				key:   recordKey{Type: keyDeleteSubject, Subject: name}.encode(),
				value: mustJSON(deleteValue{Subject: name, Version: last}),
			}}, nil
		}
		records := []record{st.keepMaxID()}
		for _, n := range numbers {
			records = append(records, record{key: recordKey{Type: keySchema, Subject: name, Version: n}.encode()})
		}
		for _, t := range []keyType{keyDeleteSubject, keyConfig, keyMode} {
			records = append(records, record{key: recordKey{Type: t, Subject: name}.encode()})
		}
		return records, nil
	})
	return numbers, err
}

// deleteVersion deletes one version of a subject; 0 is the latest.
func (s *Server) deleteVersion(ctx context.Context, name string, number int, permanent bool) (int, error) {
	deleted := number
	err := s.write(ctx, func(st *state) ([]record, error) {
		if len(st.live(name, true)) == 0 {
			return nil, subjectNotFound(name)
		}
		v := st.find(name, number)
		if number == 0 {
			if live := st.live(name, permanent); len(live) > 0 {
				v = live[len(live)-1]
			}
		}
		switch {
		case v == nil:
			return nil, versionNotFound(number)
		case !permanent && v.deleted:
			return nil, refuse(CodeVersionSoftDeleted, "Subject '%s' Version %d was soft deleted.Set permanent=true to delete permanently", name, v.number)
		case permanent && !v.deleted:
			return nil, refuse(CodeVersionNotSoftDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", name, v.number)
		}
		if err := st.writable(name); err != nil {
			return nil, err
		}
		if err := st.free(name, v.number); err != nil {
			return nil, err
		}
		deleted = v.number
		if !permanent {
			return []record{schemaRecord(describe(name, v), true)}, nil
		}
		return []record{st.keepMaxID(), {key: recordKey{Type: keySchema, Subject: name, Version: v.number}.encode()}}, nil
	})
	return deleted, err
}

// free refuses to delete what a schema refers to.
func (st *state) free(name string, number int) error {
	if ids := st.referenced(name, number); len(ids) > 0 {
		return refuse(CodeReferenceExists, "One or more references exist to the schema {subject=%s,version=%d}: schema ids %v", name, number, ids)
	}
	return nil
}

func (st *state) keepMaxID() record {
	return record{key: recordKey{Type: keyNoop}.encode(), value: mustJSON(noopValue{MaxID: st.maxID})}
}
