package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/registry/registrytest"
)

// instance is a server with its own Kafka client, as in a process of its own.
type instance struct {
	*registry.Server
	url    string
	client *registry.Client
	stop   func()
}

func kafkaInstance(t *testing.T, address string) *instance {
	t.Helper()
	k, err := kafka.NewClient(kafka.Config{Brokers: []string{address}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := registry.NewServer(ctx, k, registry.ServerConfig{Log: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))})
	require.NoError(t, err)
	i := serve(t, s)
	stop := i.stop
	i.stop = sync.OnceFunc(func() { stop(); k.Close() })
	t.Cleanup(i.stop)
	return i
}

func serve(t *testing.T, s *registry.Server) *instance {
	t.Helper()
	web := httptest.NewServer(s)
	c, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)
	i := &instance{Server: s, url: web.URL, client: c}
	i.stop = sync.OnceFunc(func() {
		web.Close()
		assert.NoError(t, s.Close())
	})
	t.Cleanup(i.stop)
	return i
}

func TestConformanceOnEmbeddedBroker(t *testing.T) {
	b := broker.New(t)
	registrytest.Exercise(t, kafkaInstance(t, b.Addr()).url, registrytest.Features{Name: "this registry"})
}

// dump is everything an instance knows, deleted versions included.
func dump(t *testing.T, i *instance) string {
	t.Helper()
	all := ""
	for _, path := range []string{"/schemas?deleted=true", "/subjects?deleted=true", "/config", "/mode"} {
		resp, err := http.Get(i.url + path) //nolint:noctx // of a local test server
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		all += string(text) + "\n"
	}
	return all
}

func simple(name string) registry.Schema {
	return registry.Schema{Text: fmt.Sprintf(`{"type":"record","name":%q,"fields":[]}`, name)}
}

// contend registers schemas through all instances at once: some the same, some of the same subject.
func contend(t *testing.T, instances []*instance, each int) {
	t.Helper()
	const shared = "contended-value"
	require.NoError(t, instances[0].client.SetCompatibility(t.Context(), shared, avro.LevelNone))
	var mu sync.Mutex
	ids := make(map[string]int)
	versions := make(map[int]string)
	var wg sync.WaitGroup
	for n, i := range instances {
		wg.Go(func() {
			for j := range each {
				for _, s := range []registry.Schema{simple(fmt.Sprintf("Own%d_%d", n, j)), simple(fmt.Sprintf("Same%d", j))} {
					got, err := i.client.Register(context.WithoutCancel(t.Context()), shared, s)
					if !assert.NoError(t, err) {
						return
					}
					mu.Lock()
					if id, ok := ids[s.Text]; ok {
						assert.Equal(t, id, got.ID, "one schema, one id")
					}
					ids[s.Text] = got.ID
					if other, ok := versions[got.Version]; ok {
						assert.Equal(t, other, s.Text, "one version, one schema")
					}
					versions[got.Version] = s.Text
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
	assert.Len(t, distinct, len(ids), "different schemas, different ids")
	assert.Len(t, versions, len(ids))
	for v := range versions {
		assert.LessOrEqual(t, v, len(ids), "versions have no gaps")
	}
	for _, i := range instances {
		for text, id := range ids {
			got, err := i.client.SchemaByID(t.Context(), id)
			require.NoError(t, err)
			assert.JSONEq(t, text, got)
		}
	}
	first := dump(t, instances[0])
	for _, i := range instances[1:] {
		assert.Equal(t, first, dump(t, i), "every instance says the same")
	}
}

func TestInstancesNeverGiveOneIDTwice(t *testing.T) {
	m := new(registry.Memory)
	var instances []*instance
	for range 3 {
		s, err := registry.NewMemoryServer(t.Context(), m, registry.ServerConfig{})
		require.NoError(t, err)
		instances = append(instances, serve(t, s))
	}
	contend(t, instances, 20)
	s, err := registry.NewMemoryServer(t.Context(), m, registry.ServerConfig{})
	require.NoError(t, err)
	assert.Equal(t, dump(t, instances[0]), dump(t, serve(t, s)), "a restart replays everything")
}

func TestInstancesOnOneTopic(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(t.Context(), broker.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	one, two := kafkaInstance(t, b.Addr()), kafkaInstance(t, b.Addr())
	contend(t, []*instance{one, two}, 6)

	// What one instance has answered, the other one knows at once.
	got, err := one.client.Register(t.Context(), "fresh-value", simple("Fresh"))
	require.NoError(t, err)
	_, err = two.client.SchemaByID(t.Context(), got.ID)
	require.NoError(t, err)
	_, err = two.client.DeleteSubject(t.Context(), "fresh-value", false)
	require.NoError(t, err)
	_, err = one.client.DeleteSubject(t.Context(), "fresh-value", true)
	require.NoError(t, err)
	before := dump(t, one)

	// Everything is in the topic: instances and broker start anew and know the same.
	one.stop()
	two.stop()
	require.NoError(t, b.Close())
	b, err = broker.Start(t.Context(), broker.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	three := kafkaInstance(t, b.Addr())
	assert.Equal(t, before, dump(t, three))
	next, err := three.client.Register(t.Context(), "fresh-value", simple("Fresher"))
	require.NoError(t, err)
	assert.Greater(t, next.ID, got.ID, "the id of what was deleted for good is not given out again")
	three.stop()
}

func TestRecordsAreThoseOfTheConfluentRegistry(t *testing.T) {
	b := broker.New(t)
	i := kafkaInstance(t, b.Addr())
	_, err := i.client.Register(t.Context(), "orders-value", simple("Order"))
	require.NoError(t, err)
	require.NoError(t, i.client.SetCompatibility(t.Context(), "", avro.LevelFull))
	require.NoError(t, i.client.SetMode(t.Context(), "orders-value", "READWRITE"))
	_, err = i.client.DeleteSubject(t.Context(), "orders-value", false)
	require.NoError(t, err)

	k, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	defer k.Close()
	f := k.NewFetcher(kafka.FetchConfig{})
	defer f.Close()
	f.Add(kafka.TopicPartition{Topic: "_schemas"}, 0)
	var keys []string
	var value map[string]any
	for len(keys) < 4 {
		chunks, err := f.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			var r kafka.Record
			for c.Next(&r) {
				if len(keys) == 0 {
					require.NoError(t, json.Unmarshal(r.Value, &value))
				}
				keys = append(keys, string(r.Key))
			}
			require.NoError(t, c.Err())
			c.Release()
		}
	}
	assert.Equal(t, []string{
		`{"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}`,
		`{"keytype":"CONFIG","subject":null,"magic":0}`,
		`{"keytype":"MODE","subject":"orders-value","magic":0}`,
		`{"keytype":"DELETE_SUBJECT","subject":"orders-value","magic":0}`,
	}, keys)
	assert.Equal(t, "orders-value", value["subject"])
	assert.InDelta(t, 1, value["version"], 0)
	assert.InDelta(t, 1, value["id"], 0)
	assert.Equal(t, false, value["deleted"])
}
