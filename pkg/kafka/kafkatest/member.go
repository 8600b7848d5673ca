package kafkatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meshwork.dev/pkg/kafka"
)

// Member is a group member that keeps the books of its events.
type Member struct {
	*kafka.Group
	done chan struct{}

	mu    sync.Mutex
	owned map[kafka.TopicPartition]bool
	log   []string
	err   error
	hold  chan struct{}
}

// Join joins a group for the length of a test.
func Join(t *testing.T, c *kafka.Client, cfg kafka.GroupConfig) *Member {
	t.Helper()
	m := &Member{Group: c.JoinGroup(cfg), done: make(chan struct{}), owned: map[kafka.TopicPartition]bool{}}
	go m.run()
	t.Cleanup(func() {
		m.Release()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = m.Leave(ctx)
		<-m.done
	})
	return m
}

func (m *Member) run() {
	defer close(m.done)
	for ev := range m.Events() {
		hold := m.note(ev)
		if ev.Kind == kafka.Assigned {
			continue
		}
		if hold != nil {
			<-hold
		}
		m.mu.Lock()
		for _, tp := range ev.Partitions {
			delete(m.owned, tp)
		}
		m.mu.Unlock()
		m.Ack()
	}
}

func (m *Member) note(ev kafka.GroupEvent) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, fmt.Sprint(ev.Kind, " ", len(ev.Partitions)))
	switch ev.Kind {
	case kafka.Assigned:
		for _, tp := range ev.Partitions {
			if m.owned[tp] {
				m.log = append(m.log, "assigned twice: "+tp.String())
			}
			m.owned[tp] = true
		}
	case kafka.Failed:
		m.err = ev.Err
	default:
	}
	return m.hold
}

// Hold makes the member keep what is revoked or lost until Release.
func (m *Member) Hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = make(chan struct{})
}

// Release ends Hold.
func (m *Member) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hold != nil {
		close(m.hold)
		m.hold = nil
	}
}

// Owned is what the member holds.
func (m *Member) Owned() []kafka.TopicPartition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.owned))
}

// History is the events so far.
func (m *Member) History() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.log)
}

// Failure is the error of a membership that failed.
func (m *Member) Failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Settle waits until the members own n partitions between them, each one once, in fair shares.
func Settle(t *testing.T, n int, members ...*Member) {
	t.Helper()
	state := func() (string, bool) {
		seen, fair := map[kafka.TopicPartition]int{}, true
		var history []string
		for _, m := range members {
			parts := m.Owned()
			fair = fair && len(parts) <= (n+len(members)-1)/len(members)
			for _, tp := range parts {
				seen[tp]++
			}
			history = append(history, fmt.Sprint(m.History()))
		}
		for _, k := range seen {
			fair = fair && k == 1
		}
		return strings.Join(history, " "), fair && len(seen) == n
	}
	if !eventually(30*time.Second, func() bool { _, ok := state(); return ok }) {
		text, _ := state()
		require.Fail(t, "the group did not settle", "%s", text)
	}
}

// eventually asks ok every 10 ms until it says yes or the time is up.
func eventually(d time.Duration, ok func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return ok()
}
