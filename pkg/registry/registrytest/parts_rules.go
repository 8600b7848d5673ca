package registrytest

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
)

// levels registers a third version after two under every level and sees whether it is taken.
func (s *suite) levels(t *testing.T) {
	t.Helper()
	// The versions are {a, b=7}, {a}; the candidates differ in what they break, and with which version.
	candidates := map[string][]string{
		"adds an optional field":    {fieldA, fieldOptional},
		"adds a required field":     {fieldA, fieldNullFirst},
		"changes b of version 1":    {fieldA, `{"name":"b","type":"string","default":""}`},
		"changes the type of a":     {fieldALong},
		"removes the required a":    {fieldOptional},
		"says the same as version1": {fieldA, fieldBDefault, fieldOptional},
	}
	accepts := map[sr.CompatibilityLevel]map[string]bool{
		sr.CompatNone: {
			"adds an optional field": true, "adds a required field": true, "changes b of version 1": true,
			"changes the type of a": true, "removes the required a": true, "says the same as version1": true,
		},
		sr.CompatBackward: {
			"adds an optional field": true, "changes b of version 1": true, "removes the required a": true,
			"says the same as version1": true,
		},
		sr.CompatBackwardTransitive: {
			"adds an optional field": true, "removes the required a": true, "says the same as version1": true,
		},
		sr.CompatForward: {
			"adds an optional field": true, "adds a required field": true, "changes b of version 1": true,
			"says the same as version1": true,
		},
		sr.CompatForwardTransitive: {
			"adds an optional field": true, "adds a required field": true, "says the same as version1": true,
		},
		sr.CompatFull:           {"adds an optional field": true, "changes b of version 1": true, "says the same as version1": true},
		sr.CompatFullTransitive: {"adds an optional field": true, "says the same as version1": true},
	}
	for level, accepted := range accepts {
		for what, fields := range candidates {
			t.Run(fmt.Sprintf("%s %s", level, what), func(t *testing.T) {
				sub := subject()
				name, one := record(fieldA, fieldBDefault)
				s.register(t, sub, one)
				s.setLevel(t, sub, sr.CompatNone)
				s.register(t, sub, recordNamed(name, fieldA))
				s.setLevel(t, sub, level)
				a := s.call(t, http.MethodPost, "/subjects/"+sub+"/versions", map[string]any{"schema": recordNamed(name, fields...)})
				if accepted[what] {
					require.Equal(t, http.StatusOK, a.status, a.text)
				} else {
					require.Equal(t, http.StatusConflict, a.status, a.text)
				}
			})
		}
	}
}

func (s *suite) compatibility(t *testing.T) {
	t.Helper()
	sub := subject()
	name, one := record(fieldA)
	fresh, err := s.client.CheckCompatibility(t.Context(), sub, -1, sr.Schema{Schema: one})
	if err == nil { // some registries answer that there is no such subject
		require.True(t, fresh.Is)
	}
	s.register(t, sub, one)
	s.setLevel(t, sub, sr.CompatFullTransitive)
	good, bad := recordNamed(name, fieldA, fieldOptional), recordNamed(name, fieldA, fieldNullFirst)
	for _, version := range []int{1, -1} {
		result, err := s.client.CheckCompatibility(t.Context(), sub, version, sr.Schema{Schema: good})
		require.NoError(t, err)
		require.True(t, result.Is)
		result, err = s.client.CheckCompatibility(sr.WithParams(t.Context(), sr.Verbose), sub, version, sr.Schema{Schema: bad})
		require.NoError(t, err)
		require.False(t, result.Is, "a union with null first is not optional without a default")
		if !s.features.NoMessages {
			require.NotEmpty(t, result.Messages)
			require.Contains(t, result.Messages[0], "version 1: /fields/1 \"c\"")
		}
	}
	var all struct {
		Is       bool     `json:"is_compatible"`
		Messages []string `json:"messages"`
	}
	s.call(t, http.MethodPost, "/compatibility/subjects/"+sub+"/versions?verbose=true", map[string]any{"schema": bad}).into(t, &all)
	require.False(t, all.Is)
	require.True(t, s.features.NoMessages || len(all.Messages) > 0)
	s.refused(t, s.call(t, http.MethodPost, "/compatibility/subjects/"+sub+"/versions/9", map[string]any{"schema": good}), 40402)
	s.refused(t, s.call(t, http.MethodPost, "/compatibility/subjects/"+sub+"/versions/latest", map[string]any{"schema": `{"type":1}`}), 42201)
	s.refused(t, s.call(t, http.MethodPost, "/subjects/"+sub+"/versions", map[string]any{"schema": bad}), 409)
}

func (s *suite) config(t *testing.T) {
	t.Helper()
	sub := subject()
	name, one := record(fieldA, fieldB)
	s.register(t, sub, one)
	var c struct {
		Level         string `json:"compatibilityLevel"`
		Compatibility string `json:"compatibility"`
	}
	s.call(t, http.MethodGet, "/config/"+sub+"?defaultToGlobal=true", nil).into(t, &c)
	require.Equal(t, s.features.DefaultLevel, c.Level, "GET answers compatibilityLevel")
	s.call(t, http.MethodPut, "/config/"+sub, map[string]any{"compatibility": "FORWARD"}).into(t, &c)
	require.Equal(t, "FORWARD", c.Compatibility, "PUT echoes compatibility")
	s.call(t, http.MethodGet, "/config/"+sub, nil).into(t, &c)
	require.Equal(t, "FORWARD", c.Level)
	s.call(t, http.MethodDelete, "/config/"+sub, nil)
	if !s.features.NoErrorCodes {
		s.refused(t, s.call(t, http.MethodGet, "/config/"+sub, nil), 40408)
	}
	s.call(t, http.MethodPut, "/config", map[string]any{"compatibility": "BACKWARD"}).into(t, &c)
	defer s.call(t, http.MethodPut, "/config", map[string]any{"compatibility": s.features.DefaultLevel})
	levels := s.client.Compatibility(t.Context())
	require.NoError(t, levels[0].Err)
	require.Equal(t, sr.CompatBackward, levels[0].Level)
	s.register(t, sub, recordNamed(name, fieldA)) // not allowed under FULL
}

func (s *suite) mode(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	modes := s.client.Mode(t.Context())
	require.NoError(t, modes[0].Err)
	require.Equal(t, sr.ModeReadWrite, modes[0].Mode)
	s.refused(t, s.call(t, http.MethodGet, "/mode/"+sub, nil), 40409)
	modes = s.client.SetMode(t.Context(), sr.ModeReadOnly, sub)
	require.NoError(t, modes[0].Err)
	s.refused(t, s.call(t, http.MethodPost, "/subjects/"+sub+"/versions", map[string]any{"schema": text}), 42205)
	s.refused(t, s.call(t, http.MethodPut, "/mode/"+sub, map[string]any{"mode": "SLEEPY"}), 42204)
	modes = s.client.ResetMode(t.Context(), sub)
	require.NoError(t, modes[0].Err)
	s.register(t, sub, text)
}

func (s *suite) imports(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	_, err := s.client.CreateSchemaWithIDAndVersion(t.Context(), sub, sr.Schema{Schema: text}, 70_001, 5)
	require.Error(t, err, "an id of one's own needs import mode")
	require.NoError(t, s.client.SetMode(t.Context(), sr.ModeImport, sub)[0].Err)
	id := s.register(t, subject(), text).ID // the same schema elsewhere: its id is the one to import
	imported, err := s.client.CreateSchemaWithIDAndVersion(t.Context(), sub, sr.Schema{Schema: text}, id, 5)
	require.NoError(t, err)
	require.Equal(t, id, imported.ID)
	require.Equal(t, 5, imported.Version)
	_, other := record(fieldA)
	_, err = s.client.CreateSchemaWithIDAndVersion(t.Context(), sub, sr.Schema{Schema: other}, id, 6)
	require.Error(t, err, "an id stands for one schema")
	require.NoError(t, s.client.ResetMode(t.Context(), sub)[0].Err)
	s.refused(t, s.call(t, http.MethodPut, "/mode/"+sub, map[string]any{"mode": "IMPORT"}), 42205)
}

func (s *suite) guids(t *testing.T) {
	t.Helper()
	sub := subject()
	_, text := record(fieldA)
	s.register(t, sub, text)
	var v struct {
		ID   int    `json:"id"`
		GUID string `json:"guid"`
	}
	s.call(t, http.MethodGet, "/subjects/"+sub+"/versions/1", nil).into(t, &v)
	require.Len(t, v.GUID, 36)
	byGUID, err := s.client.SchemaByGUID(t.Context(), v.GUID)
	require.NoError(t, err)
	require.JSONEq(t, text, byGUID.Schema.Schema)
	ids, err := s.client.SchemaIDsByGUID(t.Context(), v.GUID)
	require.NoError(t, err)
	require.Equal(t, []sr.ContextID{{Context: ".", ID: v.ID}}, ids)
	s.refused(t, s.call(t, http.MethodGet, "/schemas/guids/00000000-0000-0000-0000-000000000001", nil), 40403)
}

func (s *suite) listing(t *testing.T) {
	t.Helper()
	prefix := "registrytest-list-" + subject()
	var registered []sr.SubjectSchema
	for i := range 3 {
		_, text := record(fieldA)
		registered = append(registered, s.register(t, fmt.Sprintf("%s-%d", prefix, i), text))
	}
	var list []struct {
		Subject string `json:"subject"`
		ID      int    `json:"id"`
	}
	s.call(t, http.MethodGet, "/schemas?subjectPrefix="+prefix, nil).into(t, &list)
	require.Len(t, list, 3)
	require.Equal(t, registered[1].ID, list[1].ID)
	s.call(t, http.MethodGet, "/schemas?latestOnly=true&offset=1&limit=1&subjectPrefix="+prefix, nil).into(t, &list)
	require.Len(t, list, 1)
	require.Equal(t, prefix+"-1", list[0].Subject)
	var names []string
	s.call(t, http.MethodGet, "/subjects?offset=2&limit=5&subjectPrefix="+prefix, nil).into(t, &names)
	require.Equal(t, []string{prefix + "-2"}, names)
	contexts, err := s.client.Contexts(t.Context())
	require.NoError(t, err)
	require.Contains(t, contexts, ".")
	text, err := s.client.SchemaTextByID(t.Context(), registered[0].ID)
	require.NoError(t, err)
	require.JSONEq(t, registered[0].Schema.Schema, text)
	s.call(t, http.MethodGet, "/exporters", nil).into(t, &names)

	sub := subject()
	_, described := record(fieldA)
	s.call(t, http.MethodPost, "/subjects/"+sub+"/versions", map[string]any{
		"schema": described, "metadata": map[string]any{"properties": map[string]string{"owner": "sales"}},
	})
	s.register(t, sub, described)
	var v struct {
		Version int `json:"version"`
	}
	s.call(t, http.MethodGet, "/subjects/"+sub+"/metadata?key=owner&value=sales", nil).into(t, &v)
	require.Equal(t, 1, v.Version)
	s.refused(t, s.call(t, http.MethodGet, "/no/such/page", nil), 404)
}

func (s *suite) awkwardNames(t *testing.T) {
	t.Helper()
	for _, name := range []string{"with space ", "a/b ", "ünïcode ", "per%cent ", "q?a=b&c "} {
		sub := name + subject()
		_, text := record(fieldA)
		registered := s.register(t, sub, text)
		require.Equal(t, sub, registered.Subject)
		var versions []int
		s.call(t, http.MethodGet, "/subjects/"+url.PathEscape(sub)+"/versions", nil).into(t, &versions)
		require.Equal(t, []int{1}, versions)
	}
}
