package registry

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"meshwork.dev/pkg/avro"
)

// FuzzRecords feeds hostile records to the state: whatever is taken in, the state stays sound, and what it says it
// holds can be written and read again.
func FuzzRecords(f *testing.F) {
	add := func(r record) { f.Add(r.key, r.value, true) }
	add(schemaRecord(schemaBody{Subject: "s", Version: 1, ID: 1, Schema: `"int"`}, false))
	add(schemaRecord(schemaBody{Subject: "s", Version: 2, ID: 2, Schema: `"long"`, References: []Reference{{"n", "s", 1}}}, true))
	add(record{key: recordKey{Type: keyDeleteSubject, Subject: "s"}.encode(), value: mustJSON(deleteValue{"s", 1})})
	add(record{key: recordKey{Type: keyClearSubject, Subject: "s"}.encode(), value: mustJSON(deleteValue{"s", 1})})
	add(record{key: recordKey{Type: keyConfig}.encode(), value: mustJSON(configValue{Level: "FULL"})})
	add(record{key: recordKey{Type: keyMode, Subject: "s"}.encode(), value: mustJSON(modeValue{Mode: modeImport})})
	add(record{key: recordKey{Type: keyNoop}.encode(), value: mustJSON(noopValue{MaxID: 7})})
	f.Add([]byte(`{"keytype":"SCHEMA","subject":"s","version":1,"magic":1}`), []byte(nil), false)
	f.Fuzz(func(t *testing.T, key, value []byte, some bool) {
		st := newState()
		first := schemaRecord(schemaBody{Subject: "s", Version: 1, ID: 1, Schema: `"int"`}, false)
		require.NoError(t, st.apply(first.key, first.value))
		if !some {
			value = nil
		}
		if st.apply(key, value) != nil {
			require.Len(t, st.live("s", false), 1, "a record that was skipped changed something")
		}
		uses := make(map[*content]int)
		for name, s := range st.subjects {
			require.NotEmpty(t, s.versions)
			for i, v := range s.versions {
				require.True(t, i == 0 || s.versions[i-1].number < v.number)
				require.Same(t, st.byID[v.id], v.content)
				require.LessOrEqual(t, v.id, st.maxID)
				uses[v.content]++
				again := newState()
				r := schemaRecord(describe(name, v), v.deleted)
				require.NoError(t, again.apply(r.key, r.value))
				require.Equal(t, v.key, again.find(name, v.number).key)
				_, _ = st.schemaOf(v.content)
			}
		}
		for _, c := range st.byID {
			require.Equal(t, uses[c], c.uses)
		}
	})
}

func TestServerLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t)
	s, err := NewMemoryServer(context.Background(), new(Memory), ServerConfig{})
	require.NoError(t, err)
	_, err = s.register(t.Context(), "a", schemaBody{Schema: `"int"`}, false)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = NewMemoryServer(context.Background(), new(Memory), ServerConfig{Compatibility: "SIDEWARD"})
	require.Error(t, err)
}

// Schemas that say the same have one identity; what differs has another.
func TestIdentity(t *testing.T) {
	same := []Schema{
		{Text: `{"type":"record","name":"a.R","fields":[{"name":"x","type":"int"}]}`},
		{Text: ` { "fields" : [{"type":{"type":"int"},"name":"x"}], "namespace":"a", "name":"R", "type":"record" }`},
		{Text: `{"type":"record","name":"a.R","fields":[{"name":"x","type":"int"}]}`, Type: Avro},
	}
	for _, s := range same {
		require.Equal(t, keyOf(same[0]), keyOf(s))
	}
	for _, s := range []Schema{
		{Text: `{"type":"record","name":"a.R","doc":"d","fields":[{"name":"x","type":"int"}]}`},
		{Text: `{"type":"record","name":"a.R","fields":[{"name":"x","type":"int","default":0}]}`},
		{Text: same[0].Text, References: []Reference{{"n", "s", 1}}},
		{Text: same[0].Text, Metadata: json.RawMessage(`{"properties":{"a":"b"}}`)},
		{Text: same[0].Text, RuleSet: json.RawMessage(`{"domainRules":[]}`)},
		{Text: same[0].Text, Type: "JSON"},
	} {
		require.NotEqual(t, keyOf(same[0]), keyOf(s))
	}
	_, err := avro.ParseGUID(guidOf(same[0]))
	require.NoError(t, err)
}
