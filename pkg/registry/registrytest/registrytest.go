package registrytest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
)

// Features says what is known not to be as in the Confluent registry. The zero value asks for everything.
type Features struct {
	Name             string // of the registry, for messages
	NoGUIDs          bool   // schemas by GUID
	NoModes          bool   // modes and import
	NoErrorCodes     bool   // error codes are not all as documented
	NoSoftDelete     bool   // deleted versions are gone, or come back under another number
	NoReferenceRules bool   // compatibility of schemas with references, and protection of what is referred to
	NoConfigEcho     bool   // PUT /config answers in another form
	NoListing        bool   // GET /schemas, /contexts, /schemas/ids/{id}/schema, metadata and paging
	NoLenientText    bool   // the same schema in another layout is another schema
	NoMessages       bool   // messages of compatibility checks name neither version nor field
	DefaultLevel     string // global level of a fresh registry; empty is FULL_TRANSITIVE
}

// suite is one registry under test.
type suite struct {
	url      string
	features Features
	client   *sr.Client
}

// Exercise runs the suite against the registry at address, which may have a base path.
func Exercise(t *testing.T, address string, f Features) {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(address))
	require.NoError(t, err)
	if f.DefaultLevel == "" {
		f.DefaultLevel = "FULL_TRANSITIVE"
	}
	s := &suite{url: strings.TrimRight(address, "/"), features: f, client: client}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
		skip bool
	}{
		{"health", s.health, false},
		{"register and read", s.registerAndRead, false},
		{"layout does not matter", s.layout, f.NoLenientText},
		{"lookup", s.lookup, false},
		{"ids are shared", s.sharedIDs, false},
		{"unknown members are tolerated", s.unknownMembers, false},
		{"error codes", s.errorCodes, f.NoErrorCodes},
		{"soft and hard delete", s.deletes, f.NoSoftDelete},
		{"references", s.references, false},
		{"levels", s.levels, false},
		{"compatibility check", s.compatibility, false},
		{"config", s.config, f.NoConfigEcho},
		{"mode", s.mode, f.NoModes},
		{"import", s.imports, f.NoModes},
		{"GUIDs", s.guids, f.NoGUIDs},
		{"listing", s.listing, f.NoListing},
		{"awkward subject names", s.awkwardNames, false},
	} {
		t.Run(part.name, func(t *testing.T) {
			if part.skip {
				t.Skipf("%s does not offer this", f.Name)
			}
			part.run(t)
		})
	}
}

// answer is a raw HTTP answer.
type answer struct {
	status int
	text   string
	header http.Header
}

func (a answer) code(t *testing.T) int {
	t.Helper()
	var e struct {
		Code int `json:"error_code"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.text), &e), a.text)
	return e.Code
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.text)
	require.NoError(t, json.Unmarshal([]byte(a.text), v), a.text)
}

func (s *suite) call(t *testing.T, method, path string, body any) answer {
	t.Helper()
	text := ""
	switch b := body.(type) {
	case nil:
	case string:
		text = b
	default:
		encoded, err := json.Marshal(b)
		require.NoError(t, err)
		text = string(encoded)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(text))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	r.Header.Set("Accept", "application/vnd.schemaregistry.v1+json")
	r.Header.Set("Confluent-Accept-Unknown-Properties", "true")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(all), resp.Header}
}

// refused asserts an error code, and the HTTP status that its first three digits are.
func (s *suite) refused(t *testing.T, a answer, code int) {
	t.Helper()
	status := code
	if status >= 1000 {
		status /= 100
	}
	require.Equal(t, status, a.status, a.text)
	if !s.features.NoErrorCodes && a.text != "" {
		require.Equal(t, code, a.code(t), a.text)
	}
}

// subject returns a fresh name.
func subject() string { return "registrytest-" + rand.Text()[:12] + "-value" }

// record is the schema of a record of a fresh name, so that no other test has it.
func record(fields ...string) (name, text string) {
	name = "R" + rand.Text()[:10]
	return name, recordNamed(name, fields...)
}

func recordNamed(name string, fields ...string) string {
	return `{"type":"record","name":"` + name + `","namespace":"registrytest","fields":[` + strings.Join(fields, ",") + `]}`
}

const (
	fieldA         = `{"name":"a","type":"string"}`
	fieldALong     = `{"name":"a","type":"long"}`
	fieldB         = `{"name":"b","type":"int"}`
	fieldBDefault  = `{"name":"b","type":"int","default":7}`
	fieldNullFirst = `{"name":"c","type":["null","string"]}`
	fieldOptional  = `{"name":"c","type":["null","string"],"default":null}`
)

func (s *suite) register(t *testing.T, subject, text string, refs ...sr.SchemaReference) sr.SubjectSchema {
	t.Helper()
	ss, err := s.client.CreateSchema(t.Context(), subject, sr.Schema{Schema: text, References: refs})
	require.NoError(t, err)
	return ss
}

// setLevel sets a subject's level, which needs no cleaning up as subjects are fresh.
func (s *suite) setLevel(t *testing.T, subject string, level sr.CompatibilityLevel) {
	t.Helper()
	for _, r := range s.client.SetCompatibility(t.Context(), sr.SetCompatibility{Level: level}, subject) {
		require.NoError(t, r.Err)
	}
}

func withDeleted(ctx context.Context) context.Context { return sr.WithParams(ctx, sr.ShowDeleted) }

// Unique is a random word for names that no other test uses.
func Unique() string { return rand.Text()[:10] }
