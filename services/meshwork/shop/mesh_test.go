package shop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/broker"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/pkg/service"
	"meshwork.dev/pkg/stream"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/customer"
	"meshwork.dev/schemas/customerint"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	shopc "meshwork.dev/schemas/shop"
	"meshwork.dev/services/churn"
	customerservice "meshwork.dev/services/customer"
	"meshwork.dev/services/eshop"
	"meshwork.dev/services/meshwork/feed"
	"meshwork.dev/services/meshwork/feed/faults"
	"meshwork.dev/services/meshwork/feed/sender"
	"meshwork.dev/services/meshwork/shop"
	"meshwork.dev/services/orderprocessing"
	productservice "meshwork.dev/services/product"
	"meshwork.dev/services/recommendation"
)

// mesh is all services on an embedded broker.
type mesh struct {
	client  *kafka.Client
	reg     *registry.Client
	runners []*stream.Runner
}

func openMesh(t *testing.T) *mesh {
	t.Helper()
	b := broker.New(t)
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{b.Addr()}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	server, err := registry.NewMemoryServer(t.Context(), &registry.Memory{}, registry.ServerConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	m := &mesh{client: client}
	m.reg, err = registry.NewClient([]string{web.URL})
	require.NoError(t, err)

	noEnv := func(string) string { return "" }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 8)
	for _, s := range []service.Definition{
		eshop.Service(noEnv), customerservice.Service(noEnv), productservice.Service(), orderprocessing.Service(noEnv),
		recommendation.Service(noEnv), churn.Service(noEnv),
	} {
		products, err := s.Products(&service.Config{})
		require.NoError(t, err)
		if len(products) == 0 {
			continue
		}
		r, err := stream.NewRunner(stream.Config{
			Kafka: client, Registry: stream.FromRegistry(m.reg), Service: s.Name, StateDir: t.TempDir(), HistoryIdle: 5 * time.Second,
		}, products...)
		require.NoError(t, err)
		m.runners = append(m.runners, r)
		go func() { ended <- r.Run(ctx) }()
	}
	t.Cleanup(func() {
		stop()
		for range m.runners {
			require.NoError(t, <-ended)
		}
	})
	return m
}

func (m *mesh) all(is func(r *stream.Runner) bool) bool {
	for _, r := range m.runners {
		if !is(r) {
			return false
		}
	}
	return true
}

// send sends a feed to its end, shows every message to see, and waits until the mesh has caught up.
func (m *mesh) send(t *testing.T, src feed.Source, see func(feed.Message)) {
	t.Helper()
	s := sender.Open(m.client, m.reg, "/test", false)
	var failed atomic.Int64
	for {
		msg, err := src.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		see(msg)
		if err := s.Send(t.Context(), msg, func(err error) {
			if err != nil {
				failed.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	require.NoError(t, s.Close(t.Context()))
	require.Zero(t, failed.Load())
	caught := false
	for end := time.Now().Add(3 * time.Minute); !caught && time.Now().Before(end); {
		if caught = m.all(func(r *stream.Runner) bool { ok, err := r.CaughtUp(t.Context()); return err == nil && ok }); !caught {
			<-time.After(100 * time.Millisecond)
		}
	}
	if !caught {
		t.Fatalf("not caught up:\n%s", m.behind())
	}
}

// behind says which products have what still to do.
func (m *mesh) behind() string {
	var b strings.Builder
	for _, r := range m.runners {
		for _, p := range r.Status() {
			for _, in := range p.Inputs {
				if in.End > in.Next {
					fmt.Fprintf(&b, "%s %s: %+v\n", p.Name, p.State, in)
				}
			}
		}
	}
	return b.String()
}

// read visits the committed records of a topic.
func (m *mesh) read(t *testing.T, topic string, visit func(r *kafka.Record)) {
	t.Helper()
	meta, err := m.client.Topics(t.Context(), topic)
	require.NoError(t, err)
	var tps []kafka.TopicPartition
	for p := range meta[topic].Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
	}
	left, err := m.client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := m.client.NewFetcher(kafka.FetchConfig{Isolation: kafka.ReadCommitted})
	defer fetch.Close()
	for _, tp := range tps {
		if left[tp] == 0 {
			delete(left, tp)
			continue
		}
		fetch.Add(tp, 0)
	}
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				visit(&r)
			}
			require.NoError(t, c.Err())
			if c.NextOffset() >= left[c.TopicPartition] {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
}

// events is the values of a topic.
func events[K, V any](t *testing.T, m *mesh, topic *schemas.Topic[K, V]) (out []V) {
	t.Helper()
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(t, err)
	m.read(t, topic.Name(), func(r *kafka.Record) {
		var v V
		if err := dec.Decode(&v, r.Value); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	})
	return out
}

// table is the last value of every key.
func table[V any](t *testing.T, m *mesh, topic *schemas.Topic[string, V]) map[string]V {
	t.Helper()
	dec, err := avro.NewTopicDecoder(topic, m.reg)
	require.NoError(t, err)
	rows := map[string]V{}
	m.read(t, topic.Name(), func(r *kafka.Record) {
		if r.Value == nil {
			delete(rows, string(r.Key))
			return
		}
		var v V
		if err := dec.Decode(&v, r.Value); err != nil {
			t.Fatal(err)
		}
		rows[string(r.Key)] = v
	})
	return rows
}

// dead counts the dead letters of a topic by reason; several products may put the same record aside.
func (m *mesh) dead(t *testing.T, topic string) map[string]int {
	t.Helper()
	out, seen := map[string]int{}, map[string]bool{}
	m.read(t, stream.DeadLetterTopic(topic), func(r *kafka.Record) {
		part, _ := r.Header(stream.DLQPartition)
		offset, _ := r.Header(stream.DLQOffset)
		if at := string(part) + "/" + string(offset); !seen[at] {
			seen[at] = true
			reason, _ := r.Header(stream.DLQReason)
			out[string(reason)]++
		}
	})
	return out
}

// The simulated shop with faults, through all services: every message that was sent is in the public topics once, or a
// dead letter with its reason.
func TestTheMeshReconciles(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole mesh")
	}
	m := openMesh(t)
	require.Eventually(t, func() bool { return m.all((*stream.Runner).Ready) }, 3*time.Minute, 20*time.Millisecond)

	// The shop's few days end about now: then the clock, which takes over after the last message, changes little.
	simulator := shop.New(shop.Config{
		Seed: 21, Customers: 1500, Products: 200, Count: 8_000, Bots: 30, Garbage: 50, Steady: true, Start: time.Now().Add(-6 * 24 * time.Hour),
	})
	source := faults.New(simulator, faults.Config{Seed: 5, Duplicates: 300, Reordered: 300, Late: 20, Poison: 30, Newer: 500})
	var robots, senseless int // with repetitions
	checkouts, people, carts := map[string]bool{}, map[string]bool{}, map[string]map[string]int32{}
	seen := map[string]bool{}
	m.send(t, source, func(msg feed.Message) {
		switch {
		case msg.Customer != nil:
			people[msg.Customer.CustomerID] = true
		case msg.Action != nil:
			a := msg.Action
			switch {
			case isCrawler(a):
				robots++
			case isGarbage(a):
				senseless++
			case !seen[a.Identity.IdempotenceID]:
				seen[a.Identity.IdempotenceID] = true
				keepCart(carts, a)
				if a.Kind == shopc.ActionKindCheckout {
					checkouts[shop.WebOrderID(a.Identity.IdempotenceID, a.VisitorID)] = true
				}
			}
		}
	})
	y, n := simulator.Tally(), source.Injected()
	t.Logf("%+v %+v", y, n)

	// What visitors did.
	require.Len(t, events(t, m, shopc.PageNavigatedEvent), int(y.Pages))
	require.Len(t, events(t, m, shopc.SearchPerformedEvent), int(y.Searches))
	require.Len(t, events(t, m, shopc.ProductAddedEvent), int(y.Adds))
	require.Len(t, events(t, m, shopc.ProductRemovedEvent), int(y.Removes))
	require.Len(t, events(t, m, shopc.UserRegisteredEvent), int(y.Registrations))
	require.Len(t, events(t, m, shopc.UserLoggedInEvent), int(y.Logins+y.FailedLogins))
	done := events(t, m, shopc.CartCheckedOutEvent)
	require.Len(t, done, int(y.Checkouts))
	pieces := int64(0)
	for _, c := range done {
		require.True(t, checkouts[c.OrderID.Value], "%s: order %s", c.VisitorID, c.OrderID.Value)
		pieces += c.Units
	}
	require.Equal(t, y.Pieces, pieces, "what was in the carts was checked out")

	// Carts are empty after checkout, and hold the rest.
	got := map[string]map[string]int32{}
	for visitor, c := range table(t, m, shopc.CartState) {
		got[visitor] = map[string]int32{}
		for _, it := range c.Items {
			got[visitor][it.Product.ID] += it.Quantity
		}
	}
	require.Equal(t, carts, got)

	// Orders are checkouts, partners' orders and credit notes, each once. What was withdrawn is, also where that was known
	// before the order.
	channel, withdrawn := map[orderproc.Channel]int64{}, int64(0)
	for id, o := range table(t, m, orderproc.OrderState) {
		channel[o.Channel]++
		if o.WithdrawnBy.Valid {
			withdrawn++
		}
		require.False(t, o.Withdrawal.Valid, "%s came and is not withdrawn", id)
		require.NotEqual(t, orderproc.OrderStatusRefused, o.Status, "%s: %v", id, o.Reason)
		require.True(t, o.Channel != orderproc.ChannelWeb || checkouts[id])
	}
	want := []int64{y.Checkouts, y.PartnerOrders, y.CreditNotes}
	require.Equal(t, want, []int64{channel[orderproc.ChannelWeb], channel[orderproc.ChannelPartner], channel[orderproc.ChannelBackOffice]})

	require.Equal(t, y.Withdrawals, withdrawn)

	// Products and people.
	require.Len(t, table(t, m, product.ProductState), simulator.ForSale())
	rows := table(t, m, customer.CustomerState)
	require.LessOrEqual(t, len(rows), len(people))
	require.Greater(t, len(rows), len(people)*9/10, "one person, one row: few are twice there")
	require.Len(t, table(t, m, shopc.UserState), int(y.Registrations))

	// What was said.
	require.Len(t, events(t, m, customerint.InteractionMadeEvent), int(y.Interactions))

	// What nobody could use.
	for topic, poison := range n.Poison {
		sum := 0
		reasons := m.dead(t, topic)
		for _, k := range reasons {
			sum += k
		}
		want := int(poison)
		if topic == shopc.ShopActionEvent.Name() {
			want += robots + senseless
		}
		require.Equal(t, want, sum, "%s: %v", topic, reasons)
	}
}

func isCrawler(a *shopc.ShopAction) bool {
	const begin = "Mozilla/5.0 (compatible; "
	return len(a.UserAgent.Value) > len(begin) && a.UserAgent.Value[:len(begin)] == begin
}

func isGarbage(a *shopc.ShopAction) bool {
	switch a.Kind {
	case shopc.ActionKindPage:
		return !a.Page.Valid
	case shopc.ActionKindAdd, shopc.ActionKindRemove:
		return a.Item.Value.Quantity <= 0
	default:
		return a.Kind == shopc.ActionKindUnknown
	}
}

func keepCart(carts map[string]map[string]int32, a *shopc.ShopAction) {
	c := carts[a.VisitorID]
	switch a.Kind {
	case shopc.ActionKindAdd:
		if c == nil {
			c = map[string]int32{}
			carts[a.VisitorID] = c
		}
		c[a.Item.Value.ProductID] += a.Item.Value.Quantity
	case shopc.ActionKindRemove:
		if c[a.Item.Value.ProductID] -= a.Item.Value.Quantity; c[a.Item.Value.ProductID] == 0 {
			delete(c, a.Item.Value.ProductID)
		}
	case shopc.ActionKindCheckout:
		clear(c)
	default: // nothing else touches the cart
	}
	if len(c) == 0 {
		delete(carts, a.VisitorID)
	}
}
