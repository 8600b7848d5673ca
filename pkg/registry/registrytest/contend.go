package registrytest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
)

// Contend registers each×2 schemas through every one of several instances of one registry at the same time, half of
// them the same everywhere, all under one subject. Afterwards every schema has one id, every version one schema,
// versions have no gaps, and all instances say the same.
func Contend(t *testing.T, addresses []string, each int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	shared := "contended-" + subject()
	tag := Unique()
	var mu sync.Mutex
	ids := make(map[string]int)
	var wg sync.WaitGroup
	for n, address := range addresses {
		client, err := sr.NewClient(sr.URLs(address))
		require.NoError(t, err)
		if n == 0 {
			first, err := client.CreateSchema(ctx, shared, sr.Schema{Schema: recordNamed("First" + tag)})
			require.NoError(t, err)
			ids[recordNamed("First"+tag)] = first.ID
			require.NoError(t, client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatNone}, shared)[0].Err)
		}
		wg.Go(func() {
			for j := range each {
				for _, text := range []string{
					recordNamed(fmt.Sprintf("Own%s_%d_%d", tag, n, j)), recordNamed(fmt.Sprintf("Same%s_%d", tag, j)),
				} {
					id, err := client.RegisterSchema(ctx, shared, sr.Schema{Schema: text}, -1, -1)
					if err != nil {
						t.Errorf("registering %s at %s: %v", text, address, err)
						return
					}
					mu.Lock()
					if known, ok := ids[text]; ok && known != id {
						t.Errorf("%s has the ids %d and %d", text, known, id)
					}
					ids[text] = id
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	distinct := make(map[int]bool)
	for _, id := range ids {
		distinct[id] = true
	}
	require.Len(t, distinct, len(ids), "different schemas, different ids")
	want := ""
	for _, address := range addresses {
		s := &suite{url: address}
		client, err := sr.NewClient(sr.URLs(address))
		require.NoError(t, err)
		for text, id := range ids {
			got, err := client.SchemaByID(ctx, id)
			require.NoError(t, err, "what one instance has answered, every other knows")
			require.JSONEq(t, text, got.Schema)
		}
		versions, err := client.SubjectVersions(ctx, shared)
		require.NoError(t, err)
		require.Len(t, versions, len(ids))
		for i, v := range versions {
			require.Equal(t, i+1, v, "versions have no gaps")
		}
		all := s.call(t, "GET", "/schemas?subjectPrefix="+shared, nil).text
		if want == "" {
			want = all
		}
		require.Equal(t, want, all, "every instance says the same")
	}
}
