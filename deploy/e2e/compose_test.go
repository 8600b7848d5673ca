package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"meshwork.dev/pkg/avro"
	"meshwork.dev/pkg/kafka"
	"meshwork.dev/pkg/registry"
	"meshwork.dev/schemas"
	"meshwork.dev/schemas/orderproc"
	"meshwork.dev/schemas/product"
	"meshwork.dev/schemas/shop"
)

// What docker-compose.yml offers to the host.
const (
	composeBrokers  = "127.0.0.1:29092,127.0.0.1:39092,127.0.0.1:49092"
	composeRegistry = "http://127.0.0.1:8081"
)

// composeRate is how many messages the shop sends a second: so few that two processors can run ten containers and bring
// a broker back beside it.
const composeRate = "100"

// composeServices are the services of the mesh, as docker-compose.yml names them.
var composeServices = []string{"eshop", "customer", "product", "orderprocessing", "recommendation", "churn"}

// compose runs docker compose on our file, as a project of its own.
type compose struct{ t *testing.T }

func (c compose) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "-p", "meshwork-e2e", "--profile", "shop"}, args...)...)
	cmd.Dir = root
	return cmd
}

// run fails the test when the command does.
func (c compose) run(within time.Duration, args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	out, err := c.command(ctx, args...).CombinedOutput()
	require.NoErrorf(c.t, err, "docker compose %s\n%s", strings.Join(args, " "), out)
	return string(out)
}

// healthy tells whether every service runs and says it is ready. One that ended is started again by the engine, so
// compose's own --wait, which gives up then, is too strict.
func (c compose) healthy() (bool, string) {
	args := append([]string{"ps", "--all", "--format", "{{.Service}} {{.State}} {{.Health}}"}, composeServices...)
	out, err := c.command(c.t.Context(), args...).Output()
	if err != nil {
		return false, err.Error()
	}
	seen := strings.TrimSpace(string(out))
	return strings.Count(seen, " running healthy") == len(composeServices), seen
}

// openCompose skips the test where there is no engine with compose, or none that can have the base images.
func openCompose(t *testing.T) compose {
	t.Helper()
	c := compose{t}
	for _, try := range [][]string{{"docker", "info"}, {"docker", "compose", "version"}} {
		if out, err := exec.CommandContext(t.Context(), try[0], try[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", strings.Join(try, " "), err, out)
		}
	}
	start := time.Now()
	if out, err := c.command(t.Context(), "build").CombinedOutput(); err != nil {
		for _, sign := range []string{"pull access denied", "failed to resolve source metadata", "failed to do request", "no such host"} {
			if strings.Contains(string(out), sign) {
				t.Skipf("this engine cannot pull the base images: %s", out)
			}
		}
		t.Fatalf("building the images: %v\n%s", err, out)
	}
	t.Logf("images built in %s", time.Since(start).Round(time.Second))
	return c
}

// The production shape, as docker-compose.yml describes it: three brokers, the registry, every service its own
// container. While the shop sends, every broker is killed once and comes back before the next one dies. What went in
// comes out: no order, no sale and no action of the shop is lost or counted twice.
func TestCompose(t *testing.T) {
	c := openCompose(t)
	if os.Getenv("MESHWORK_COMPOSE_KEEP") == "" {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
			defer cancel()
			if t.Failed() {
				out, _ := c.command(ctx, "logs", "--tail", "30", "--no-color").CombinedOutput() // as far as there are any
				t.Logf("%s", out)
			}
			out, err := c.command(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "10").CombinedOutput()
			require.NoErrorf(t, err, "%s", out)
		})
	}
	start := time.Now()
	c.run(5*time.Minute, append([]string{"up", "--detach"}, composeServices...)...)
	until(t, 10*time.Minute, "every service healthy", c.healthy)
	t.Logf("everything healthy after %s", time.Since(start).Round(time.Second))

	load := c.run(time.Minute, "run", "--detach", "shop", "simulate", "--rate", composeRate,
		"--position", "/var/lib/meshwork/position", "--output", "json")
	load = lastLine(load)
	orders := orderproc.OrderState.Name()
	grows := func(by int64) {
		from := endOffset(t, orders)
		until(t, 3*time.Minute, "orders going on", func() (bool, string) {
			now := endOffset(t, orders)
			return now >= from+by, strconv.FormatInt(now, 10)
		})
	}
	grows(50)
	for _, broker := range []string{"kafka-1", "kafka-2", "kafka-3"} {
		c.run(time.Minute, "kill", "--signal", "SIGKILL", broker)
		t.Logf("%s is gone, %d records of orders", broker, endOffset(t, orders))
		grows(100) // without it
		c.run(5*time.Minute, "up", "--detach", "--no-recreate", "--wait", broker)
		until(t, 5*time.Minute, "all replicas in sync", func() (bool, string) { return inSync(t) })
		t.Logf("%s is back and in sync, %d records of orders", broker, endOffset(t, orders))
	}
	sent := closeShop(t, load)
	t.Logf("the shop sent %+v", sent)
	settled(t, composeBrokers, 30*time.Second, orders, product.ProductSalesState.Name(), shop.PageNavigatedEvent.Name(), orderproc.OrderHourlyState.Name())
	until(t, time.Minute, "every service healthy", c.healthy)
	requireNothingLost(t, sent)
	c.run(2*time.Minute, "run", "--rm", "--no-deps", "check")
}

// shopSent is what the shop says it sent, all of it acknowledged.
type shopSent struct{ Messages, Actions, Orders int64 }

// closeShop asks the shop to stop, which it does once everything it sent is acknowledged, and reads its last word.
func closeShop(t *testing.T, container string) (sent shopSent) {
	t.Helper()
	output(t, 3*time.Minute, "docker", "stop", "--time", "120", container)
	code := strings.TrimSpace(output(t, time.Minute, "docker", "wait", container))
	log, err := exec.CommandContext(t.Context(), "docker", "logs", container).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "0", code, "%s", log)
	i := strings.LastIndex(string(log), "\n{")
	require.NoError(t, json.Unmarshal(log[i+1:], &sent), "%s", log)
	return sent
}

// requireNothingLost compares what the shop sent with what the mesh made of it.
func requireNothingLost(t *testing.T, sent shopSent) {
	t.Helper()
	actions, kinds := map[string]bool{}, map[shop.ActionKind]int{}
	for _, r := range readAll(t, shop.ShopActionEvent) {
		if id := r.value.Identity.IdempotenceID; !actions[id] {
			actions[id] = true
			kinds[r.value.Kind]++
		}
	}
	require.Len(t, actions, int(sent.Actions), "every acknowledged action is in its topic")
	require.Len(t, readAll(t, shop.SearchPerformedEvent), kinds[shop.ActionKindSearch])
	require.Len(t, readAll(t, shop.CartCheckedOutEvent), kinds[shop.ActionKindCheckout])
	require.Len(t, readAll(t, shop.UserRegisteredEvent), kinds[shop.ActionKindRegister])
	require.Len(t, readAll(t, shop.UserLoggedInEvent), kinds[shop.ActionKindLogin])

	asked := map[string]bool{}
	for _, r := range readAll(t, orderproc.CreateOrderCommand) {
		asked[r.value.OrderID] = true
	}
	require.Len(t, asked, kinds[shop.ActionKindCheckout]+int(sent.Orders), "one order per checkout, and those sent directly")
	state := newest(readAll(t, orderproc.OrderState))
	require.Len(t, state, len(asked), "every order that was asked for is there, and no other")
	var units, completed, refused int64
	for id, o := range state {
		require.True(t, asked[id], id)
		switch {
		case o.Status == orderproc.OrderStatusRefused:
			refused++
		case o.Status == orderproc.OrderStatusCompleted && o.Kind == orderproc.OrderKindSale:
			units += o.Totals.Units
			completed++
		}
	}
	require.Greater(t, completed, int64(100))

	var accepted, hourlyRefused, hourlyCompleted, hourlyUnits int64
	for _, h := range newest(readAll(t, orderproc.OrderHourlyState)) {
		accepted += h.Accepted
		hourlyRefused += h.Refused
		hourlyUnits += h.CompletedUnits
		hourlyCompleted += h.Completed
	}
	require.Equal(t, int64(len(state)), accepted+refused, "orders counted per hour")
	require.Equal(t, refused, hourlyRefused)
	require.Equal(t, units, hourlyUnits, "pieces counted per hour")

	var sold int64
	for _, s := range newest(readAll(t, product.ProductSalesState)) {
		sold += s.Units
	}
	require.Equal(t, units, sold, "pieces in Product Sales")
	t.Logf("%d actions; %d orders, %d refused, %d completed sales of %d pieces, in every table", len(actions), len(state), refused, completed, units)
}

type typedRecord[K, V any] struct {
	key   K
	value V
	gone  bool
}

// newest keeps the last value of every key.
func newest[K comparable, V any](all []typedRecord[K, V]) map[K]V {
	rows := map[K]V{}
	for _, r := range all {
		if rows[r.key] = r.value; r.gone {
			delete(rows, r.key)
		}
	}
	return rows
}

// readAll reads the committed records of a topic of the composed mesh to its present end.
func readAll[K, V any](t *testing.T, topic *schemas.Topic[K, V]) []typedRecord[K, V] {
	t.Helper()
	client, err := kafka.NewClient(kafka.Config{Brokers: strings.Split(composeBrokers, ",")})
	require.NoError(t, err)
	defer client.Close()
	reg, err := registry.NewClient([]string{composeRegistry})
	require.NoError(t, err)
	dec, err := avro.NewTopicDecoder(topic, reg)
	require.NoError(t, err)
	var tps []kafka.TopicPartition
	for p := range topic.Info.Partitions {
		tps = append(tps, kafka.TopicPartition{Topic: topic.Name(), Partition: int32(p)})
	}
	left, err := client.ListOffsets(t.Context(), tps, kafka.Latest, kafka.ReadCommitted)
	require.NoError(t, err)
	fetch := client.NewFetcher(kafka.FetchConfig{})
	defer fetch.Close()
	for _, tp := range tps {
		fetch.Add(tp, 0)
		if left[tp] == 0 {
			delete(left, tp)
		}
	}
	var all []typedRecord[K, V]
	for len(left) > 0 {
		chunks, err := fetch.Poll(t.Context())
		require.NoError(t, err)
		for _, c := range chunks {
			for r := (kafka.Record{}); c.Next(&r); {
				key, err := topic.Keys.Parse(r.Key)
				require.NoError(t, err)
				rec := typedRecord[K, V]{key: key, gone: r.Value == nil}
				if !rec.gone {
					require.NoError(t, dec.Decode(&rec.value, r.Value))
				}
				all = append(all, rec)
			}
			require.NoError(t, c.Err())
			if c.NextOffset() >= left[c.TopicPartition] {
				delete(left, c.TopicPartition)
			}
			c.Release()
		}
	}
	return all
}

// inSync tells whether every partition has all its replicas in sync. It asks with a client: Kafka's own tool would take
// the processor of the broker that is catching up.
func inSync(t *testing.T) (all bool, seen string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(composeBrokers, ",")...))
	require.NoError(t, err)
	defer client.Close()
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil {
		return false, err.Error()
	}
	partitions, short := 0, 0
	for i := range meta.Topics {
		for _, p := range meta.Topics[i].Partitions {
			partitions++
			if len(p.ISR) < len(p.Replicas) {
				short++
			}
		}
	}
	return partitions > 0 && short == 0, fmt.Sprintf("%d of %d partitions miss a replica", short, partitions)
}

// endOffset is the sum of a topic's end offsets; 0 while it cannot be told.
func endOffset(t *testing.T, topic string) (n int64) {
	t.Helper()
	_, seen := endOffsets(t, composeBrokers, topic, 0)
	if _, err := fmt.Sscan(seen, &n); err != nil {
		return 0
	}
	return n
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
