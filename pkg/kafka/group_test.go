package kafka

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/broker"
)

// watched is a group member with what its events amount to.
type watched struct {
	*Group
	c    *Client
	done chan struct{}

	mu     sync.Mutex
	owned  map[TopicPartition]bool
	log    []string
	hold   chan struct{} // when set, revocations wait for it
	failed error
}

func watch(t *testing.T, c *Client, cfg GroupConfig) *watched {
	t.Helper()
	w := &watched{Group: c.JoinGroup(cfg), c: c, done: make(chan struct{}), owned: map[TopicPartition]bool{}}
	go w.run()
	t.Cleanup(func() { _ = w.Leave(t.Context()) })
	return w
}

func (w *watched) run() {
	defer close(w.done)
	for ev := range w.Events() {
		w.mu.Lock()
		w.log = append(w.log, fmt.Sprint(ev.Kind, len(ev.Partitions)))
		hold := w.hold
		if ev.Kind == Assigned {
			for _, tp := range ev.Partitions {
				w.owned[tp] = true
			}
		}
		if ev.Kind == Failed {
			w.failed = ev.Err
		}
		w.mu.Unlock()
		if ev.Kind == Revoked && hold != nil {
			<-hold
		}
		w.mu.Lock()
		if ev.Kind != Assigned {
			for _, tp := range ev.Partitions {
				delete(w.owned, tp)
			}
		}
		w.mu.Unlock()
		w.Ack()
	}
}

func (w *watched) parts() []TopicPartition {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.owned))
}

func (w *watched) history() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

// settle waits until the members own all n partitions, each exactly once and none more than its share.
func settle(t *testing.T, n int, members ...*watched) {
	t.Helper()
	require.Eventually(t, func() bool {
		seen := map[TopicPartition]int{}
		for _, w := range members {
			parts := w.parts()
			if len(parts) > (n+len(members)-1)/len(members) {
				return false
			}
			for _, tp := range parts {
				seen[tp]++
			}
		}
		for _, k := range seen {
			if k != 1 {
				return false
			}
		}
		return len(seen) == n
	}, 20*time.Second, 10*time.Millisecond)
}

func protocols(t *testing.T, fn func(t *testing.T, classic bool)) {
	t.Helper()
	for name, classic := range map[string]bool{"classic": true, "consumer": false} {
		t.Run(name, func(t *testing.T) { fn(t, classic) })
	}
}

func TestGroupSharesPartitions(t *testing.T) {
	protocols(t, func(t *testing.T, classic bool) {
		b := broker.New(t, broker.WithBrokers(3), broker.WithTopics(6, "in"), broker.WithTopics(2, "side"))
		cfg := GroupConfig{ID: "g", Topics: []string{"in"}, Classic: classic, SessionTimeout: 6 * time.Second}
		m1 := watch(t, testClient(t, b.Addrs()), cfg)
		settle(t, 6, m1)
		m2 := watch(t, testClient(t, b.Addrs()), cfg)
		settle(t, 6, m1, m2)
		m3 := watch(t, testClient(t, b.Addrs()), cfg)
		settle(t, 6, m1, m2, m3)
		require.NoError(t, m2.Leave(t.Context()))
		<-m2.done
		settle(t, 6, m1, m3)
		require.NoError(t, m1.Leave(t.Context()))
		settle(t, 6, m3)
		t.Log(m1.history(), m2.history(), m3.history())
	})
}
