package registrytest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
)

func (s *suite) health(t *testing.T) {
	t.Helper()
	types, err := s.client.SupportedTypes(t.Context())
	require.NoError(t, err)
	require.Contains(t, types, sr.TypeAvro)
	_, err = s.client.Subjects(t.Context())
	require.NoError(t, err)
	a := s.call(t, http.MethodGet, "/subjects", nil)
	require.Contains(t, a.header.Get("Content-Type"), "json")
	for _, path := range []string{"/", "/v1/metadata/id", "/v1/metadata/version"} {
		if !s.features.NoListing {
			require.Equal(t, http.StatusOK, s.call(t, http.MethodGet, path, nil).status, path)
		}
	}
	levels := s.client.Compatibility(t.Context())
	require.NoError(t, levels[0].Err)
	require.Equal(t, s.features.DefaultLevel, levels[0].Level.String())
}

func (s *suite) registerAndRead(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	first := s.register(t, sub, text)
	require.Equal(t, 1, first.Version)
	require.Positive(t, first.ID)
	require.Equal(t, sub, first.Subject)
	again := s.register(t, sub, text)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, first.Version, again.Version)

	byID, err := s.client.SchemaByID(t.Context(), first.ID)
	require.NoError(t, err)
	require.JSONEq(t, text, byID.Schema)
	require.Equal(t, sr.TypeAvro, byID.Type)
	plain, err := s.client.SchemaTextByVersion(t.Context(), sub, 1)
	require.NoError(t, err)
	require.JSONEq(t, text, plain)
	for _, version := range []int{1, -1} {
		v, err := s.client.SchemaByVersion(t.Context(), sub, version)
		require.NoError(t, err)
		require.Equal(t, first.ID, v.ID)
		require.Equal(t, 1, v.Version)
		require.Equal(t, sub, v.Subject)
		require.JSONEq(t, text, v.Schema.Schema)
	}
	versions, err := s.client.SubjectVersions(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, []int{1}, versions)
	subjects, err := s.client.Subjects(t.Context())
	require.NoError(t, err)
	require.Contains(t, subjects, sub)

	var id struct {
		ID int `json:"id"`
	}
	s.call(t, http.MethodPost, "/subjects/"+sub+"/versions?normalize=true", map[string]any{"schema": text}).into(t, &id)
	require.Equal(t, first.ID, id.ID)
}

func (s *suite) layout(t *testing.T) {
	t.Helper()
	sub := subject()
	name, text := record(fieldA, fieldBDefault)
	first := s.register(t, sub, text)
	other := ` { "fields" : [ {"type":{"type":"string"},"name":"a"}, {"default":7,"name":"b","type":"int"} ], "type":"record",
		"name" : "registrytest.` + name + `" } `
	require.Equal(t, first.ID, s.register(t, sub, other).ID)
	found, err := s.client.LookupSchema(t.Context(), sub, sr.Schema{Schema: other})
	require.NoError(t, err)
	require.Equal(t, first.ID, found.ID)
	documented := strings.Replace(text, `"type":"record"`, `"type":"record","doc":"Says more."`, 1)
	require.NotEqual(t, first.ID, s.register(t, sub, documented).ID)
}

func (s *suite) lookup(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	_, err := s.client.LookupSchema(t.Context(), sub, sr.Schema{Schema: text})
	require.Error(t, err)
	s.refused(t, s.call(t, http.MethodPost, "/subjects/"+sub, map[string]any{"schema": text}), 40401)
	first := s.register(t, sub, text)
	found, err := s.client.LookupSchema(t.Context(), sub, sr.Schema{Schema: text})
	require.NoError(t, err)
	require.Equal(t, first.ID, found.ID)
	require.Equal(t, 1, found.Version)
	_, other := record(fieldA)
	s.refused(t, s.call(t, http.MethodPost, "/subjects/"+sub, map[string]any{"schema": other}), 40403)
}

func (s *suite) sharedIDs(t *testing.T) {
	t.Helper()
	one, two := subject(), subject()
	_, text := record(fieldA)
	a, b := s.register(t, one, text), s.register(t, two, text)
	require.Equal(t, a.ID, b.ID)
	_, text = record(fieldA)
	require.NotEqual(t, a.ID, s.register(t, subject(), text).ID)
	if s.features.NoListing {
		return
	}
	uses, err := s.client.SchemaVersionsByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []sr.SubjectVersion{{Subject: one, Version: 1}, {Subject: two, Version: 1}}, uses)
	subjects, err := s.client.SubjectsByID(t.Context(), a.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{one, two}, subjects)
}

func (s *suite) unknownMembers(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	var id struct {
		ID int `json:"id"`
	}
	s.call(t, http.MethodPost, "/subjects/"+sub+"/versions", map[string]any{
		"schema": text, "schemaType": "AVRO", "references": []any{}, "metadata": nil, "ruleSet": nil, "somethingNew": map[string]any{"x": 1},
	}).into(t, &id)
	require.Positive(t, id.ID)
	s.call(t, http.MethodPost, "/subjects/"+sub, map[string]any{"schema": text, "metadata": nil, "ruleSetToPropagate": nil}).into(t, &id)
}

func (s *suite) errorCodes(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	s.register(t, sub, text)
	for _, c := range []struct {
		method, path string
		body         any
		code         int
	}{
		{"GET", "/schemas/ids/999999999", nil, 40403},
		{"GET", "/subjects/" + subject() + "/versions", nil, 40401},
		{"GET", "/subjects/" + subject() + "/versions/latest", nil, 40401},
		{"GET", "/subjects/" + sub + "/versions/99", nil, 40402},
		{"GET", "/subjects/" + sub + "/versions/0", nil, 42202},
		{"GET", "/subjects/" + sub + "/versions/newest", nil, 42202},
		{"DELETE", "/subjects/" + subject(), nil, 40401},
		{"DELETE", "/subjects/" + sub + "/versions/99", nil, 40402},
		{"POST", "/subjects/" + subject() + "/versions", map[string]any{"schema": `{"type":"no such type"}`}, 42201},
		{"POST", "/subjects/" + subject() + "/versions", map[string]any{"schema": ``}, 42201},
		{"PUT", "/config/" + sub, map[string]any{"compatibility": "SIDEWARD"}, 42203},
		{"GET", "/config/" + sub, nil, 40408},
	} {
		t.Run(c.method+" "+strings.ReplaceAll(c.path, sub, "S"), func(t *testing.T) {
			s.refused(t, s.call(t, c.method, c.path, c.body), c.code)
		})
	}
}

func (s *suite) deletes(t *testing.T) {
	t.Helper()
	sub := subject()
	name, one := record(fieldA)
	two := recordNamed(name, fieldA, fieldBDefault)
	first := s.register(t, sub, one)
	s.setLevel(t, sub, sr.CompatNone)
	second := s.register(t, sub, two)

	if !s.features.NoErrorCodes {
		s.refused(t, s.call(t, "DELETE", "/subjects/"+sub+"?permanent=true", nil), 40405)
		s.refused(t, s.call(t, "DELETE", "/subjects/"+sub+"/versions/1?permanent=true", nil), 40407)
	}
	require.NoError(t, s.client.DeleteSchema(t.Context(), sub, 1, sr.SoftDelete))
	s.refused(t, s.call(t, "DELETE", "/subjects/"+sub+"/versions/1", nil), 40406)
	s.refused(t, s.call(t, "GET", "/subjects/"+sub+"/versions/1", nil), 40402)
	versions, err := s.client.SubjectVersions(t.Context(), sub)
	require.NoError(t, err)
	require.Equal(t, []int{2}, versions)
	versions, err = s.client.SubjectVersions(withDeleted(t.Context()), sub)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, versions)
	gone, err := s.client.SchemaByVersion(withDeleted(t.Context()), sub, 1)
	require.NoError(t, err)
	require.Equal(t, first.ID, gone.ID)
	byID, err := s.client.SchemaByID(t.Context(), first.ID)
	require.NoError(t, err, "a softly deleted schema must still be found by its id")
	require.JSONEq(t, one, byID.Schema)

	back := s.register(t, sub, one)
	require.Equal(t, first.ID, back.ID, "a schema registered again keeps its id")
	require.Equal(t, 3, back.Version, "and gets a new version")

	numbers, err := s.client.DeleteSubject(t.Context(), sub, sr.SoftDelete)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, numbers)
	s.refused(t, s.call(t, "DELETE", "/subjects/"+sub, nil), 40404)
	s.refused(t, s.call(t, "GET", "/subjects/"+sub+"/versions", nil), 40401)
	subjects, err := s.client.Subjects(t.Context())
	require.NoError(t, err)
	require.NotContains(t, subjects, sub)
	subjects, err = s.client.Subjects(withDeleted(t.Context()))
	require.NoError(t, err)
	require.Contains(t, subjects, sub)

	var removed []int
	s.call(t, "DELETE", "/subjects/"+sub+"?permanent=true", nil).into(t, &removed)
	require.Equal(t, []int{1, 2, 3}, removed)
	s.refused(t, s.call(t, "DELETE", "/subjects/"+sub+"?permanent=true", nil), 40401)
	s.refused(t, s.call(t, "GET", fmt.Sprintf("/schemas/ids/%d", second.ID), nil), 40403)
	_, text := record(fieldA)
	require.Greater(t, s.register(t, sub, text).ID, second.ID, "ids are never given out twice")
}

func (s *suite) references(t *testing.T) {
	t.Helper()
	base, user := subject(), subject()
	name, text := record(fieldA)
	s.register(t, base, text)
	_, using := record(`{"name":"r","type":"registrytest.` + name + `"}`)
	s.refused(t, s.call(t, "POST", "/subjects/"+user+"/versions", map[string]any{"schema": using}), 42201)
	s.refused(t, s.call(t, "POST", "/subjects/"+user+"/versions", map[string]any{
		"schema": using, "references": []any{map[string]any{"name": "registrytest." + name, "subject": base, "version": 9}},
	}), 42201)
	ref := sr.SchemaReference{Name: "registrytest." + name, Subject: base, Version: 1}
	registered := s.register(t, user, using, ref)
	found, err := s.client.LookupSchema(t.Context(), user, sr.Schema{Schema: using, References: []sr.SchemaReference{ref}})
	require.NoError(t, err)
	require.Equal(t, registered.ID, found.ID)
	byID, err := s.client.SchemaByID(t.Context(), registered.ID)
	require.NoError(t, err)
	require.Equal(t, []sr.SchemaReference{ref}, byID.References)
	var ids []int
	s.call(t, "GET", "/subjects/"+base+"/versions/1/referencedby", nil).into(t, &ids)
	require.Equal(t, []int{registered.ID}, ids)

	if s.features.NoReferenceRules {
		return
	}
	// References count in compatibility: the type behind the reference changes.
	s.setLevel(t, user, sr.CompatBackward)
	s.setLevel(t, base, sr.CompatNone)
	s.register(t, base, recordNamed(name, fieldA, fieldB))
	check, err := s.client.CheckCompatibility(t.Context(), user, -1, sr.Schema{Schema: using, References: []sr.SchemaReference{
		{Name: ref.Name, Subject: base, Version: 2},
	}})
	require.NoError(t, err)
	require.False(t, check.Is)

	s.refused(t, s.call(t, "DELETE", "/subjects/"+base+"/versions/1", nil), 42206)
	s.refused(t, s.call(t, "DELETE", "/subjects/"+base, nil), 42206)
	_, err = s.client.DeleteSubject(t.Context(), user, sr.SoftDelete)
	require.NoError(t, err)
	_, err = s.client.DeleteSubject(t.Context(), base, sr.SoftDelete)
	require.NoError(t, err)
}
