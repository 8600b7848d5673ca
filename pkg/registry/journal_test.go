package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

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
	return kafkaInstanceOn(t, address, "")
}

func kafkaInstanceOn(t *testing.T, address, topic string) *instance {
	t.Helper()
	k, err := kafka.NewClient(kafka.Config{Brokers: []string{address}})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := registry.NewServer(ctx, k, registry.ServerConfig{Topic: topic})
	require.NoError(t, err)
	i := serve(t, s)
	stop := i.stop
	i.stop = sync.OnceFunc(func() { stop(); k.Close() })
	t.Cleanup(i.stop)
	return i
}

func serve(tb testing.TB, s *registry.Server) *instance {
	tb.Helper()
	web := httptest.NewServer(s)
	c, err := registry.NewClient([]string{web.URL})
	require.NoError(tb, err)
	i := &instance{Server: s, url: web.URL, client: c}
	i.stop = sync.OnceFunc(func() {
		web.Close()
		if err := s.Close(); err != nil {
			tb.Errorf("closing the server: %v", err)
		}
	})
	tb.Cleanup(i.stop)
	return i
}

func TestConformanceOnEmbeddedBroker(t *testing.T) {
	b := broker.New(t)
	registrytest.Exercise(t, kafkaInstance(t, b.Addr()).url, registrytest.Features{Name: "this registry"})
}

// dump is everything an instance knows, deleted versions included.
func dump(t *testing.T, i *instance) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/schemas?deleted=true", "/subjects?deleted=true", "/config", "/mode"} {
		resp, err := http.Get(i.url + path)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		all.Write(append(text, '\n'))
	}
	return all.String()
}

func simple(name string) registry.Schema {
	return registry.Schema{Text: fmt.Sprintf(`{"type":"record","name":%q,"fields":[]}`, name)}
}

func TestInstancesNeverGiveOneIDTwice(t *testing.T) {
	m := new(registry.Memory)
	var instances []*instance
	for range 3 {
		s, err := registry.NewMemoryServer(t.Context(), m, registry.ServerConfig{})
		require.NoError(t, err)
		instances = append(instances, serve(t, s))
	}
	var urls []string
	for _, i := range instances {
		urls = append(urls, i.url)
	}
	registrytest.Contend(t, urls, 20)
	s, err := registry.NewMemoryServer(t.Context(), m, registry.ServerConfig{})
	require.NoError(t, err)
	require.Equal(t, dump(t, instances[0]), dump(t, serve(t, s)), "a restart replays everything")
}

// An instance that died in the middle of a write leaves it open. It must neither take effect nor hold others up.
func TestWriteLeftOpen(t *testing.T) {
	b := broker.New(t)
	i := kafkaInstance(t, b.Addr())
	first, err := i.client.Register(t.Context(), "a-value", simple("A"))
	require.NoError(t, err)

	dead, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.TransactionalID("_schemas-writer"), kgo.DefaultProduceTopic("_schemas"))
	require.NoError(t, err)
	t.Cleanup(dead.Close)
	require.NoError(t, dead.BeginTransaction())
	require.NoError(t, dead.ProduceSync(t.Context(), &kgo.Record{
		Key:   []byte(`{"keytype":"SCHEMA","subject":"a-value","version":2,"magic":1}`),
		Value: []byte(`{"subject":"a-value","version":2,"id":2,"schema":"\"int\"","deleted":false}`),
	}).FirstErr())

	versions, err := i.client.Versions(t.Context(), "a-value", false)
	require.NoError(t, err)
	require.Equal(t, []int{1}, versions, "what is not committed is not served")
	_, err = i.client.SchemaByID(t.Context(), 2)
	require.ErrorIs(t, err, avro.ErrUnknownSchema, "nor does it hold up an answer")
	other := kafkaInstance(t, b.Addr()) // starts in spite of it

	require.NoError(t, i.client.SetCompatibility(t.Context(), "a-value", avro.LevelNone))
	second, err := i.client.Register(t.Context(), "a-value", simple("B"))
	require.NoError(t, err)
	require.Equal(t, first.ID+1, second.ID)
	require.Equal(t, 2, second.Version)
	got, err := other.client.Latest(t.Context(), "a-value")
	require.NoError(t, err)
	require.JSONEq(t, simple("B").Text, got.Text)
}

// The same on a broker outside of the test.
func TestInstancesOnOutsideKafka(t *testing.T) {
	const variable = "MESHWORK_TEST_KAFKA"
	address := os.Getenv(variable)
	if address == "" {
		t.Skipf("%s is not set: set it to the address of a Kafka broker to run two instances on it", variable)
	}
	topic := "_schemas-test-" + registrytest.Unique()
	one, two := kafkaInstanceOn(t, address, topic), kafkaInstanceOn(t, address, topic)
	registrytest.Contend(t, []string{one.url, two.url}, 10)
	registrytest.Exercise(t, two.url, registrytest.Features{Name: "this registry"})
	before := dump(t, one)
	one.stop()
	require.Equal(t, before, dump(t, kafkaInstanceOn(t, address, topic)))
}

func TestUnreadableRecordsAreSkipped(t *testing.T) {
	b := broker.New(t)
	i := kafkaInstance(t, b.Addr())
	_, err := i.client.Register(t.Context(), "a-value", simple("A"))
	require.NoError(t, err)
	outside, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.DefaultProduceTopic("_schemas"))
	require.NoError(t, err)
	t.Cleanup(outside.Close)
	for _, kv := range [][2]string{
		{"not JSON", "x"},
		{`{"keytype":"NEW","magic":7}`, "{}"},
		{`{"keytype":"SCHEMA","subject":"b-value","version":1,"magic":1}`, "["},
		{`{"keytype":"SCHEMA","subject":"b-value","version":1,"magic":1}`, `{"subject":"b-value","version":1,"id":1,"schema":"\"int\""}`}, // id 1 is A
		{`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"SIDEWARD"}`},
		{`{"keytype":"NOOP","magic":0}`, ``},
		{`{"keytype":"SCHEMA","subject":"c-value","version":1,"magic":1}`, `{"subject":"c-value","version":1,"id":9,"schema":"\"long\"","deleted":false,"ts":1}`},
	} {
		require.NoError(t, outside.ProduceSync(t.Context(), &kgo.Record{Key: []byte(kv[0]), Value: []byte(kv[1])}).FirstErr())
	}
	for _, one := range []*instance{i, kafkaInstance(t, b.Addr())} {
		text, err := one.client.SchemaByID(t.Context(), 9)
		require.NoError(t, err)
		require.Equal(t, `"long"`, text)
		names, err := one.client.Subjects(t.Context(), false)
		require.NoError(t, err)
		require.Equal(t, []string{"a-value", "c-value"}, names)
	}
	next, err := i.client.Register(t.Context(), "d-value", simple("D"))
	require.NoError(t, err)
	require.Equal(t, 10, next.ID)
}

func TestInstancesOnOneTopic(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(t.Context(), broker.Config{Dir: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	one, two := kafkaInstance(t, b.Addr()), kafkaInstance(t, b.Addr())
	registrytest.Contend(t, []string{one.url, two.url}, 6)

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
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	three := kafkaInstance(t, b.Addr())
	require.Equal(t, before, dump(t, three))
	next, err := three.client.Register(t.Context(), "fresh-value", simple("Fresher"))
	require.NoError(t, err)
	require.Greater(t, next.ID, got.ID, "the id of what was deleted for good is not given out again")
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
	require.Equal(t, []string{
		`{"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}`,
		`{"keytype":"CONFIG","subject":null,"magic":0}`,
		`{"keytype":"MODE","subject":"orders-value","magic":0}`,
		`{"keytype":"DELETE_SUBJECT","subject":"orders-value","magic":0}`,
	}, keys)
	require.Equal(t, "orders-value", value["subject"])
	require.InDelta(t, 1, value["version"], 0)
	require.InDelta(t, 1, value["id"], 0)
	require.Equal(t, false, value["deleted"])
}
