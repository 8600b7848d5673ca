package faults_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	shopc "meshwork.dev/schemas/shop"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/shop"
)

func all(t *testing.T, s feed.Source) (out []feed.Message) {
	t.Helper()
	for {
		m, err := s.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, m)
	}
}

// nameOf is the identity and the key of a message.
func nameOf(m *feed.Message) (id, key string) {
	switch {
	case m.Action != nil:
		return m.Action.Identity.IdempotenceID, "visitor " + m.Action.VisitorID
	case m.Order != nil:
		return m.Order.Identity.IdempotenceID, "order " + m.Order.OrderID
	case m.Cancel != nil:
		return m.Cancel.Identity.IdempotenceID, "cancel " + m.Cancel.OrderID
	case m.Change != nil:
		return m.Change.Identity.IdempotenceID, "product " + m.Change.ProductID
	case m.Customer != nil:
		return m.Customer.Identity.IdempotenceID, "customer " + m.Customer.CustomerID
	default:
		return m.Interaction.Identity.IdempotenceID, "interaction " + m.Interaction.CustomerID
	}
}

func TestNothingIsLostAndNothingChanged(t *testing.T) {
	open := func() *shop.Simulator { return shop.New(shop.Config{Seed: 4, Count: 30_000, Customers: 1000}) }
	plain := all(t, open())
	require.Equal(t, plain, all(t, faults.New(open(), faults.Config{})), "no faults unless asked for")

	c := faults.Config{Seed: 9, Duplicates: 500, Reordered: 300, Late: 50, Poison: 20, Newer: 1000}
	s := faults.New(open(), c)
	got := all(t, s)
	require.Equal(t, got, all(t, faults.New(open(), c)), "the same faults again")

	byKey, seen, late := map[string][]string{}, map[string]feed.Message{}, map[string]bool{}
	var dup, newer, poison, swapped int
	now := time.Time{}
	for _, m := range got {
		if m.Raw != nil {
			poison++
			continue
		}
		id, key := nameOf(&m)
		if _, again := seen[id]; again {
			dup++
			continue
		}
		if now.Sub(m.At) > 90*time.Minute {
			late[id] = true
		} else if m.At.Before(now) {
			swapped++
		}
		if m.At.After(now) {
			now = m.At
		}
		if m.Newer {
			newer++
			m.Newer = false
		}
		seen[id] = m
		byKey[key] = append(byKey[key], id)
	}
	n := s.Injected()
	require.EqualValues(t, len(plain), n.Messages)
	require.EqualValues(t, dup, n.Duplicates)
	require.EqualValues(t, newer, n.Newer)
	require.EqualValues(t, poison, n.Poisoned())
	require.Positive(t, swapped)
	require.Positive(t, n.Late)
	require.Len(t, seen, len(plain))

	// Within a key the order is that of the feed, but for the late ones.
	want := map[string][]string{}
	for _, m := range plain {
		id, key := nameOf(&m)
		require.Equal(t, m, seen[id])
		want[key] = append(want[key], id)
	}
	broken := 0
	for key, ids := range want {
		if !equalBut(ids, byKey[key], late) {
			broken++
		}
	}
	require.LessOrEqual(t, broken, int(n.Late), "only late messages lose their place")
	require.Less(t, broken, len(want)/10)
}

// equalBut compares two orders without some entries.
func equalBut(a, b []string, but map[string]bool) bool {
	strip := func(in []string) (out []string) {
		for _, s := range in {
			if !but[s] {
				out = append(out, s)
			}
		}
		return out
	}
	a, b = strip(a), strip(b)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Readers of today read what newer senders write, through a registry that holds them to compatibility.
func TestNewerIsCompatible(t *testing.T) {
	server, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	reg, err := registry.NewClient([]string{web.URL})
	require.NoError(t, err)

	check(t, reg, shopc.ShopActionEvent, shopc.ShopAction{VisitorID: "v", Kind: shopc.ActionKindCheckout})
	check(t, reg, orderproc.CreateOrderCommand, orderproc.CreateOrder{OrderID: "o"})
	check(t, reg, orderproc.CancelOrderCommand, orderproc.CancelOrder{OrderID: "o"})
	check(t, reg, product.ProductChangeEvent, product.ProductChange{ProductID: "p"})
	check(t, reg, customer.CustomerChangeEvent, customer.CustomerChange{CustomerID: "c"})
	check(t, reg, customerint.InteractionCommand, customerint.Interaction{CustomerID: "c", Text: "x"})
}

func check[V any](t *testing.T, reg *registry.Client, topic *schemas.Topic[string, V], v V) {
	t.Helper()
	next := faults.Newer(topic)
	var id int
	for _, info := range []*schemas.Info{topic.TopicInfo(), next.TopicInfo()} {
		s, err := reg.Register(t.Context(), info.Subject, registry.Schema{Text: info.Schema})
		require.NoError(t, err, topic.Name())
		require.NotEqual(t, id, s.ID)
		id = s.ID
	}
	var want, got V
	require.NoError(t, topic.Values.Decode(&want, topic.Values.Append(nil, &v)))
	dec, err := avro.NewTopicDecoder(topic, reg)
	require.NoError(t, err)
	require.NoError(t, dec.Decode(&got, next.Values.Append(avro.AppendHeader(nil, int32(id)), &v)), topic.Name())
	require.Equal(t, want, got)
}
